"""The ways to end an anomaly by an edit of the schema, reason by reason; the preferred one first.

Where TFDV has an answer of its own, it is taken: of the schema that `tfdv.update_schema` gives, only the fields of that
feature that the reason concerns are copied. Where TFDV's answer is to give the feature up (it deprecates a column whose
type changed), or where it knows none (for drift), the edit is made here.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.schema_pb2 import Feature, Schema

from millrace.base.names import nearest
from millrace.schema.evidence import Evidence
from millrace.schema.phrases import DOMAIN_FIELDS, features, fits
from millrace.statistics.columns import columns_by_name
from millrace.statistics.presence import lowest_share

MOST_VALUES = 50  # unexpected values beyond which a list of values is no domain but a column of free text
MOST_SHARE = 0.05  # of the values, below which the rest may simply be allowed to lie outside the domain

_COUNTS = ("value_count", "value_counts", "shape")
_FIELDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"FEATURE_TYPE_(HIGH_NUMBER_VALUES|UNEXPECTED_REPEATED)", _COUNTS),
    (r"VALUE_NESTEDNESS_MISMATCH", _COUNTS),
    (r"FEATURE_TYPE_(HIGH|LOW|NO)_UNIQUE", ("unique_constraints",)),
    (r"(INT|FLOAT|BOOL|ENUM)_TYPE_.*|DOMAIN_INVALID_FOR_TYPE|INVALID_DOMAIN_SPECIFICATION", DOMAIN_FIELDS),
    (r"STRING_TYPE_.*|SEMANTIC_DOMAIN_UPDATE|LOW_SUPPORTED_IMAGE_FRACTION|MAX_IMAGE_.*", DOMAIN_FIELDS),
)


@dataclass(frozen=True)
class Anomaly:
    """One reason of one feature, over the splits that have it.

    Args:
        feature: its path with dots; empty when it is about the data as a whole.
        reason: TFDV's or DataGate's reason code.
        rows: how many rows it concerns, where known; at most so many when `exact` is not set.
        splits: the splits' names.
        words: what was expected and seen.
    """

    feature: str
    reason: str
    rows: Optional[int]
    splits: tuple[str, ...]
    words: str
    exact: bool = True


@dataclass(frozen=True)
class Way:
    """One way to end an anomaly: an edit of a copy of the schema, and what to think of before."""

    edit: Callable[[Schema], None]
    note: str = ""


def ways_to_end(anomaly: Anomaly, schema: Schema, relaxed: Schema, evidence: Evidence) -> Iterable[Way]:
    """The ways to end an anomaly, the preferred one first.

    Args:
        anomaly: a feature and a reason.
        schema: the schema to edit.
        relaxed: what TFDV would make of it, so that the run's statistics fit.
        evidence: the run that the anomaly was found in.

    Returns:
        None, one or two edits; an edit may find that the schema says so already.
    """
    path, reason = anomaly.feature, anomaly.reason
    now = dict(features(schema)).get(path)
    if reason in ("SCHEMA_NEW_COLUMN", "FEATURE_NOT_IN_SCHEMA", "LABEL_NOT_IN_SCHEMA", "WEIGHT_NOT_IN_SCHEMA"):
        return _new_column(path, schema, relaxed, evidence)
    if reason.startswith(("DATASET_", "COMPARATOR_LOW_NUM", "COMPARATOR_HIGH_NUM")):
        return _dataset(reason, evidence)
    if now is None:
        return ()
    if reason in ("SCHEMA_MISSING_COLUMN", "FEATURE_COLUMN_MISSING", "LABEL_COLUMN_MISSING", "WEIGHT_COLUMN_MISSING"):
        return _missing_column(path, schema, evidence)
    if reason in ("FEATURE_TYPE_LOW_FRACTION_PRESENT", "FEATURE_TYPE_LOW_NUMBER_PRESENT", "FEATURE_TYPE_NOT_PRESENT"):
        return [Way(_presence(path, evidence), "a column that dries up: rather fix the data, unless it is meant")]
    if reason == "UNEXPECTED_DATA_TYPE" or reason.endswith(("_NOT_INT", "_NOT_STRING", "_INT_EXPECTED")):
        return _type(path, evidence)
    if reason == "ENUM_TYPE_UNEXPECTED_STRING_VALUES":
        return _strings(path, now, schema, evidence)
    if reason.startswith("COMPARATOR_"):
        return _distance(path, evidence)
    if reason in ("FLOAT_TYPE_HAS_NAN", "FLOAT_TYPE_HAS_INF"):
        return [Way(_clearing(path, f"float_domain.disallow_{reason[-3:].lower()}"), "a NaN makes every loss NaN")]
    if reason in ("FEATURE_TYPE_LOW_NUMBER_VALUES", "FEATURE_TYPE_NO_VALUES", "INVALID_FEATURE_SHAPE"):
        return [Way(_lengths(path, relaxed, evidence))]
    fields = next((names for pattern, names in _FIELDS if re.fullmatch(pattern, reason)), ())
    return [Way(_copying(path, fields, relaxed))] if fields else ()


# -- edits -------------------------------------------------------------------------------------------------------------
def _at(schema: Schema, path: str) -> Feature:
    return dict(features(schema))[path]


def _copying(path: str, fields: Sequence[str], relaxed: Schema) -> Callable[[Schema], None]:
    """Takes some fields of one feature, and the domain that it names, from TFDV's answer."""

    def edit(schema: Schema) -> None:
        ours, theirs = _at(schema, path), dict(features(relaxed)).get(path)
        if theirs is None:
            return
        for field in fields:
            ours.ClearField(field)  # type: ignore[arg-type]
        for field, value in theirs.ListFields():
            if field.name in fields:
                _set(ours, field.name, value)
        if "domain" in fields and ours.domain:
            _copy_domain(ours.domain, schema, relaxed)

    return edit


