"""What is wrong or doubtful in a schema, though it parses: rule by rule, with the line to look at."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Optional

from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_metadata.proto.v0.schema_pb2 import Feature

from millrace.base.numbers import exact, rounded
from millrace.schema.phrases import NOT_EXPECTED, features, fits, type_name
from millrace.statistics.columns import ColumnStatistics
from millrace.textproto import tree
from millrace.textproto.schema_text import SchemaText

Splits = Mapping[str, Mapping[str, ColumnStatistics]]


@dataclass(frozen=True)
class Issue:
    """One thing to look at.

    Args:
        rule: the rule's name.
        severity: error for what cannot be meant, warning for what may be.
        subject: the feature or the domain.
        what: what is wrong.
        line: where it stands in the file, from 1.
    """

    rule: str
    severity: Literal["error", "warning"]
    subject: str
    what: str
    line: int


@dataclass(frozen=True)
class Uses:
    """What a pipeline makes of the schema: its labels and the columns that its features read; empty when not known."""

    labels: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


def lint(source: SchemaText, splits: Splits, uses: Uses) -> list[Issue]:
    """Looks for everything that the rules know.

    Args:
        source: the schema.
        splits: what the latest run saw, by split and feature; empty when nothing ran yet.
        uses: what the pipeline reads.

    Returns:
        Findings in the order of their lines.
    """
    issues: list[Issue] = []
    places = _Places(source)
    described = Counter(path for path, _ in features(source.proto))
    for path, feature in features(source.proto):
        line = places.feature(path)
        if described[path] > 1:
            what = "described more than once; TFDV reads only one of them"
            issues.append(Issue("duplicate-feature", "error", path, what, line))
        for rule, severity, what, field in _feature(path, feature, source.proto, splits, uses):
            issues.append(Issue(rule, severity, path, what, places.feature(path, field) or line))
    for rule, severity, subject, what in _domains(source.proto):
        issues.append(Issue(rule, severity, subject, what, places.domain(subject)))
    for rule, severity, subject, what in _whole(source.proto, splits, uses):
        issues.append(Issue(rule, severity, subject, what, 1))
    return sorted(issues, key=lambda issue: issue.line)


class _Places:
    """Lines of features and domains by name."""

    def __init__(self, source: SchemaText) -> None:
        self._text = source.text
        self._features: dict[str, tree.Message] = {}
        self._domains: dict[str, int] = {}
        root = tree.parse(source.text)
        self._walk(root, source.proto, ())
        for domain, value in zip(source.proto.string_domain, _messages(root, "string_domain"), strict=True):
            self._domains.setdefault(domain.name, value.start)

    def _walk(self, node: tree.Message, parent: Any, prefix: tuple[str, ...]) -> None:
        for feature, value in zip(parent.feature, _messages(node, "feature"), strict=True):
            path = (*prefix, feature.name)
            self._features.setdefault(".".join(path), value)
            for inner in _messages(value, "struct_domain"):
                self._walk(inner, feature.struct_domain, path)

    def feature(self, path: str, field: str = "") -> int:
        """The line of a feature, or of one of its fields; 0 when the field is not written.

        Args:
            path: the feature's, steps joined by dots.
            field: the name of one of its fields; empty for the feature itself.

        Returns:
            A line, from 1.
        """
        node = self._features.get(path)
        if node is None:
            return 0
        if not field:
            return self._line(node.start)
        return next((self._line(child.start) for child in node.fields if child.name == field), 0)

    def domain(self, name: str) -> int:
        """The line of a named domain."""
        return self._line(self._domains.get(name, 0))

    def _line(self, position: int) -> int:
        return self._text.count("\n", 0, position) + 1


def _messages(node: tree.Message, name: str) -> list[tree.Message]:
    values = (value for child in node.fields if child.name == name for value, _ in child.elements())
    return [value for value in values if isinstance(value, tree.Message)]


_Part = tuple[str, Literal["error", "warning"], str, str]  # an Issue's rule, severity and words, and a field


def _feature(path: str, feature: Feature, schema: schema_pb2.Schema, splits: Splits, uses: Uses) -> Iterator[_Part]:
    if not feature.name:
        yield "nameless", "error", "a feature without a name is not checked", ""
    if not feature.type and feature.lifecycle_stage not in NOT_EXPECTED:
        yield "typeless", "error", "it has no type, so TFDV checks nothing else about it", ""
    yield from _feature_domain(feature, schema)
    yield from _feature_numbers(feature)
    for kind in ("drift_comparator", "skew_comparator"):
        yield from ((*part, kind) for part in _comparator(feature, kind))
    yield from _feature_environments(path, feature, schema, uses)
    if feature.lifecycle_stage not in NOT_EXPECTED and not feature.deprecated:
        yield from _against_data(path, feature, splits)
    elif path in (*uses.labels, *uses.columns):
        what = "the configuration reads it, but it is not at a stage that is parsed"
        yield "unused-stage", "error", what, "lifecycle_stage"


def _feature_domain(feature: Feature, schema: schema_pb2.Schema) -> Iterator[_Part]:
    kind = feature.WhichOneof("domain_info")
    if kind == "domain" and feature.domain not in {domain.name for domain in schema.string_domain}:
        numbers = {domain.name for domain in (*schema.int_domain, *schema.float_domain)}
        if feature.domain not in numbers:
            yield "unknown-domain", "error", f"domain {feature.domain!r} is not in the schema", "domain"
    elif kind and feature.type and not fits(kind, type_name(feature)):
        yield "domain-type", "error", f"{kind} says nothing about a {type_name(feature)} feature", kind
    if feature.HasField("distribution_constraints") and kind not in ("domain", "string_domain"):
        what = "a share within the domain, but no domain of strings"
        yield "mass-without-domain", "warning", what, "distribution_constraints"
    if kind == "string_domain":
        yield from ((rule, level, what, kind) for rule, level, what in _values(feature.string_domain))


def _feature_numbers(feature: Feature) -> Iterator[_Part]:
    for kind in ("int_domain", "float_domain", "value_count", "unique_constraints"):
        if feature.HasField(kind):  # type: ignore[arg-type]
            limits = getattr(feature, kind)
            if limits.HasField("min") and limits.HasField("max") and limits.min > limits.max:
                what = f"{exact(limits.min)} is more than {exact(limits.max)}: nothing fits"
                yield "empty-range", "error", what, kind
    if feature.presence.min_fraction > 1:
        what = f"min_fraction {exact(feature.presence.min_fraction)} is more than every row"
        yield "fraction", "error", what, "presence"


def _comparator(feature: Feature, kind: str) -> Iterator[tuple[str, Literal["error", "warning"], str]]:
    if not feature.HasField(kind):  # type: ignore[arg-type]
        return
    compared = getattr(feature, kind)
    numeric = type_name(feature) in ("INT", "FLOAT")
    categorical = feature.int_domain.is_categorical
    if not compared.ListFields():
        yield "comparator-empty", "warning", f"{kind} measures nothing"
    if compared.HasField("infinity_norm") and numeric and not categorical:
        what = f"{kind}: infinity_norm compares shares of strings; numbers need jensen_shannon_divergence"
        yield "comparator-type", "error", what
    if compared.HasField("jensen_shannon_divergence") and type_name(feature) == "BYTES":
        what = f"{kind}: jensen_shannon_divergence compares histograms of numbers; strings need infinity_norm"
        yield "comparator-type", "error", what
    for field, measure in compared.ListFields():
        if not measure.HasField("threshold"):
            yield "comparator-threshold", "warning", f"{kind}: {field.name} has no threshold, so it never alarms"
        elif not 0 < measure.threshold < 1:
            how = "always" if measure.threshold <= 0 else "never"
            yield "comparator-threshold", "warning", f"{kind}: threshold {exact(measure.threshold)} {how} alarms"


def _feature_environments(path: str, feature: Feature, schema: schema_pb2.Schema, uses: Uses) -> Iterator[_Part]:
    known = set(schema.default_environment)
    for field in ("in_environment", "not_in_environment"):
        for name in getattr(feature, field):
            if name not in known:
                yield "unknown-environment", "error", f"{name!r} is not a default_environment of the schema", field
    if path in uses.labels and not feature.not_in_environment and not feature.in_environment:
        remedy = 'not_in_environment: "SERVING" (and default_environment: "TRAINING" and "SERVING" in the schema)'
        yield "label-environment", "warning", f"the label is not known when serving: add {remedy}", ""


def _against_data(path: str, feature: Feature, splits: Splits) -> Iterator[_Part]:
    if not splits:
        return
    absent = [split for split, columns in splits.items() if path not in columns]
    if len(absent) == len(splits):
        yield "not-in-data", "warning", "the latest run's data has no such feature", ""
        return
    for split, columns in splits.items():
        seen = columns.get(path)
        if seen is not None and seen.rows:
            yield from _against_split(feature, split, seen)


def _against_split(feature: Feature, split: str, seen: ColumnStatistics) -> Iterator[_Part]:
    fraction = seen.filled / seen.rows
    if feature.presence.min_fraction * (1 - 1e-6) > fraction:
        least = exact(feature.presence.min_fraction)
        what = f"a value is expected in {least} of the rows; in {split} {rounded(fraction, 4)} have one"
        yield "presence-contradicted", "warning", what, "presence"
    if feature.presence.min_count > seen.filled:
        what = f"a value is expected in {feature.presence.min_count:,} rows; in {split} {seen.filled:,} have one"
        yield "presence-contradicted", "warning", what, "presence"
    if feature.type and seen.filled and type_name(feature) != seen.type:
        what = f"{type_name(feature)} is expected; in {split} it is {seen.type}"
        yield "type-contradicted", "warning", what, "type"
    kind = feature.WhichOneof("domain_info")
    if kind in ("int_domain", "float_domain") and seen.range:
        limits = getattr(feature, kind)
        low, high = seen.range
        if (limits.HasField("min") and low < limits.min) or (limits.HasField("max") and high > limits.max):
            yield "range-contradicted", "warning", f"in {split} the values are {exact(low)} to {exact(high)}", kind


def _values(domain: schema_pb2.StringDomain) -> Iterator[tuple[str, Literal["error", "warning"], str]]:
    twice = [value for value, count in Counter(domain.value).items() if count > 1]
    if twice:
        yield "duplicate-value", "warning", f"listed more than once: {', '.join(map(repr, twice[:5]))}"
    if len(domain.value) == 0:
        yield "empty-domain", "warning", "no value fits a domain without values"
    elif len(set(domain.value)) == 1:
        yield "single-value", "warning", f"only {domain.value[0]!r} fits: a constant teaches nothing"
    stray = [value for value in domain.value if value != value.strip()]
    if stray:
        yield "stray-space", "warning", f"begins or ends with a space: {', '.join(map(repr, stray[:5]))}"


def _domains(schema: schema_pb2.Schema) -> Iterator[tuple[str, Literal["error", "warning"], str, str]]:
    used = {feature.domain for _, feature in features(schema)}
    names = Counter(domain.name for domain in schema.string_domain)
    for domain in schema.string_domain:
        if domain.name not in used:
            yield "unused-domain", "warning", domain.name, "no feature uses this domain"
        yield from ((rule, level, domain.name, what) for rule, level, what in _values(domain))
    for name, count in names.items():
        if count > 1:
            yield "duplicate-domain", "error", name, f"described {count} times"


def _whole(
    schema: schema_pb2.Schema, splits: Splits, uses: Uses
) -> Iterator[tuple[str, Literal["error", "warning"], str, str]]:
    known = dict(features(schema))
    for column in dict.fromkeys((*uses.labels, *uses.columns)):
        if column not in known:
            yield "not-in-schema", "error", column, "the configuration reads it, and the schema does not describe it"
    unknown = dict.fromkeys(path for columns in splits.values() for path in columns if path not in known)
    for path in unknown:
        if path not in (*uses.labels, *uses.columns):
            yield "undescribed", "warning", path, "in the data of the latest run, and not in the schema"


def worst(issues: Sequence[Issue]) -> Optional[str]:
    """The highest severity among findings."""
    return min((issue.severity for issue in issues), default=None)
