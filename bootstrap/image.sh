#!/bin/sh
# Fills the environment of the container image from a lock; `Dockerfile` calls it, and so does the test that has no Docker.
#
#   image.sh dependencies STACK PYTHON ENVIRONMENT     makes ENVIRONMENT and installs what setup.py asks for
#   image.sh project      STACK PYTHON ENVIRONMENT     installs the project itself into it
#
# The working directory holds setup.py and requirements/STACK.txt. uv is on PATH. Only what setup.py requires is
# installed, with all that this requires, by the lock's versions and hashes: nothing that only works on Millrace.
set -eu

step=$1 stack=$2 python=$3 environment=$4
lock="$PWD/requirements/$stack.txt"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# uv would otherwise build the wheel, and packages that come as source, with whatever setuptools is the newest.
export UV_BUILD_CONSTRAINT="$lock" UV_PYTHON_DOWNLOADS=never
# Or every task would compile what it imports: it may not write into its environment. A test may go without.
export UV_COMPILE_BYTECODE="${UV_COMPILE_BYTECODE-1}"

wheel_of() {
    uv build --quiet --wheel --python "$python" --out-dir "$scratch/wheel" "$1"
    echo "$scratch"/wheel/*.whl
}

case $step in
dependencies)
    # A package without code asks for the same as the whole one, and changes only with setup.py.
    mkdir -p "$scratch/empty/conf"
    cp LICENSE MANIFEST.in pyproject.toml setup.py "$scratch/empty/"
    wheel=$(wheel_of "$scratch/empty")
    printf '%s --hash=sha256:%s\n' "$wheel" "$(sha256sum "$wheel" | cut -d ' ' -f 1)" >"$scratch/wanted.txt"
    uv venv --quiet --python "$python" "$environment"
    uv pip install --quiet --python "$environment/bin/python" --require-hashes \
        --constraints "$lock" --requirements "$scratch/wanted.txt"
    ;;
project)
    cp -R . "$scratch/source"
    wheel=$(wheel_of "$scratch/source")
    uv pip install --quiet --python "$environment/bin/python" --no-deps --reinstall "$wheel"
    uv pip check --quiet --python "$environment/bin/python"
    ;;
*)
    echo "image.sh: $step is neither dependencies nor project" >&2
    exit 2
    ;;
esac
