"""What is wrong with a configuration's values, in words: the key, the value, what was expected, and where it stands."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Optional, Union, get_args, get_origin

from pydantic import BaseModel

from millrace.base import secrets
from millrace.base.errors import ConfigError
from millrace.base.names import did_you_mean
from millrace.base.section import VARIABLE_NAME
from millrace.config.config import Config
from millrace.config.overrides import Override, covering
from millrace.config.yaml_text import Document, Keys, Place, nearest_place
from millrace.features.expression import Misfit

# Read as true or false by YAML 1.1, and meant as texts by people from Norway.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off"})
_LONGEST = 80
# pydantic's kinds of errors whose own words speak of Python.
_IN_OUR_WORDS = {
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "tuple_type": "should be a list",
    "dict_type": "should be keys with values",
    "model_type": "should be keys with values",
    "model_attributes_type": "should be keys with values",
}
# Of ML Metadata's and TensorFlow's whole numbers.
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Sources:
    """Where the values of a configuration come from.

    Args:
        file: the file, as it was named.
        document: what the file says, with an environment's overlays laid over it.
        overrides: what was laid over it, in order.
    """

    file: str
    document: Document
    overrides: list[Override]

    def place(self, path: Keys, of_key: bool = False) -> tuple[str, Optional[Place]]:
        """Where a value was written.

        Args:
            path: the keys and indices that lead to it.
            of_key: whether its key is meant, and not the value.

        Returns:
            The option that says it, or the file; and the place in the file, None for an option or where nothing of it
            is written. The file is an overlay where that says it.
        """
        override = covering(self.overrides, path)
        if override:
            return override.shown, None
        place = nearest_place(self.document, path, of_key)
        return (place.file if place else "") or self.file, place

    def places(self) -> dict[str, str]:
        """Where each value was written, by its dotted key: a place in the file, or an option."""
        places = {}
        for path, place in self.document.places.items():
            places[_dotted(path)] = f"{place.file}:{place.line}:{place.column}"
        for override in self.overrides:
            for path in list(override.document.places) or [()]:
                places[_dotted((*override.path, *path))] = override.shown
        return places

    def written(self, path: Keys) -> str:
        """A plain value as it was written; empty for a list or a mapping, or where nothing of it is written."""
        override = covering(self.overrides, path)
        document, below = (override.document, path[len(override.path) :]) if override else (self.document, path)
        place = document.places.get(below)
        return place.text if place else ""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        path: the keys and indices that lead to it.
        what: a sentence without the key.
        of_key: whether the key is wrong, and not its value.
    """

    path: Keys
    what: str
    of_key: bool = False


def refusal(problems: list[Problem], sources: Sources) -> ConfigError:
    """The error that says all problems at once, each with its key and its place.

    Args:
        problems: at least one.
        sources: where the values come from.

    Returns:
        The error; its `where` is the place of a single problem, and the file where there are several.
    """
    remedy = "fix the value, in the file or by --set KEY=VALUE"
    if len(problems) == 1:
        [problem] = problems
        source, place = sources.place(problem.path, problem.of_key)
        where = f"{source}:{place.line}:{place.column}" if place else source
        return ConfigError(f"{_dotted(problem.path)}: {problem.what}", where=where, remedy=remedy)
    lines = []
    for problem in problems:
        source, place = sources.place(problem.path, problem.of_key)
        if source == sources.file:
            at = f"line {place.line}, column {place.column}" if place else ""
        else:
            at = f"{source}:{place.line}:{place.column}" if place else source
        lines.append(f"  - {_dotted(problem.path)}: {problem.what}{f' [{at}]' if at else ''}")
    remedy = remedy.replace("value", "values", 1)
    return ConfigError("\n".join([f"{len(lines)} problems:", *lines]), where=sources.file, remedy=remedy)


def of_pydantic(errors: Sequence[Any], values: Any, sources: Sources) -> list[Problem]:
    """What pydantic has against the values, in our words, with the nearest right value where there is one.

    Args:
        errors: `ValidationError.errors()`.
        values: what was validated.
        sources: where the values come from.

    Returns:
        A problem for each place. Where several kinds of value may stand, those of the kind that was meant.
    """
    by_path: dict[Keys, list[Problem]] = {}
    for error in errors:
        if not _is_of_another_section(error["loc"], values):
            problem = _of_pydantic(error, values, sources)
            by_path.setdefault(problem.path, []).append(problem)
    return [_merged(alternatives) for alternatives in by_path.values()]


def _merged(alternatives: list[Problem]) -> Problem:
    """One problem of those that each kind of value has, which could stand in one place."""
    first = alternatives[0]
    expected = list(dict.fromkeys(problem.what.partition(", not ")[0] for problem in alternatives))
    if len(expected) == 1 or not all(one.startswith("should be ") for one in expected):
        return first
    kinds = [one.removeprefix("should be ") for one in expected]
    _, separator, rest = first.what.partition(", not ")
    return replace(first, what=f"should be {', '.join(kinds[:-1])} or {kinds[-1]}{separator}{rest}")


