"""A compiled cloud job as a value: loaded, saved, and looked into, without TFX.

Two documents are read. A PipelineJob in JSON, which is what Vertex AI takes and what TFX's compiler writes: dialect
"vertex". YAML of the bare pipeline spec, which is what open-source Kubeflow Pipelines v2 takes: dialect "kubeflow"; a
second YAML document holds what is said of the platform. Their format is KFP's `pipeline_spec.proto`, schemas 2.0 and
2.1, and for the job itself the REST resource `projects.locations.pipelineJobs` of Vertex AI.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Optional, Union

import yaml

from millrace.base import files
from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.base.shapes import TOO_DEEP, NoDocument, misshapen, with_field_names, without_nulls
from millrace.jobspec.graphs import in_order, unwalkable
from millrace.jobspec.job_shape import JOB, JSON_PARAMETERS, PLATFORMS, SPEC

Spec = dict[str, Any]
Dialect = Literal["vertex", "kubeflow"]

_JOB_KEYS = ("pipelineSpec", "runtimeConfig", "labels", "displayName")
# How schema 2.0 writes a typed value, and how its types are called in 2.1.
_TYPED_VALUES = {"intValue": int, "doubleValue": float, "stringValue": str}
_TYPES_OF_2_0 = {"INT": "NUMBER_INTEGER", "DOUBLE": "NUMBER_DOUBLE", "STRING": "STRING"}


@dataclass(frozen=True)
class Parameter:
    """One declared runtime parameter.

    Args:
        name: its public name.
        type: STRING, NUMBER_INTEGER, NUMBER_DOUBLE, BOOLEAN, LIST or STRUCT.
        default: the value that holds when none is given; None when there is none.
        optional: whether the job runs without a value.
    """

    name: str
    type: str
    default: Any = None
    optional: bool = False


@dataclass(frozen=True)
class Step:
    """One task where it stands, for whoever walks through nested graphs.

    Args:
        name: the task's name in its graph.
        task: its task spec.
        component: the component that it runs.
        dag: the name of the component whose graph holds it; empty for the root.
        within: the task that is that graph, where it stands; None for the root's.
    """

    name: str
    task: Spec
    component: Spec
    dag: str = ""
    within: Optional["Step"] = None


@dataclass(frozen=True)
class CompiledJob:
    """A compiled job.

    Args:
        spec: the pipeline spec.
        runtime: the PipelineJob's `runtimeConfig`: output directory, parameter values, failure policy.
        labels: the PipelineJob's labels.
        display_name: what a person calls the job; the pipeline's name when the document has none.
        dialect: which service it was compiled for.
        settings: what else the PipelineJob says: `encryptionSpec`, `serviceAccount`, `network` and the like.
        platform: the second YAML document of a Kubeflow job, by platform.
        file: where it was read from; empty when it was made in memory.
    """

    spec: Spec
    runtime: Spec = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    display_name: str = ""
    dialect: Dialect = "vertex"
    settings: Spec = field(default_factory=dict)
    platform: Spec = field(default_factory=dict)
    file: str = ""

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return str(self.spec.get("pipelineInfo", {}).get("name", ""))

    @property
    def root(self) -> str:
        """The folder below which the service puts artifacts; empty when the document leaves it to the service."""
        return str(self.runtime.get("gcsOutputDirectory") or self.spec.get("defaultPipelineRoot", ""))

    @property
    def schema_version(self) -> str:
        """The version of the spec's schema, for instance 2.1.0."""
        return str(self.spec.get("schemaVersion", ""))

    @property
    def tasks(self) -> dict[str, Spec]:
        """The root graph's tasks by name, in an order in which they can run."""
        return in_order(self.spec.get("root", {}).get("dag", {}).get("tasks", {}))

    @property
    def executors(self) -> dict[str, Spec]:
        """The executors by label."""
        executors: dict[str, Spec] = self.spec.get("deploymentSpec", {}).get("executors", {})
        return executors

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The declared runtime parameters by name."""
        declared = self.spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
        return {name: _parameter(name, spec) for name, spec in declared.items()}

    @property
    def values(self) -> dict[str, Any]:
        """The values that the job gives to its runtime parameters, without their defaults."""
        typed = {name: plain_value(value) for name, value in self.runtime.get("parameters", {}).items()}
        return {**typed, **self.runtime.get("parameterValues", {})}

    @property
    def effective_values(self) -> dict[str, Any]:
        """The values that the tasks will see: those given, and the defaults of the others."""
        defaults = {name: one.default for name, one in self.parameters.items() if one.default is not None}
        return {**defaults, **self.values}

    def component(self, task: Mapping[str, Any]) -> Spec:
        """The component that a task runs; empty when the document does not hold it."""
        component: Spec = self.spec.get("components", {}).get(task.get("componentRef", {}).get("name", ""), {})
        return component

    def executor(self, task: Mapping[str, Any]) -> Spec:
        """How a task runs (`container`, `importer`, `resolver` or `customJob`); empty for a task that is a graph."""
        return self.executors.get(str(self.component(task).get("executorLabel", "")), {})

    def value(self, step: Step, name: str) -> Any:
        """What a task gets as a parameter: a constant, a runtime parameter's value, or its component's default.

        A task in a nested graph may be handed the value under another name. None where there is none of the three.

        Args:
            step: where the task stands.
            name: the input parameter's name.
        """
        given = step.task.get("inputs", {}).get("parameters", {})
        if name not in given:
            declared = step.component.get("inputDefinitions", {}).get("parameters", {})
            return plain_value(declared.get(name, {}).get("defaultValue"))
        handed = given[name].get("componentInputParameter")
        if handed is None:
            constant = given[name].get("runtimeValue", {})
            return constant.get("constant", plain_value(constant.get("constantValue")))
        return self.effective_values.get(handed) if step.within is None else self.value(step.within, handed)

    def runtime_parameter(self, step: Step, name: str) -> str:
        """The job's parameter that a task gets as one of its own, through the graphs that hold it; empty for none.

        Args:
            step: where the task stands.
            name: the input parameter's name.
        """
        spec = step.task.get("inputs", {}).get("parameters", {}).get(name, {})
        handed = str(spec.get("componentInputParameter", ""))
        return self.runtime_parameter(step.within, handed) if handed and step.within else handed

    def json_value(self, step: Step, name: str) -> Spec:
        """What a task gets as a parameter that holds a JSON object, such as `custom_config`; empty where it is none.

        Args:
            step: where the task stands.
            name: the input parameter's name.
        """
        value = self._json(step, name)
        return value if isinstance(value, dict) else {}

    def json_items(self, step: Step, name: str) -> list[Any]:
        """What a task gets as a parameter that holds a JSON list, such as `worker_pool_specs`; empty where it is none.

        Keys are as protobuf calls its fields.

        Args:
            step: where the task stands.
            name: the input parameter's name.
        """
        value = self._json(step, name)
        return with_field_names(value) if isinstance(value, list) else []

    def _json(self, step: Step, name: str) -> Any:
        try:
            return _read_json(self.value(step, name))
        except (ValueError, NoDocument):
            return None

    def graph(self, task: Mapping[str, Any]) -> dict[str, Spec]:
        """The tasks within a task that is itself a graph (TFX makes one when there is an exit handler), in order."""
        return in_order(self.component(task).get("dag", {}).get("tasks", {}))

    def walk(self) -> Iterator[Step]:
        """Every task, those of nested graphs after the task that holds them."""
        yield from self._walk(self.tasks, "", None)

    def _walk(self, tasks: Mapping[str, Spec], dag: str, within: Optional[Step]) -> Iterator[Step]:
        for name, task in tasks.items():
            step = Step(name, task, self.component(task), dag, within)
            yield step
            yield from self._walk(self.graph(task), str(task.get("componentRef", {}).get("name", "")), step)

    def with_values(self, values: Mapping[str, Any]) -> "CompiledJob":
        """The same job with other values of its runtime parameters.

        Args:
            values: by parameter name; text is read as the declared type.

        Raises:
            BadInput: there is no such parameter, or the text is no value of its type.
        """
        given = {name: self._converted(name, value) for name, value in values.items()}
        runtime = copy.deepcopy(self.runtime)
        if self.schema_version.startswith("2.0"):
            typed = {name: _typed_value(self.parameters[name], value) for name, value in given.items()}
            runtime["parameters"] = {**runtime.get("parameters", {}), **typed}
        else:
            runtime["parameterValues"] = {**runtime.get("parameterValues", {}), **given}
        job = replace(self, runtime=runtime)
        _require_none(_misshapen_parameters(job), self.file)
        return job

    def _converted(self, name: str, value: Any) -> Any:
        if name not in self.parameters:
            raise BadInput(
                f"the job has no parameter {name}{did_you_mean(name, self.parameters)}",
                where=self.file,
                remedy=f"its parameters are: {', '.join(self.parameters) or 'none'}",
            )
        kind = self.parameters[name].type
        if not isinstance(value, str) or kind == "STRING":
            return value
        try:
            return _parsed(value, kind)
        except ValueError as error:
            raise BadInput(
                f"{value!r} is no {kind}", where=f"parameter {name}", remedy="fix the value, or leave it out"
            ) from error

    def to_document(self) -> list[Spec]:
        """The documents that `save` writes: one PipelineJob, or the spec and what is said of the platform."""
        if self.dialect == "kubeflow":
            return [self.spec, *([{"platforms": self.platform}] if self.platform else [])]
        job = {
            "displayName": self.display_name or self.name,
            "pipelineSpec": self.spec,
            "labels": self.labels,
            "runtimeConfig": self.runtime,
        }
        return [{**self.settings, **{key: value for key, value in job.items() if value}}]

    def to_text(self) -> str:
        """The text of the file: JSON for Vertex AI, YAML for Kubeflow Pipelines; keys sorted."""
        documents = self.to_document()
        if self.dialect == "kubeflow":
            return yaml.safe_dump_all(documents, sort_keys=True, width=110)
        return json.dumps(documents[0], indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def save(self, path: Union[str, Path]) -> None:
        """Writes the job, whole or not at all.

        Raises:
            BadInput: nothing can be written there.
        """
        files.write_named(path, self.to_text())


def load(path: Union[str, Path]) -> CompiledJob:
    """Reads a compiled job.

    Args:
        path: a PipelineJob in JSON or YAML, or YAML of a bare pipeline spec.

    Raises:
        BadInput: it cannot be read, or is no compiled job.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"cannot be read: {reason}", where=str(path), remedy=_MAKE_ONE) from error
    return parsed(text, str(path))


