"""What an edit of the schema gives up: each thing that data was held to before, and is held to no longer or less."""

from collections.abc import Iterator

from tensorflow_metadata.proto.v0.schema_pb2 import Feature, Schema

from millrace.base.numbers import exact
from millrace.schema import phrases


def given_up(before: Schema, after: Schema) -> tuple[str, ...]:
    """The protections that an edit takes away or lowers, in words, those of each feature in the schema's order.

    Wider ranges and longer lists of values are not among them: the changes in words say those by their values.

    Args:
        before: the schema that is edited.
        after: the schema with the edit.
    """
    kept, old_named, new_named = dict(phrases.features(after)), _named(before), _named(after)
    lost: list[str] = []
    for path, feature in phrases.features(before):
        if path not in kept:
            lost.append(f"{path}: everything that was asked of it")
            continue
        now = kept[path]
        if now.lifecycle_stage in phrases.NOT_EXPECTED and feature.lifecycle_stage not in phrases.NOT_EXPECTED:
            lost.append(
                f"{path}: everything that was asked of it, since nothing is asked at stage {phrases.stage(now)}"
            )
            continue
        if phrases.domain(feature, old_named) and not phrases.domain(now, new_named):
            lost.append(f"{path}: its domain, {phrases.domain(feature, old_named)}")
        lost += [f"{path}: {words}" for words in _lowered(feature, now)]
    return tuple(lost)


def _named(schema: Schema) -> dict:
    return {domain.name: domain for domain in schema.string_domain}


def _lowered(before: Feature, after: Feature) -> Iterator[str]:
    if _least_values(before) > 0 and not _least_values(after):
        yield "a value in each row"
    if after.presence.min_fraction < before.presence.min_fraction:
        now = f"; {exact(after.presence.min_fraction)} now" if after.presence.min_fraction else ""
        yield f"a value in at least {exact(before.presence.min_fraction)} of the rows{now}"
    if after.presence.min_count < before.presence.min_count:
        yield f"a value in at least {before.presence.min_count:,} rows"
    for name in ("nan", "inf"):
        field = f"disallow_{name}"
        if getattr(before.float_domain, field) and after.HasField("float_domain"):
            if not getattr(after.float_domain, field):
                yield f"no {name} among its numbers"
    for name, fields, say in phrases.ASPECTS:
        if name not in ("type", "presence", "values per row", "environments", "stage"):
            if phrases.only(before, fields).ListFields() and not phrases.only(after, fields).ListFields():
                yield f"its {name}, {say(before)}"


def _least_values(feature: Feature) -> int:
    if feature.HasField("shape"):
        return 1
    return feature.value_count.min
