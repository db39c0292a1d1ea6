"""The difference between two schemas in words: what a person would say was decided, not which lines differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_metadata.proto.v0.schema_pb2 import Feature

from millrace.schema import phrases

_SAID = {field for _, fields, _ in phrases.ASPECTS for field in fields} | set(phrases.DOMAIN_FIELDS) | {"name"}
_NONE = "nothing said"


@dataclass(frozen=True)
class Change:
    """One thing that differs.

    Args:
        subject: the feature (or features, or domain) that it is about; empty for the schema as a whole.
        words: what differs.
    """

    subject: str
    words: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.words}" if self.subject else self.words


def changes(before: schema_pb2.Schema, after: schema_pb2.Schema) -> list[Change]:
    """Everything that one schema says otherwise than another.

    Args:
        before: the schema to compare with.
        after: the schema to tell about.

    Returns:
        Changes in the order of the features, then of the domains, then of the rest; empty only for equal schemas.
    """
    edits = [*_features(before, after), *_domains(before, after), *_rest(before, after)]
    if not edits and before != after:
        edits.append(Change("", "the order of what is said changes, and nothing else"))
    return edits


def _features(before: schema_pb2.Schema, after: schema_pb2.Schema) -> Iterator[Change]:
    old, new = dict(phrases.features(before)), dict(phrases.features(after))
    old_named, new_named = _named(before), _named(after)
    renamed = _renamed({k: v for k, v in old.items() if k not in new}, {k: v for k, v in new.items() if k not in old})
    for path, feature in new.items():
        if path in old:
            if old[path] == feature:
                continue
            yield from (Change(path, words) for words in _feature(old[path], feature, old_named, new_named))
        elif path in renamed:
            yield Change(path, f"is what {renamed[path]} was called")
        else:
            yield Change(path, f"added: {phrases.whole(feature, new_named)}".rstrip(": "))
    for path in old:
        if path not in new and path not in renamed.values():
            yield Change(path, "removed")


def _renamed(lost: dict[str, Feature], gained: dict[str, Feature]) -> dict[str, str]:
    """New path to old path, for features of which only the name differs."""
    domain: dict[str, str] = {}
    for new_path, feature in gained.items():
        for old_path, other in lost.items():
            if old_path not in domain.values() and _nameless(feature) == _nameless(other):
                domain[new_path] = old_path
                break
    return domain


def _nameless(message: Any) -> Any:
    copied = type(message)()
    copied.CopyFrom(message)
    copied.ClearField("name")
    return copied


def _feature(before: Feature, after: Feature, old_named: Any, new_named: Any) -> Iterator[str]:
    for name, fields, say in phrases.ASPECTS:
        if phrases.only(before, fields) != phrases.only(after, fields):
            yield f"{name}: {_becomes(say(before), say(after), before, after, fields)}"
    yield from _domain(before, after, old_named, new_named)
    others = {field.name for message in (before, after) for field, _ in message.ListFields()} - _SAID
    for other in sorted(others):
        if getattr(before, other) != getattr(after, other):
            yield f"{other}: {_becomes('', '', before, after, (other,))}"


def _becomes(old: str, new: str, before: Any, after: Any, fields: tuple[str, ...]) -> str:
    if old == new:  # the words do not tell them apart, so the text must
        old, new = phrases.plain(before, fields), phrases.plain(after, fields)
    return f"{old or _NONE} becomes {new or _NONE}"


def _domain(before: Feature, after: Feature, old_named: Any, new_named: Any) -> Iterator[str]:
    kinds = before.WhichOneof("domain_info"), after.WhichOneof("domain_info")
    if kinds == ("string_domain", "string_domain"):
        yield from _values(before.string_domain, after.string_domain)
    elif kinds == ("struct_domain", "struct_domain"):
        return  # its features are told by themselves
    elif kinds == ("domain", "domain"):
        if before.domain != after.domain:
            old, new = old_named.get(before.domain), new_named.get(after.domain)
            same = old is not None and new is not None and _nameless(old) == _nameless(new)
            how = "is now called" if same else "becomes"
            yield f"domain {phrases.domain(before, old_named)} {how} {phrases.domain(after, new_named)}"
    elif phrases.only(before, phrases.DOMAIN_FIELDS) != phrases.only(after, phrases.DOMAIN_FIELDS):
        old, new = phrases.domain(before, old_named), phrases.domain(after, new_named)
        label = "range" if set(kinds) <= {"int_domain", "float_domain", None} else "domain"
        yield f"{label}: {_becomes(old, new, before, after, phrases.DOMAIN_FIELDS)}"


def _values(before: schema_pb2.StringDomain, after: schema_pb2.StringDomain) -> Iterator[str]:
    old, new = set(before.value), set(after.value)
    gained = [value for value in after.value if value not in old]
    lost = [value for value in before.value if value not in new]
    if gained:
        yield f"domain gains {phrases.quoted(gained)}"
    if lost:
        yield f"domain loses {phrases.quoted(lost)}"
    if not gained and not lost and list(before.value) != list(after.value):
        yield "domain's values are listed in another order or number"
    for field in ("is_categorical",):
        if getattr(before, field) != getattr(after, field):
            yield f"domain's {field}: {_becomes('', '', before, after, (field,))}"


def _domains(before: schema_pb2.Schema, after: schema_pb2.Schema) -> Iterator[Change]:
    """The named domains: told under the features that use them."""
    old, new = _named(before), _named(after)
    for name, domain in new.items():
        if name in old and old[name] == domain:
            continue
        subject = _subject(name, before, after)
        if name in old:
            yield from (Change(subject, words) for words in _values(old[name], domain))
        elif not _moved(domain, old, new):
            yield Change(f"domain {name}", f"added, with {phrases.strings(domain)}: {phrases.quoted(domain.value)}")
    for name, domain in old.items():
        if name not in new and not _moved(domain, new, old):
            yield Change(f"domain {name}", f"removed, with its {phrases.strings(domain)}")


def _moved(domain: schema_pb2.StringDomain, there: Any, here: Any) -> bool:
    """Whether a domain is on the other side under another name."""
    return any(_nameless(other) == _nameless(domain) for name, other in there.items() if name not in here)


def _subject(name: str, before: schema_pb2.Schema, after: schema_pb2.Schema) -> str:
    paths = dict.fromkeys(p for schema in (after, before) for p, f in phrases.features(schema) if f.domain == name)
    return ", ".join(paths) or f"domain {name}"


def _named(schema: schema_pb2.Schema) -> dict[str, schema_pb2.StringDomain]:
    return {domain.name: domain for domain in schema.string_domain}


def _rest(before: schema_pb2.Schema, after: schema_pb2.Schema) -> Iterator[Change]:
    old, new = list(before.default_environment), list(after.default_environment)
    gained, lost = [e for e in new if e not in old], [e for e in old if e not in new]
    if gained:
        yield Change("", f"environments gain {phrases.quoted(gained)}")
    if lost:
        yield Change("", f"environments lose {phrases.quoted(lost)}")
    described = {"feature", "string_domain", "default_environment"}
    others = {field.name for schema in (before, after) for field, _ in schema.ListFields()} - described
    for name in sorted(others):
        if phrases.only(before, (name,)) != phrases.only(after, (name,)):
            yield Change(name, _becomes("", "", before, after, (name,)))