def parsed(text: str, file: str) -> CompiledJob:
    """Makes a job of a file's text; see `load`.

    Args:
        text: JSON or YAML.
        file: where it was read, for messages.

    Raises:
        BadInput: it is no compiled job.
    """
    try:
        # Every JSON document is YAML, but YAML's parser is slow and lacks some of JSON's escapes.
        documents = [json.loads(text)] if text.lstrip().startswith("{") else list(yaml.safe_load_all(text))
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise BadInput(f"neither JSON nor YAML: {error}", where=file, remedy=_MAKE_ONE) from error
    return from_documents(documents, file)


_MAKE_ONE = "make one with: millrace compile --runner vertex"


def from_documents(documents: list[Any], file: str = "") -> CompiledJob:
    """Makes a job of the parsed documents of a file; see `load`.

    Args:
        documents: one of a Vertex AI job, one or two of a Kubeflow job.
        file: where they were read, for messages.

    Raises:
        BadInput: they are no compiled job.
    """
    try:
        # A line of dashes at the end begins one more, which is empty.
        documents = [document for document in without_nulls(documents) if document is not None]
    except NoDocument as error:
        raise BadInput(f"no compiled job: {error}", where=file, remedy=_MAKE_ONE) from error
    first = documents[0] if documents else None
    spec = first.get("pipelineSpec", first) if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(spec, dict) or "root" not in spec or "components" not in spec:
        raise BadInput("no compiled job: there is no pipeline spec in it", where=file, remedy=_MAKE_ONE)
    shapes = (SPEC, PLATFORMS) if first is spec else (JOB,)
    if len(documents) > len(shapes):
        _require_none([f"it has {len(documents)} documents, and such a job has {len(shapes)} at most"], file)
    _require_none(
        [what for document, shape in zip(documents, shapes, strict=False) for what in misshapen(document, shape)],
        file,
    )
    _require_none(unwalkable(spec), file)
    if first is spec:
        platform = documents[1].get("platforms", {}) if len(documents) > 1 else {}
        job = CompiledJob(spec=spec, dialect="kubeflow", platform=platform, file=file)
    else:
        job = CompiledJob(
            spec=spec,
            runtime=first.get("runtimeConfig", {}),
            labels=first.get("labels", {}),
            display_name=first.get("displayName", ""),
            settings={key: value for key, value in first.items() if key not in _JOB_KEYS},
            file=file,
        )
    _require_none(_misshapen_parameters(job), file)
    return job