def _is_of_another_section(location: tuple[Any, ...], values: Any) -> bool:
    """Whether it is said of one section where another one of the same place has more of the keys that are written."""
    for depth, part in enumerate(location):
        sections = [kind for kind in _types_at(location[:depth]) if _is_section(kind)]
        named = [kind for kind in sections if kind.__name__ in re.split(r"\W+", str(part))]
        written = _value_at(values, _written_keys(location[:depth], values))
        if len(sections) > 1 and named and isinstance(written, dict):
            likeness = [len(set(kind.model_fields) & set(written)) for kind in sections]
            return named[0] is not sections[likeness.index(max(likeness))]
    return False


def _of_pydantic(error: Any, values: Any, sources: Sources) -> Problem:
    location = tuple(error["loc"])
    path = _written_keys(location, values)
    if error["type"] == "missing":
        return Problem((*path, location[-1]), f"is missing{_described(location)}", of_key=True)
    if not path and isinstance(error.get("ctx", {}).get("error"), Misfit):
        return Problem(error["ctx"]["error"].key, error["ctx"]["error"].what)
    if not path:
        # What is said of the whole names its key, or says that the features do not fit together.
        key, _, what = str(error["msg"]).removeprefix("Value error, ").partition(": ")
        named = key.split(".")[0] in Config.model_fields and what
        return Problem(tuple(key.split(".")), what) if named else Problem(("features",), f"{key}: {what}".rstrip(": "))
    if error["type"] == "extra_forbidden":
        known = sorted(_names_beside(location))
        near = did_you_mean(str(location[-1]), known) or (f"; known here: {', '.join(known)}" if known else "")
        return Problem(path, f"there is no such key{near}", of_key=True)
    context, value = error.get("ctx", {}), error["input"]
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        key = context["discriminator"].strip("'")
        if not isinstance(value, dict) or key not in value:
            return Problem((*path, key), "is missing", of_key=True)
        path, location, value = (*path, key), (*location, key), value[key]
    expected, near = _expected(error, context, value)
    # What stands in place of a variable's name may be the secret itself.
    is_hidden = any(map(secrets.names_variable, map(str, path)))
    # A sentence of our own that says what is wrong, and not what should be there, goes on with no "not".
    is_whole = error["type"] == "value_error" and not expected.startswith("should")
    seen = "" if is_hidden or is_whole else _seen(value, sources.written(path))
    return Problem(path, f"{expected}{seen}{near}{_described(location)}", of_key=location[-1:] == ("[key]",))


def _expected(error: Any, context: Any, value: Any) -> tuple[str, str]:
    """What should be there, and which of the words that are allowed may be meant."""
    kind = error["type"]
    if kind in ("literal_error", "union_tag_invalid"):
        listed = context.get("expected") or context["expected_tags"]
        choices = [choice.strip("'") for part in listed.split(", ") for choice in part.split(" or ")]
        near = did_you_mean(value, choices) if isinstance(value, str) else ""
        return f"should be {' or '.join(filter(None, [', '.join(choices[:-1]), choices[-1]]))}", near
    if kind == "string_type":
        is_plain = not isinstance(value, (dict, list, type(None)))
        return "should be a text; put it in quotes" if is_plain else "should be a text", ""
    if kind == "string_too_short":
        return "should not be empty" if not value else f"should have {context['min_length']} characters or more", ""
    if kind == "string_pattern_mismatch":
        return f"should match {context['pattern']}", ""
    if kind == "too_short":
        return f"should have {context['min_length']} or more" if value else "should not be empty", ""
    words = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return _IN_OUR_WORDS.get(kind, words), ""


def silent_mistakes(values: Any, sources: Sources, path: Keys = ()) -> Iterator[Problem]:
    """What pydantic would take for something else without a word: true for the number 1, and numbers beyond any use.

    Args:
        values: plain values, as they were read.
        sources: where they come from.
        path: the keys and indices that lead to them.

    Yields:
        A problem for each such value.
    """
    if isinstance(values, dict):
        for key, value in values.items():
            yield from silent_mistakes(value, sources, (*path, key))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            yield from silent_mistakes(value, sources, (*path, index))
    elif isinstance(values, bool):
        types = _types_at(path)
        if {int, float} & set(types) and not {bool, Any} & set(types):
            text = " or a text in quotes" if str in types else ""
            yield Problem(path, f"should be a number{text}{_seen(values, sources.written(path))}")
    elif isinstance(values, int) and abs(values) > _LARGEST:
        yield Problem(path, f"is a number of {len(str(values))} digits, and 19 is the most that TFX keeps")


