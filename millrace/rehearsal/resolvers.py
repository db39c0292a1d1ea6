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
from millrace.rehearsal.lineage import RehearsalRecord
from millrace.rehearsal.placeholders import fill_in

_TERM = re.compile(
    r"\s*(?P<field>[A-Za-z_][\w.-]*)\s*(?P<operator>!=|=)\s*(?:\"(?P<text>(?:[^\"\\]|\\.)*)\"|(?P<word>[^\s\"()]+))\s*"
)
_FIELDS = ("schema_title", "state", "name", "uri", "display_name")
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
        of_metadata = _METADATA.fullmatch(self.field)
        if not of_metadata:
            fields = {"name": artifact.name, "uri": artifact.uri, "display_name": artifact.metadata.get("name", "")}
            return (fields[self.field] == self.value) is self.equal
        value = artifact.metadata.get(of_metadata["key"])
        wanted: Any = self.value
        if of_metadata["kind"] == "number_value":
            value, wanted = float(value) if isinstance(value, (int, float)) else value, float(wanted)
        elif of_metadata["kind"] == "bool_value":
            wanted = wanted.lower() == "true"
        return (value == wanted) is self.equal


def parse(text: str) -> list[Term]:
    """Reads a filter.

    Raises:
        MillraceError: it says more than is understood here.
    """
    terms, rest = [], text
    while True:
        term = _TERM.match(rest)
        if not term or not (term["field"] in _FIELDS or _METADATA.fullmatch(term["field"])):
            raise MillraceError(
                f"the query {text} cannot be rehearsed from here on: {rest.strip() or 'it ends too early'}",
                remedy="a rehearsal knows comparisons joined by AND; docs/guides/rehearsal.md names their fields",
            )
        value = term["word"] if term["text"] is None else re.sub(r"\\(.)", r"\1", term["text"])
        terms.append(Term(term["field"], term["operator"] == "=", value))
        rest = rest[term.end() :]
        if not rest:
            return terms
        joined = _AND.match(rest)
        rest = rest[joined.end() :] if joined else f" {rest}"


def resolve(
    spec: Mapping[str, Any],
    schemas: Mapping[str, Mapping[str, Any]],
    executor_input: Mapping[str, Any],
    lineage: RehearsalRecord,
) -> dict[str, list[Artifact]]:
    """Runs the queries of a resolver.

    Args:
        spec: the executor's `resolver`.
        schemas: the types of the outputs by key.
        executor_input: the task's ExecutorInput, for the placeholders in a query.
        lineage: where to look.

    Returns:
        The artifacts by output key. Where a query needs an input that no artifact came for, nothing is found.
    """
    outputs: dict[str, list[Artifact]] = {}
    for key, query in spec.get("outputArtifactQueries", {}).items():
        schema = schemas.get(key, {})
        text = query.get("filter", "")
        if _waits_for_nothing(text, executor_input):
            outputs[key] = []
            continue
        terms = parse(fill_in([text], executor_input, {})[0])
        title = next((term.value for term in terms if term.field == "schema_title" and term.equal), "")
        live = all(term.value == "LIVE" for term in terms if term.field == "state" and term.equal)
        candidates = lineage.live(title, schema) if live else []
        accepted = [artifact for artifact in candidates if all(term.accepts(artifact) for term in terms)]
        # The limit is 1 unless the query says otherwise: pipeline_spec.proto, ArtifactQuerySpec.
        outputs[key] = accepted[: int(query.get("limit") or 1)]
    return outputs


def _waits_for_nothing(text: str, executor_input: Mapping[str, Any]) -> bool:
    named = re.findall(r"\$\.inputs\.artifacts\[['\"](.+?)['\"]\]", text)
    inputs = executor_input["inputs"].get("artifacts", {})
    return any(not inputs.get(key, {}).get("artifacts") for key in named)