def _misshapen_parameters(job: CompiledJob) -> list[str]:
    found: list[str] = []
    for step in job.walk():
        for name, shape in JSON_PARAMETERS.items():
            try:
                value = _read_json(job.value(step, name))
            except NoDocument as error:
                found.append(f"{step.name}.{name}: {error}")
                continue
            except ValueError:
                continue
            if not isinstance(value, type(shape)):
                continue
            is_list = isinstance(value, list)
            # KFP's compiler puts placeholders into a list; what holds one is whatever it stands for.
            told = with_field_names(value) if is_list else value
            found += misshapen(told, shape, f"{step.name}.{name}", "{{" if is_list else "")
    return found


def _read_json(value: Any) -> Any:
    """What a parameter says that is JSON's text, or a plain value already.

    Raises:
        ValueError: it is no JSON.
        NoDocument: it is, and no reader takes it.
    """
    try:
        return without_nulls(json.loads(value) if isinstance(value, str) else value)
    except RecursionError as error:
        raise NoDocument(TOO_DEEP) from error


def _require_none(wrong: list[str], file: str) -> None:
    if wrong:
        more = f" ({len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise BadInput(f"no compiled job: {wrong[0]}{more}", where=file, remedy=_MAKE_ONE)


def plain_value(value: Any) -> Any:
    """A value of a spec as Python's own: schema 2.0 writes its type beside it."""
    if isinstance(value, Mapping) and len(value) == 1:
        [(kind, content)] = value.items()
        if kind in _TYPED_VALUES:
            with suppress(TypeError, ValueError):
                return _TYPED_VALUES[kind](content)
    return value


def _typed_value(parameter: Parameter, value: Any) -> Spec:
    if parameter.type == "NUMBER_INTEGER":
        return {"intValue": str(value)}
    return {"doubleValue": value} if parameter.type == "NUMBER_DOUBLE" else {"stringValue": str(value)}


def _parameter(name: str, spec: Mapping[str, Any]) -> Parameter:
    kind = spec.get("parameterType") or _TYPES_OF_2_0.get(spec.get("type", ""), "STRING")
    default = plain_value(spec.get("defaultValue"))
    return Parameter(name, kind, default, bool(spec.get("isOptional")) or default is not None)


def _parsed(text: str, kind: str) -> Any:
    if kind == "NUMBER_INTEGER":
        return int(text)
    if kind == "NUMBER_DOUBLE":
        return float(text)
    value = json.loads(text)
    expected = {"BOOLEAN": bool, "LIST": list, "STRUCT": dict}.get(kind, object)
    if not isinstance(value, expected):
        raise ValueError(kind)
    return value