def _set(feature: Feature, name: str, value: object) -> None:
    if hasattr(value, "CopyFrom"):
        getattr(feature, name).CopyFrom(value)
    else:
        setattr(feature, name, value)


def _copy_domain(name: str, schema: Schema, relaxed: Schema) -> None:
    theirs = next((domain for domain in relaxed.string_domain if domain.name == name), None)
    ours = next((domain for domain in schema.string_domain if domain.name == name), None)
    if theirs is not None:
        (ours if ours is not None else schema.string_domain.add(name=name)).MergeFrom(
            schema_pb2.StringDomain(value=[value for value in theirs.value if ours is None or value not in ours.value])
        )


def _clearing(path: str, field: str) -> Callable[[Schema], None]:
    def edit(schema: Schema) -> None:
        *parents, last = field.split(".")
        node = _at(schema, path)
        for parent in parents:
            node = getattr(node, parent)
        node.ClearField(last)  # type: ignore[arg-type]

    return edit


def _lengths(path: str, relaxed: Schema, evidence: Evidence) -> Callable[[Schema], None]:
    """TFDV's answer; where that is to say nothing about the number of values, the numbers that were seen are said.

    A value in each row is then no longer asked for by a shape, so how many rows must have one is.
    """
    lengths = [split[path].common for split in map(columns_by_name, evidence.statistics.values()) if path in split]

    def edit(schema: Schema) -> None:
        _copying(path, _COUNTS, relaxed)(schema)
        feature = _at(schema, path)
        if feature.HasField("value_counts") or feature.HasField("shape") or not lengths:
            return
        count = feature.value_count
        if not count.HasField("min"):
            count.min = min(common.min_num_values for common in lengths)
        if not count.HasField("max"):
            count.max = max(common.max_num_values for common in lengths)
        _presence(path, evidence)(schema)

    return edit


def _presence(path: str, evidence: Evidence) -> Callable[[Schema], None]:
    """Lowers `presence` to what the run's splits hold, never to nothing while there is a value somewhere."""
    columns = [split[path] for split in map(columns_by_name, evidence.statistics.values()) if path in split]
    seen = [column for column in columns if column.rows]

    def edit(schema: Schema) -> None:
        presence = _at(schema, path).presence
        least = min((column.filled / column.rows for column in seen), default=0.0)
        floors = [lowest_share(column.filled, column.rows, column.rows, spare=False) for column in seen]
        if presence.min_fraction > least:
            presence.min_fraction = min(floors, default=0.0)
        if presence.min_count > min((column.filled for column in seen), default=0):
            presence.min_count = 1 if least else 0

    return edit


