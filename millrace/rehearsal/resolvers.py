"""Resolver tasks: the artifacts that a metadata query finds.

The queries are filters in the language of Vertex ML Metadata, of which this reads what TFX's compiler writes and a bit
more: comparisons with `=` and `!=` joined by AND, over `schema_title`, `state`, `name`, `uri`, `display_name` and
`metadata.KEY.{number_value,string_value,bool_value}`. TFX looks under the pipeline's context, as its `step_builder`
says; the newest artifact wins, and a query without a hit gives an empty list.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millrace.base.errors import MillraceError
from millrace.rehearsal.artifacts import Artifact
from millrace.rehearsal.lineage import Lineage
from millrace.rehearsal.placeholders import fill_in

_TERM = re.compile(
    r"\s*(?P<field>[A-Za-z_][\w.-]*)\s*(?P<operator>!=|=)\s*(?:\"(?P<text>(?:[^\"\\]|\\.)*)\"|(?P<word>[^\s\"()]+))\s*"
)
_AND = re.compile(r"AND\b")
_METADATA = re.compile(r"metadata\.(?P<key>.+)\.(?P<kind>number_value|string_value|bool_value)")


@dataclass(frozen=True)
class Term:
    """One comparison of a filter."""

    field: str
    equal: bool
    value: str

    def accepts(self, artifact: Artifact) -> bool:
        """Whether an artifact fulfils it. Its type and its state are asked for by the query itself."""
        if self.field in ("schema_title", "state"):
            return True
        return (_field(artifact, self.field) == self._wanted()) is self.equal

    def _wanted(self) -> Any:
        if self.field.endswith(".number_value"):
            return float(self.value)
        return self.value.lower() == "true" if self.field.endswith(".bool_value") else self.value


def _field(artifact: Artifact, field: str) -> Any:
    found = _METADATA.fullmatch(field)
    if found:
        value = artifact.metadata.get(found["key"])
        return float(value) if found["kind"] == "number_value" and isinstance(value, (int, float)) else value
    return {"name": artifact.name, "uri": artifact.uri, "display_name": artifact.metadata.get("name", "")}[field]


def parse(text: str) -> list[Term]:
    """Reads a filter.

    Raises:
        MillraceError: it says more than is understood here.
    """
    terms, rest = [], text
    while True:
        found = _TERM.match(rest)
        if not found or not _is_known(found["field"]):
            raise MillraceError(
                f"the query {text} cannot be rehearsed from here on: {rest.strip() or 'it ends too early'}",
                remedy="a rehearsal knows comparisons joined by AND; docs/rehearsal.md names their fields",
            )
        value = found["word"] if found["text"] is None else re.sub(r"\\(.)", r"\1", found["text"])
        terms.append(Term(found["field"], found["operator"] == "=", value))
        rest = rest[found.end() :]
        if not rest:
            return terms
        joined = _AND.match(rest)
        rest = rest[joined.end() :] if joined else f" {rest}"


def _is_known(field: str) -> bool:
    return field in ("schema_title", "state", "name", "uri", "display_name") or bool(_METADATA.fullmatch(field))


def resolve(
    spec: Mapping[str, Any],
    schemas: Mapping[str, Mapping[str, Any]],
    executor_input: Mapping[str, Any],
    lineage: Lineage,
) -> dict[str, list[Artifact]]:
    """Runs the queries of a resolver.

    Args:
        spec: the executor's `resolver`.
        schemas: the types of the outputs by key.
        executor_input: the task's ExecutorInput, for the placeholders in a query.
        lineage: where to look.

    Returns:
        What was found by output key. Where a query needs an input that no artifact came for, nothing is found.
    """
    found: dict[str, list[Artifact]] = {}
    for key, query in spec.get("outputArtifactQueries", {}).items():
        schema = schemas.get(key, {})
        text = query.get("filter", "")
        if _waits_for_nothing(text, executor_input):
            found[key] = []
            continue
        terms = parse(fill_in([text], executor_input, {})[0])
        title = next((term.value for term in terms if term.field == "schema_title" and term.equal), "")
        live = all(term.value == "LIVE" for term in terms if term.field == "state" and term.equal)
        candidates = lineage.live(title, schema) if live else []
        accepted = [artifact for artifact in candidates if all(term.accepts(artifact) for term in terms)]
        # The limit is 1 unless the query says otherwise: pipeline_spec.proto, ArtifactQuerySpec.
        found[key] = accepted[: int(query.get("limit") or 1)]
    return found


def _waits_for_nothing(text: str, executor_input: Mapping[str, Any]) -> bool:
    named = re.findall(r"\$\.inputs\.artifacts\[['\"](.+?)['\"]\]", text)
    inputs = executor_input["inputs"].get("artifacts", {})
    return any(not inputs.get(key, {}).get("artifacts") for key in named)
