"""Rules on code: what the containers will import is there, and is in the package that they get."""

import contextlib
import itertools
import json
import re
from collections.abc import Iterator
from typing import Optional

import yaml

import millrace
from millrace.config.config import Config
from millrace.features import expression
from millrace.jobspec import importable
from millrace.jobspec.artifact_types import EXPECTED, is_accepted
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob, Spec, Step
from millrace.project import project

_EXECUTOR_FLAG = "--executor_class_path"
# Execution properties that name the user's functions, and those in the JSON of `custom_config`.
_FUNCTIONS = ("preprocessing_fn", "run_fn", "tuner_fn", "trainer_fn", "stats_options_updater_fn", "splits_transform")
_CONFIGURED_FUNCTIONS = ("model_fn",)
_FIRST_PARTY = ("tfx.", "system.", "google.")
# What started the tasks of jobs that Millrace 0.1 compiled, and no image of a later version holds.
_CONTAINER_BEFORE = "runners.container"
# What starts the tasks of Millrace and of TFX.
_OWN_MODULES = ("millrace.", "tfx.")
_STOCK = re.compile(r"(?:(?:docker\.io/|gcr\.io/tfx-oss-public/)(?:tensorflow/)?|tensorflow/)tfx(?:[:@].*)?")
_IN_THE_STOCK_IMAGE = frozenset({"tfx", "tensorflow", "tensorflow_transform", "tensorflow_model_analysis"})