def _new_column(path: str, schema: Schema, relaxed: Schema, evidence: Evidence) -> Iterable[Way]:
    now = dict(features(schema)).get(path)
    if now is not None:
        environments = _environments(path, evidence)
        if environments:
            return [Way(_expected_in(path, environments), "the schema did not expect it in that environment")]
        return [Way(_clearing(path, "lifecycle_stage"), "it is validated again, and Transform parses it again")]
    theirs = dict(features(relaxed)).get(path)
    if theirs is None or "." in path:
        return ()

    def add(result: Schema) -> None:
        result.feature.add().CopyFrom(theirs)
        if theirs.domain:
            _copy_domain(theirs.domain, result, relaxed)

    def add_planned(result: Schema) -> None:
        result.feature.add(name=path, type=theirs.type, lifecycle_stage=schema_pb2.PLANNED)

    known = "as the data of this run has it: widen what is narrower than the world"
    return [Way(add, known), Way(add_planned, "known, but neither validated nor used")]


def _environments(path: str, evidence: Evidence) -> list[str]:
    """The environments in which TFDV did not expect the feature; it names them in the description alone."""
    infos = [info for anomalies in evidence.anomalies.values() for info in anomalies.anomaly_info.values()]
    descriptions = [reason.description for info in infos if ".".join(info.path.step) == path for reason in info.reason]
    matches = (re.search(r"not in the environment (.+) in the schema", description) for description in descriptions)
    return list(dict.fromkeys(match[1] for match in matches if match))


def _expected_in(path: str, environments: Sequence[str]) -> Callable[[Schema], None]:
    def edit(schema: Schema) -> None:
        feature = _at(schema, path)
        for environment in environments:
            if environment in feature.not_in_environment:
                feature.not_in_environment.remove(environment)
            elif feature.in_environment and environment not in feature.in_environment:
                feature.in_environment.append(environment)

    return edit


def _missing_column(path: str, schema: Schema, evidence: Evidence) -> Iterable[Way]:
    splits = [columns_by_name(statistics) for statistics in evidence.statistics.values()]
    described = dict(features(schema))
    new = [
        name for name in (splits[0] if splits else ()) if name not in described and all(name in one for one in splits)
    ]
    renamed = nearest(path, new)

    def rename(schema: Schema) -> None:
        _at(schema, path).name = renamed[0]

    def deprecate(schema: Schema) -> None:
        _at(schema, path).lifecycle_stage = schema_pb2.DEPRECATED

    def optional(schema: Schema) -> None:
        presence = _at(schema, path).presence
        presence.ClearField("min_fraction")
        presence.ClearField("min_count")

    note = f"for a column that was renamed; where the configuration reads {path} it must say {(renamed or [''])[0]}"
    return [
        *([Way(rename, note)] if renamed else ()),
        Way(deprecate, "for a column that is gone for good; a feature that reads it must go from the configuration"),
        Way(optional, "for a column that comes and goes"),
    ]


def _type(path: str, evidence: Evidence) -> Iterable[Way]:
    """TFDV would deprecate the feature. Its type is what the data says; a domain of another type goes."""
    columns = [split[path] for split in map(columns_by_name, evidence.statistics.values()) if path in split]
    types = [column.type for column in columns if column.filled]
    if not types:
        return ()
    wide = next((name for name in ("STRUCT", "BYTES", "FLOAT") if name in types), "INT")

    def edit(schema: Schema) -> None:
        feature = _at(schema, path)
        feature.type = schema_pb2.FeatureType.Value(wide)
        kind = feature.WhichOneof("domain_info")
        if kind and not fits(kind, wide):
            feature.ClearField(kind)  # type: ignore[arg-type]
            feature.ClearField("distribution_constraints")
        for comparator in (feature.drift_comparator, feature.skew_comparator):
            comparator.ClearField("jensen_shannon_divergence" if wide == "BYTES" else "infinity_norm")
        for name in ("drift_comparator", "skew_comparator"):
            if feature.HasField(name) and not getattr(feature, name).ListFields():
                feature.ClearField(name)

    return [Way(edit, "rather fix the data, unless the type changed on purpose: models in use expect the old one")]


