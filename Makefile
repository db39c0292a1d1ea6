# Every target does the set-up that it needs. Values go in as variables: make run ARGS="--set training.steps=200"

FIND_PYTHON := sh bootstrap/python.sh
VENV := .venv/bin/
AGAINST ?= origin/main
ARGS ?=
APPROVAL_KEY ?=
BECAUSE ?=
IMAGE ?= millrace
NAMED_IN ?=
# The image whose digest `make image` wrote into that file.
IMAGED = $(if $(NAMED_IN),--set vertex.image=$$(sed -n 's/^name=//p' $(NAMED_IN)))
# The pipeline whose release is made, as `millrace` finds its configuration: two of one checkout write two files.
CHOSEN = $(patsubst -c=%,%,$(filter -c=%,$(subst --config=,-c=,$(subst --config ,-c=,$(subst -c ,-c=,$(ARGS))))))
PIPELINE = $(basename $(notdir $(firstword $(CHOSEN) $(MILLRACE_CONFIG) $(shell cat conf/default 2>&-) $(wildcard conf/*.yaml))))
MADE = .cache/releases/$(PIPELINE)-$(ENV)
# One file's tests share what they set up, so a file stays on one core; each core holds TensorFlow, so not on all of 64.
SIDE_BY_SIDE := -n logical --maxprocesses 4 --dist loadfile
# The rooms whose code meets TFX, TensorFlow, Beam or ML Metadata, which the two stacks have in different versions.
OF_THE_STACK := $(addprefix library/tests/,beam catalog components container execution features metadata model_server \
	prediction registry serving statistics training) tests/test_models.py tests/test_pipeline.py
CHECKOV := .cache/deploy/bin/checkov
ENV ?= staging
ENVIRONMENTS ?= staging prod
PACKAGES ?=
PUBLIC_KEY ?= release.pub
RELEASE ?=
PUSH ?=
PYTHON ?=
TARGETS ?=

# Words of people and names of branches reach a command by the environment, as they are: neither make nor a shell reads them.
override AGAINST := $(value AGAINST)
override BECAUSE := $(value BECAUSE)
override RELEASE := $(value RELEASE)
export AGAINST BECAUSE RELEASE

.DEFAULT_GOAL := help
.PHONY: help setup run bench quality quality-quote wide mutants fuzz test test-thorough test-fast test-stack check format docs deploy-check jobs review release approve ship golden vendor picture stack-current stack-compatible stacks-agree stack-results image lock clean

help:  ## list the targets
	@echo "Millrace: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' Makefile
	@echo "MILLRACE_STACK=current|compatible and MILLRACE_PYTHON=PATH choose for set-up; make run ARGS=... passes options on."
	@echo "After set-up, for the command millrace in your shell: . .venv/bin/activate"

setup:  ## build .venv from the lock of the stack that this machine can run; quick when nothing changed
	@$(FIND_PYTHON) -m bootstrap setup

run: setup  ## run the Chicago-taxi pipeline, to a pushed model
	@$(VENV)millrace run $(ARGS)

bench: setup  ## measure beside stock TFX; ARGS="--rows 15000 --repeat 1 --as-shipped" and the like go on
	@$(VENV)python -m benchmarks $(ARGS)

quality: setup  ## measure how well the default model learns beside scikit-learn's defaults; ARGS="--table tips --seeds 2"
	@$(FIND_PYTHON) -m bootstrap tables
	@$(VENV)python -m benchmarks.quality $(ARGS)

quality-quote: setup  ## write what `make quality` measured last into README.md and its page; ARGS="a.json b.json" takes others
	@$(VENV)python -m benchmarks.quality $(or $(ARGS),runs/quality/results.json) --quote README.md --quote docs/reference/benchmarks.md

wide: setup  ## measure how the cost of a run grows with the columns, beside stock TFX; ARGS="--table 1000x100"
	@$(VENV)python -m benchmarks.wide $(ARGS)

mutants: setup  ## change the library's logic one place at a time and see whether a test fails; ARGS="--room tables --sample 30"
	@$(VENV)python -m benchmarks.mutants $(ARGS)

fuzz: setup  ## try generated configurations, texts and --set; FUZZ=20000 tries so many of each kind
	@FUZZ=$${FUZZ:-5000} $(VENV)python -m pytest library/tests/config/test_fuzzed_configurations.py $(ARGS)

test: setup  ## run the tests
	@$(VENV)python -m pytest $(SIDE_BY_SIDE) -m "not thorough" $(ARGS)

test-thorough: setup  ## run all tests, and those that show of more cases or by another way what `make test` shows
	@$(VENV)python -m pytest $(SIDE_BY_SIDE) $(ARGS)

test-fast: setup  ## run the tests that take seconds
	@$(VENV)python -m pytest $(SIDE_BY_SIDE) -m "not slow" $(ARGS)

test-stack: setup  ## run the tests that take seconds of what the two stacks could make differ
	@$(VENV)python -m pytest $(SIDE_BY_SIDE) -m "not slow" $(OF_THE_STACK) $(ARGS)

check: setup  ## check format, lint, types and import order; all of them, whatever the first one says
	@failed=; try() { "$$@" || failed="$$failed, $${1##*/} $$2"; }; \
	try $(VENV)ruff format --check .; try $(VENV)ruff check .; try $(VENV)mypy; try $(VENV)lint-imports --no-cache; \
	test -n "$$failed" || exit 0; \
	echo "make check: these failed: $${failed#, }"; \
	case "$$failed" in *ruff*) echo "  make format formats the code, and fixes what can be fixed by itself";; esac; \
	case "$$failed" in *mypy*) echo "  mypy names the lines above; a function wants types for its arguments and its result: def f(x: int) -> str";; esac; \
	exit 1

format: setup  ## format the code and fix what can be fixed by itself
	@$(VENV)ruff check --fix-only .
	@$(VENV)ruff format .

docs: setup  ## build the documentation site into .cache/site; a link that leads nowhere ends it
	@$(FIND_PYTHON) -m bootstrap docs

deploy-check: setup  ## look at deploy/terraform without a network: format, arguments, references, values, and checkov's rules
	@$(FIND_PYTHON) -m bootstrap deploy
	@$(VENV)millrace deploy check
	@$(CHECKOV) --directory deploy/terraform --config-file deploy/terraform/.checkov.yaml

jobs: setup  ## compile the job of each of ENVIRONMENTS, check it, and say its roles; dev runs here and has none; ARGS="--set KEY=VALUE"
	@for each in $(ENVIRONMENTS); do \
	  $(VENV)millrace compile --env $$each $(ARGS) && $(VENV)millrace check --env $$each $(ARGS) \
	    && $(VENV)millrace iam --env $$each $(ARGS) || exit; \
	done

review: setup  ## write what changes since AGAINST into .cache/review.md: graph, schema in words, jobs, roles, cost
	@mkdir -p .cache
	@$(VENV)millrace review --against "$$AGAINST" -o .cache/review.md $(ARGS)

release: setup  ## compile, rehearse and build the release of ENV as .cache/releases/PIPELINE-ENV.release.tar, with the image that NAMED_IN tells of
	@$(VENV)millrace compile --env $(ENV) $(IMAGED) $(ARGS) -o $(MADE).job.json
	@$(VENV)millrace rehearse $(MADE).job.json --env $(ENV) $(IMAGED) $(ARGS)
	@$(VENV)millrace release build --env $(ENV) $(IMAGED) $(ARGS) --job $(MADE).job.json \
	  --key-env RELEASE_KEY -o $(MADE).release.tar

approve: setup  ## approve RELEASE, whole and signed by PUBLIC_KEY; BECAUSE="why", and APPROVAL_KEY holds a key to sign with
	@test -n "$$RELEASE" || { echo "make approve: name the release's file: RELEASE=FILE"; exit 2; }
	@$(VENV)millrace release approve "$$RELEASE" --public-key $(PUBLIC_KEY) --because "$$BECAUSE" \
	  $(if $(APPROVAL_KEY),--key-env APPROVAL_KEY)

ship: setup  ## promote RELEASE to ENV, by the policy of ENV, its job sent as it was built and waited for; BECAUSE="why"
	@test -n "$$RELEASE" || { echo "make ship: name the release's file: RELEASE=FILE"; exit 2; }
	@$(VENV)millrace promote "$$RELEASE" --to $(ENV) --public-key $(PUBLIC_KEY) --because "$$BECAUSE" $(ARGS)

golden: setup  ## write the golden files again: compiled jobs, screens, the configuration's schema; read the difference
	@PYTHONPATH=. $(VENV)python library/tests/jobspec/golden_cases.py
	@$(VENV)millrace config schema
	@PYTHONPATH=. $(VENV)python library/tests/cli/terminal_cases.py
	@git --no-pager diff --stat -- library/tests/jobspec/golden library/tests/cli/golden conf

stack-current:  ## as root: try "make run test" with TFX 1.21 on a fresh Debian 13; TARGETS="..." ARGS="..." WITH=chromium PYTHON=3.11 choose
	@$(FIND_PYTHON) -m bootstrap root $(if $(PYTHON),--python $(PYTHON)) current $(TARGETS)

stack-compatible:  ## as root: try "make run test" with TFX 1.16 on a fresh Debian 12
	@$(FIND_PYTHON) -m bootstrap root $(if $(PYTHON),--python $(PYTHON)) compatible $(TARGETS)

stacks-agree: setup  ## as root: run the same on both stacks, compare what they made, serve each one's model with the other
	@rm -rf .cache/stacks
	@$(MAKE) --no-print-directory stack-results
	@$(FIND_PYTHON) -m bootstrap root $(if $(PYTHON),--python $(PYTHON)) other $(TARGETS) stack-results
	@MILLRACE_STACKS_RECORDED=yes $(VENV)python -m pytest library/tests/stacks $(ARGS)

stack-results: setup  ## record under .cache/stacks what this stack makes of the taxi data
	@$(VENV)python library/tests/stacks/record.py .cache/stacks

image:  ## build the container image, with Docker; IMAGE=NAME names it, PUSH=1 pushes it and tells its digest, also in NAMED_IN=FILE
	@sh bootstrap/docker_image.sh "$(IMAGE)" "$(PUSH)" "$(NAMED_IN)"

lock:  ## resolve the locks again and say what changed; PACKAGES="rich click" or PACKAGES=all upgrades
	@$(FIND_PYTHON) -m bootstrap lock $(PACKAGES)

picture: setup  ## photograph the README's picture of the console, of a run of the taxi pipeline; needs Debian's chromium
	@$(VENV)python -m library.site.picture $(ARGS)

vendor:  ## fetch from npm, by checksum, the scripts that the console serves
	@python3 library/vendor.py

clean:  ## remove the environment, caches and build leftovers; runs and models stay
	rm -rf .venv .cache build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