def version(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """The job was compiled by a version of Millrace whose tasks this one starts.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if _is_older(job):
        yield JobFinding(
            "version",
            "error",
            f"compiled by Millrace 0.1, whose tasks start with `python -m {_CONTAINER_BEFORE}`; "
            f"an image with Millrace {millrace.__version__} has no such module",
            job.file or job.name,
            "compile it again: millrace compile; or send it with the version and the image that it was compiled for",
        )


def _is_older(job: CompiledJob) -> bool:
    return any(_CONTAINER_BEFORE in _modules(job.executor(step.task).get("container", {})) for step in job.walk())


def executors(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Executor classes, and modules that a command runs, can be imported in the container.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if _is_older(job):
        return
    images = _own_images(job)
    for step in job.walk():
        container = job.executor(step.task).get("container", {})
        check = container.get("lifecycle", {}).get("preCacheCheck", {})
        for module in (*_modules(container), *_modules(check)):
            trouble = importable.module_trouble(f"{module}.__main__", module)
            if trouble and container.get("image") not in images:
                yield JobFinding(
                    "code-of-another-image",
                    "warning",
                    f"{step.name} runs the module {module} of another image: not checked",
                    step.name,
                    f"see that {container.get('image') or 'its image'} holds it",
                )
            else:
                yield from _missing(step, "the module", module, trouble)
        for path in _after(_EXECUTOR_FLAG, container.get("args", [])):
            yield from _missing(step, "the executor", path, importable.trouble(path))


def _own_images(job: CompiledJob) -> set[str]:
    """The images whose content is known here: those in which tasks of Millrace and of TFX are started."""
    containers = [job.executor(step.task).get("container", {}) for step in job.walk()]
    return {
        container.get("image", "")
        for container in containers
        if any(module.startswith(_OWN_MODULES) for module in _modules(container))
    }


def stock_image(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """TFX's own image holds nothing of the user, and nothing of Millrace.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step in job.walk():
        container = job.executor(step.task).get("container", {})
        if not _STOCK.fullmatch(container.get("image", "")):
            continue
        named = [*_modules(container), *_after(_EXECUTOR_FLAG, container.get("args", [])), *functions_of(job, step)]
        foreign = [path for path in named if path.partition(".")[0] not in _IN_THE_STOCK_IMAGE]
        if foreign:
            yield JobFinding(
                "stock-image",
                "before submit",
                f"{step.name} imports {foreign[0]}, and {container['image']} is TFX's own image, which has none of it",
                step.name,
                "build an image with your code in it (docs/guides/container.md), and name it by its digest",
            )


def clashes(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """No other distribution brings packages of the project's names: in an image their files would be mixed.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for package, distribution in project.clashes().items():
        yield JobFinding(
            "clash",
            "warning",
            f"the distribution {distribution} brings a package called {package} too, as the project does",
            package,
            f"keep {distribution} out of requirements/, or rename the project's package",
        )


def user_code(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """The user's functions can be imported, and are in the package that `setup.py` ships.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if _is_older(job):
        return
    for step in job.walk():
        for path in dict.fromkeys(functions_of(job, step)):
            yield from _missing(step, "the function", path, importable.trouble(path))
        packed = _texts(job, step).get("module_path", "").partition("@")[2]
        if packed and "://" not in packed:
            yield JobFinding(
                "module-file",
                "before submit",
                f"{step.name} installs {packed}, a file of this machine",
                step.name,
                "name the code by dotted path (run_fn=...), or compile with a gs:// pipeline root",
            )


def _texts(job: CompiledJob, step: Step) -> dict[str, str]:
    given = step.task.get("inputs", {}).get("parameters", {})
    return {name: value for name in given if isinstance(value := job.value(step, name), str)}


def functions_of(job: CompiledJob, step: Step) -> list[str]:
    """The functions that a task names by their dotted paths, which it imports.

    Args:
        job: the job.
        step: the task.

    Returns:
        Dotted paths; none for a task that installs a wheel with its code (`module_file`).
    """
    texts = _texts(job, step)
    if texts.get("module_path"):
        return []  # they are in the wheel that the task installs
    named = [texts[name] for name in _FUNCTIONS if texts.get(name)]
    return [*named, *_in_custom_config(texts.get("custom_config"))]


def artifact_types(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """A container imports the class of an artifact by the title that the spec gives.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if _is_older(job):
        return
    for step in job.walk():
        for kind in ("inputDefinitions", "outputDefinitions"):
            for spec in step.component.get(kind, {}).get("artifacts", {}).values():
                title = _title(spec.get("artifactType", {}))
                if not title or title.startswith(_FIRST_PARTY):
                    continue
                if not is_accepted(title):
                    what = f"the artifact type {title} of {step.name} is not named {EXPECTED}"
                    yield JobFinding(
                        "code", "error", what, step.name, "change the class's TYPE_NAME, and compile again"
                    )
                else:
                    yield from _missing(step, "the artifact type", title, importable.trouble(title))


def _title(declared: Spec) -> str:
    if "schemaTitle" in declared:
        return str(declared["schemaTitle"])
    # A whole schema, whose first line is its title: YAML's parser is not asked for more.
    first = declared.get("instanceSchema", "").partition("\n")[0]
    return str((yaml.safe_load(first) or {}).get("title", "")) if first else ""


def _modules(command: Spec) -> Iterator[str]:
    words = [*command.get("command", []), *command.get("args", [])]
    if any(word.rpartition("/")[2].startswith("python") for word in words[:3]):
        yield from list(_after("-m", words))[:1]


def _after(flag: str, words: list[str]) -> Iterator[str]:
    for word, following in itertools.pairwise(words):
        if word == flag:
            yield following


def _in_custom_config(text: Optional[str]) -> Iterator[str]:
    try:
        custom_config = json.loads(text or "null")
    except json.JSONDecodeError:
        return
    if isinstance(custom_config, dict):
        yield from (str(custom_config[key]) for key in _CONFIGURED_FUNCTIONS if custom_config.get(key))
        table = custom_config.get("features")
        described = table.get("features") if isinstance(table, dict) else None
        for feature in described.values() if isinstance(described, dict) else ():
            encoder = feature.get("encoder") if isinstance(feature, dict) else None
            if isinstance(encoder, str) and "." in encoder:
                yield encoder
            with contextlib.suppress(ValueError, TypeError, AttributeError):  # a job of others may hold anything
                yield from expression.functions_of(expression.parse(feature.get("expression")))


def _missing(step: Step, kind: str, name: str, trouble: Optional[tuple[str, str]]) -> Iterator[JobFinding]:
    if trouble:
        what, remedy = trouble
        yield JobFinding("code", "error", f"{kind} {name} of {step.name} {what}", step.name, remedy)
