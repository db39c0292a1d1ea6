"""What a schema says about a feature, aspect by aspect, in a few words each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Union

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_metadata.proto.v0.schema_pb2 import Feature

from millrace.base.numbers import exact

NOTHING = ""
_LONGEST = 200

DOMAIN_FIELDS = tuple(field.name for field in Feature.DESCRIPTOR.oneofs_by_name["domain_info"].fields)

# TFDV neither expects nor validates a feature at one of these stages (anomalies/feature_util.cc).
NOT_EXPECTED = frozenset(
    schema_pb2.LifecycleStage.Value(name) for name in ("PLANNED", "ALPHA", "DEPRECATED", "DEBUG_ONLY")
)


def quoted(values: Iterable[str], most: int = 8) -> str:
    """Strings in quotes, the first few of them.

    Args:
        values: of any number.
        most: how many to write out; the others are counted.
    """
    listed = list(values)
    shown = ", ".join(repr(value) for value in listed[:most])
    return f"{shown} and {len(listed) - most} more" if len(listed) > most else shown


def type_name(feature: Feature) -> str:
    """INT, FLOAT, BYTES or STRUCT; nothing when the schema does not say."""
    return schema_pb2.FeatureType.Name(feature.type) if feature.type else NOTHING


def presence(feature: Feature) -> str:
    """In how many rows the feature must be there."""
    if feature.HasField("group_presence"):
        return "required within its group" if feature.group_presence.required else "optional within its group"
    fraction, count = feature.presence.min_fraction, feature.presence.min_count
    parts = []
    if feature.presence.HasField("min_fraction") and fraction > 0:
        parts.append("in every row" if fraction >= 1 else f"in at least {exact(fraction)} of the rows")
    if feature.presence.HasField("min_count") and count > (0 if not parts else 1):
        parts.append(f"in at least {count} row{'s' if count > 1 else ''}")
    return " and ".join(parts)


def counts(feature: Feature) -> str:
    """How many values per row may have."""
    kind = feature.WhichOneof("shape_type")
    if kind == "shape":
        sizes = [str(dim.size) if dim.HasField("size") else "any" for dim in feature.shape.dim]
        return f"shape [{', '.join(sizes)}]"
    if kind == "value_count":
        return _count(feature.value_count)
    if kind == "value_counts":
        return ", each of ".join(_count(level) or "any number" for level in feature.value_counts.value_count)
    return NOTHING


def _count(count: schema_pb2.ValueCount) -> str:
    if count.HasField("min") and count.HasField("max"):
        return f"exactly {count.min}" if count.min == count.max else f"{count.min} to {count.max}"
    if count.HasField("min"):
        return f"at least {count.min}"
    return f"at most {count.max}" if count.HasField("max") else NOTHING


def domain(feature: Feature, named: Mapping[str, schema_pb2.StringDomain]) -> str:
    """What a value may be.

    Args:
        feature: of the schema.
        named: the schema's string domains by name.
    """
    kind = feature.WhichOneof("domain_info")
    if kind is None:
        return NOTHING
    if kind == "domain":
        shared = named.get(feature.domain)
        return f"{feature.domain} ({strings(shared) if shared else 'which is not in the schema'})"
    value = getattr(feature, kind)
    if kind == "string_domain":
        return strings(value)
    if kind in ("int_domain", "float_domain"):
        return limits(value)
    if kind == "bool_domain":
        return f"true is {value.true_value!r}, false is {value.false_value!r}" if value.ListFields() else "0 or 1"
    return kind.removesuffix("_domain").replace("_", " ")


def strings(domain: schema_pb2.StringDomain) -> str:
    """The size of a domain of strings."""
    return f"{len(domain.value)} value{'' if len(domain.value) == 1 else 's'}"


def limits(domain: Union[schema_pb2.IntDomain, schema_pb2.FloatDomain]) -> str:
    """A range of numbers, and what else is said about them."""
    parts = []
    if domain.HasField("min") and domain.HasField("max"):
        parts.append(f"{exact(domain.min)} to {exact(domain.max)}")
    elif domain.HasField("min"):
        parts.append(f"at least {exact(domain.min)}")
    elif domain.HasField("max"):
        parts.append(f"at most {exact(domain.max)}")
    if domain.is_categorical:
        parts.append("categorical")
    banned = [name for name in ("nan", "inf") if getattr(domain, f"disallow_{name}", False)]
    parts += [f"no {' or '.join(banned)}"] if banned else []
    return ", ".join(parts)


def domain_mass(feature: Feature) -> str:
    """How many of the values may lie outside the domain."""
    if not feature.HasField("distribution_constraints"):
        return NOTHING
    return f"at least {exact(feature.distribution_constraints.min_domain_mass)} of the values"


def comparator(compared: schema_pb2.FeatureComparator) -> str:
    """How far a distribution may move."""
    parts = []
    for field, measure in compared.ListFields():
        source = getattr(measure, "source", None)
        over = schema_pb2.HistogramSelection.Type.Name(source.type) if source and source.type else ""
        parts.append(f"{field.name} {exact(measure.threshold)}" + (f" over {over}" if over else ""))
    return ", ".join(parts)


def environments(feature: Feature) -> str:
    """Where the feature is expected."""
    parts = [f"only in {', '.join(feature.in_environment)}"] if feature.in_environment else []
    parts += [f"not in {', '.join(feature.not_in_environment)}"] if feature.not_in_environment else []
    return ", ".join(parts)


def stage(feature: Feature) -> str:
    """The lifecycle stage, in lower case."""
    if feature.deprecated:
        return "deprecated"
    return schema_pb2.LifecycleStage.Name(feature.lifecycle_stage).lower() if feature.lifecycle_stage else NOTHING


def distinct(feature: Feature) -> str:
    """How many distinct values there may be."""
    if not feature.HasField("unique_constraints"):
        return NOTHING
    return _count(schema_pb2.ValueCount(**{f.name: v for f, v in feature.unique_constraints.ListFields()}))


def drift(feature: Feature) -> str:
    """How far the distribution may move from the span before."""
    return comparator(feature.drift_comparator)


def skew(feature: Feature) -> str:
    """How far the distribution may lie from what is served."""
    return comparator(feature.skew_comparator)


# What is said about a feature besides its domain: the aspect, the proto's fields, the words.
ASPECTS: tuple[tuple[str, tuple[str, ...], Callable[[Feature], str]], ...] = (
    ("type", ("type",), type_name),
    ("presence", ("presence", "group_presence"), presence),
    ("values per row", ("value_count", "value_counts", "shape"), counts),
    ("share within the domain", ("distribution_constraints",), domain_mass),
    ("distinct values", ("unique_constraints",), distinct),
    ("environments", ("in_environment", "not_in_environment"), environments),
    ("drift limit", ("drift_comparator",), drift),
    ("skew limit", ("skew_comparator",), skew),
    ("stage", ("lifecycle_stage", "deprecated"), stage),
)


def whole(feature: Feature, named: Mapping[str, schema_pb2.StringDomain]) -> str:
    """Everything about a feature in one line.

    Args:
        feature: of the schema.
        named: the schema's string domains by name.
    """
    parts = [type_name(feature), presence(feature)]
    parts += [f"domain {domain(feature, named)}"] if feature.WhichOneof("domain_info") else []
    others = [(name, say(feature)) for name, _, say in ASPECTS if name not in ("type", "presence")]
    parts += [f"{name} {words}" for name, words in others if words]
    return ", ".join(part for part in parts if part)


def only(message: Message, fields: Iterable[str]) -> Message:
    """A copy of a message with some of its fields.

    Args:
        message: any proto.
        fields: the names of those that are kept.
    """
    kept, wanted = type(message)(), set(fields)
    kept.CopyFrom(message)
    for field, _ in message.ListFields():
        if field.name not in wanted:
            kept.ClearField(field.name)
    return kept


def plain(message: Message, fields: Iterable[str]) -> str:
    """Some fields of a message as they stand in text format, on one line; a long one is cut.

    Args:
        message: any proto.
        fields: the names of those that are written.
    """
    text = text_format.MessageToString(only(message, fields), as_utf8=True, as_one_line=True).strip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def fits(domain: str, type_name: str) -> bool:
    """Whether a kind of domain says something about values of a type; those of meaning (images, URLs) fit any.

    Args:
        domain: the field of the proto's `domain_info`.
        type_name: INT, FLOAT, BYTES or STRUCT.
    """
    kinds = {"int_domain": ("INT", "BYTES"), "float_domain": ("FLOAT", "BYTES"), "struct_domain": ("STRUCT",)}
    kinds |= {"domain": ("BYTES",), "string_domain": ("BYTES",)}
    return type_name in kinds.get(domain, (type_name,))


def features(schema: Any, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, Feature]]:
    """Every feature by its path, those inside structs included; steps are joined by dots.

    Args:
        schema: a Schema or a StructDomain.
        prefix: the path of the struct.
    """
    for feature in schema.feature:
        path = (*prefix, feature.name)
        yield ".".join(path), feature
        if feature.HasField("struct_domain"):
            yield from features(feature.struct_domain, path)