def _strings(path: str, now: Feature, schema: Schema, evidence: Evidence) -> Iterable[Way]:
    domain = _domain_of(now, schema)
    allowed = set(domain.value) if domain is not None else set()
    splits = [split[path] for split in map(columns_by_name, evidence.statistics.values()) if path in split]
    unexpected = dict.fromkeys(value for split in splits for value in split.counts if value not in allowed)
    outside = max((_outside(split.counts, allowed) for split in splits), default=0.0)
    mass = math.floor((1 - outside) * 1000) / 1000
    free = len(unexpected) > MOST_VALUES or any(split.distinct > len(split.counts) for split in splits)

    def extend(result: Schema) -> None:
        domain = _domain_of(_at(result, path), result)
        if domain is not None:
            domain.value.extend(value for value in unexpected if value not in domain.value)

    def drop(result: Schema) -> None:
        feature = _at(result, path)
        name = feature.domain
        feature.ClearField(feature.WhichOneof("domain_info") or "domain")  # type: ignore[arg-type]
        feature.ClearField("distribution_constraints")
        if name and all(other.domain != name for _, other in features(result)):
            kept = [domain for domain in result.string_domain if domain.name != name]
            del result.string_domain[:]
            result.string_domain.extend(kept)

    def tolerate(result: Schema) -> None:
        if outside > 0:
            _at(result, path).distribution_constraints.min_domain_mass = mass

    many = f"{len(unexpected)} unexpected values and more" if free else ""
    first = Way(drop, f"{many}: this is no list of categories") if free else Way(extend)
    return [first, Way(tolerate, "lets that share of any other values pass, mistyped ones too")]


def _domain_of(feature: Feature, schema: Schema) -> Optional[schema_pb2.StringDomain]:
    if feature.HasField("string_domain"):
        return feature.string_domain
    return next((domain for domain in schema.string_domain if domain.name == feature.domain), None)


def _outside(counts: Mapping[str, int], allowed: set[str]) -> float:
    total = sum(counts.values())
    return sum(count for value, count in counts.items() if value not in allowed) / total if total else 0.0


def _distance(path: str, evidence: Evidence) -> Iterable[Way]:
    """The threshold becomes the measured distance, rounded up to two digits."""
    Measurement = anomalies_pb2.DriftSkewInfo.Measurement
    fields = {Measurement.L_INFTY: "infinity_norm", Measurement.JENSEN_SHANNON_DIVERGENCE: "jensen_shannon_divergence"}
    if "NORMALIZED_ABSOLUTE_DIFFERENCE" in Measurement.Type.keys():  # noqa: SIM118 (not a dict)
        fields[Measurement.Type.Value("NORMALIZED_ABSOLUTE_DIFFERENCE")] = "normalized_abs_difference"
    raised: dict[tuple[str, str], float] = {}
    for info in (info for anomalies in evidence.anomalies.values() for info in anomalies.drift_skew_info):
        if ".".join(info.path.step) != path:
            continue
        measured = [("drift_comparator", m) for m in info.drift_measurements]
        measured += [("skew_comparator", m) for m in info.skew_measurements]
        for comparator, measurement in measured:
            key = comparator, fields.get(measurement.type, "")
            if measurement.value > measurement.threshold and key[1]:
                raised[key] = max(raised.get(key, 0.0), _rounded_up(measurement.value))

    def edit(schema: Schema) -> None:
        for (comparator, measure), threshold in raised.items():
            node = getattr(getattr(_at(schema, path), comparator), measure)
            if node.threshold < threshold:
                node.threshold = threshold

    return [Way(edit, "the distribution moved: raise the limit only when the move is wanted")] if raised else ()


def _rounded_up(value: float) -> float:
    if value <= 0:
        return value
    scale = 10 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / scale) * scale:.6g}")


def _dataset(reason: str, evidence: Evidence) -> Iterable[Way]:
    """The dataset's size limits, which TFDV does not relax; only absolute ones have an edit."""
    rows = [int(split.num_examples) for split in evidence.statistics.values()]
    if not rows or not reason.startswith("DATASET_"):
        return ()

    def edit(schema: Schema) -> None:
        limits = schema.dataset_constraints
        if reason == "DATASET_LOW_NUM_EXAMPLES":
            limits.min_examples_count = min(limits.min_examples_count, *rows)
        else:
            limits.max_examples_count = max(limits.max_examples_count, *rows)

    return [Way(edit)]