def no_names(values: Any) -> Iterator[Problem]:
    """What stands in place of a variable's name where the configuration takes any value, as in `code.settings`.

    Args:
        values: plain values, as they were read.

    Yields:
        A problem for each; what stands there may be the secret itself, and is not shown.
    """
    for path, value in secrets.named_variables(values):
        is_free = any(Any in _types_at(path[:depth]) for depth in range(1, len(path) + 1))
        is_name = isinstance(value, str) and re.fullmatch(VARIABLE_NAME, value)
        if is_free and value not in (None, "") and not is_name:
            yield Problem(path, "should be the name of an environment variable; what it holds is the secret")


def _seen(value: Any, written: str) -> str:
    """What is there, as it was written where that tells more than its value."""
    if isinstance(value, (dict, list)):
        return ""
    if value is None:
        return ", not empty" if written in ("", "~") else f", not {written}"
    if isinstance(value, bool) and written.lower() in _WORDS:
        return f", not {written}, which YAML reads as {str(value).lower()}"
    shown = repr(value) if isinstance(value, str) else written or repr(value)
    return f", not {shown}" if len(shown) <= _LONGEST else f", not {shown[:_LONGEST]}..."


def _dotted(path: Keys) -> str:
    return ".".join(str(part) for part in path)


def names_below(path: Keys) -> set[str]:
    """The keys that may stand at a place, whichever of several sections it is; none where any key may."""
    sections = [kind for kind in _types_at(path) if _is_section(kind)]
    return {field.alias or name for kind in sections for name, field in kind.model_fields.items()}


def _names_beside(location: tuple[Any, ...]) -> set[str]:
    for model in _types_at(location[:-1]):
        if _is_section(model):
            return {field.alias or name for name, field in model.model_fields.items()}
    return set()


def _described(location: tuple[Any, ...]) -> str:
    for model in _types_at(location[:-1]):
        if _is_section(model):
            for name, field in model.model_fields.items():
                if location and location[-1] in (name, field.alias) and field.description:
                    return f" ({field.description})"
    return ""


def _written_keys(location: tuple[Any, ...], values: Any) -> Keys:
    """The location without what pydantic puts between keys: the kind of value that was tried, and a word for a key."""
    path: Keys = ()
    for depth, part in enumerate(location):
        entries = dict(enumerate(values)) if isinstance(values, list) else values
        if isinstance(entries, dict) and part in entries and not _names_section(location[:depth], part):
            path, values = (*path, part), entries[part]
    return path


def _names_section(location: tuple[Any, ...], part: Any) -> bool:
    """Whether it is the word for one of the sections that may stand at a location, and not a key that is called so."""
    sections = [kind for kind in _types_at(location) if _is_section(kind)]
    return len(sections) > 1 and any(_names(part, kind) for kind in sections)


def _names(part: Any, kind: type[BaseModel]) -> bool:
    """Whether it is the word for a section, which pydantic may write as `function-after[_ascending(), Range]`."""
    return not _tags(kind).isdisjoint({str(part), *re.split(r"\W+", str(part))} if "[" in str(part) else {part})


def _value_at(values: Any, path: Keys) -> Any:
    for part in path:
        values = values[part]
    return values


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _tags(model: type[BaseModel]) -> set[str]:
    """What pydantic may call one model of a union: its name, or the word by which a field tells it from the others."""
    words = (field.annotation for field in model.model_fields.values() if get_origin(field.annotation) is Literal)
    return {model.__name__, *(word for literal in words for word in get_args(literal))}


def _types_at(location: tuple[Any, ...]) -> list[Any]:
    """The types that the configuration allows at a location; several where there is a union."""
    types: list[Any] = [Config]
    for part in location:
        tagged = [kind for kind in types if _is_section(kind)]
        chosen = [kind for kind in tagged if _names(part, kind)]
        types = chosen if len(tagged) > 1 and chosen else [below for kind in types for below in _below(kind, part)]
    return types


def _below(kind: Any, part: Any) -> list[Any]:
    if _is_section(kind):
        annotations = [field.annotation for name, field in kind.model_fields.items() if part in (name, field.alias)]
        return [option for annotation in annotations for option in _options(annotation)]
    if get_origin(kind) is dict:
        return _options(get_args(kind)[1])
    if get_origin(kind) is tuple:
        return _options(get_args(kind)[0])
    return []


def _options(annotation: Any) -> list[Any]:
    """A type's alternatives, with `Annotated` and `Optional` taken off."""
    if hasattr(annotation, "__metadata__"):
        return _options(annotation.__origin__)
    if get_origin(annotation) is Union:
        return [option for alternative in get_args(annotation) for option in _options(alternative)]
    return [annotation]
