"""Turns a text into one that says what a given proto says, and changes nothing else in it.

Every edit of a schema is made on the parsed proto; `rewrite` then finds the fields that differ, and splices only those
into the text: a scalar in place, a removed field with its line, a new field beside its neighbours.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Optional, TypeVar, Union

from google.protobuf import text_format
from google.protobuf.message import Message as Proto

from millrace.base.names import did_you_mean
from millrace.textproto import tree
from millrace.textproto.layout import Block, TextLayout
from millrace.textproto.lexer import TextProtoError

P = TypeVar("P", bound=Proto)

_NO_FIELD = re.compile(r'Message type "([\w.]+)" has no field named "([^"]*)"')
_ANY = "google.protobuf.Any"


def read(text: str, kind: type[P]) -> P:
    """Parses a text as a message of one type.

    Args:
        text: a proto in text format.
        kind: the message's class, for instance `schema_pb2.Schema`.

    Returns:
        The parsed message.

    Raises:
        TextProtoError: with line and column, for a text that breaks the grammar or does not fit the type.
    """
    message = kind()
    of: Any = kind
    message.CopyFrom(_read_once(text, of))
    return message


# A schema of thousands of features takes a second: a page asks for what is on the disk, what is kept, and what git has.
@lru_cache(maxsize=4)
def _read_once(text: str, kind: Any) -> Any:
    tree.parse(text)
    message = kind()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise _located(error, text, message) from error
    return message


def _located(error: text_format.ParseError, text: str, message: Proto) -> TextProtoError:
    """The same error with the offset of its line and column, and with the nearest name for one that is not known."""
    line, column = error.GetLine() or 1, error.GetColumn() or 1
    starts = [0] + [match.end() for match in re.finditer("\n", text)]
    position = min(starts[min(line, len(starts)) - 1] + column - 1, len(text))
    what = re.sub(r"^\d+:\d+ : ", "", str(error))
    what = re.sub(r"^'.*?': ", "", what, flags=re.DOTALL)
    unknown = _NO_FIELD.search(what)
    if unknown:
        kind = message.DESCRIPTOR.file.pool.FindMessageTypeByName(unknown[1])
        hint = did_you_mean(unknown[2], (field.name for field in kind.fields))
        what = f"{kind.name} has no field named {unknown[2]}{hint}"
    return TextProtoError(what.strip().rstrip("."), text, position)


def rewrite(text: str, target: Proto) -> str:
    """Edits a text until it says what `target` says.

    Args:
        text: a proto of target's type in text format.
        target: what the text is to say.

    Returns:
        The edited text; lines that hold nothing of what differs are the same, byte for byte.

    Raises:
        TextProtoError: when `text` is not a proto of target's type.
    """
    edited = preview(text, target)
    if edited != text and read(edited, type(target)) != target:
        raise RuntimeError("the edited text does not say what the edit asks for; nothing was written")
    return edited


def preview(text: str, target: Proto) -> str:
    """What `rewrite` gives, without the check that it says what it is to: for texts that are shown, not written.

    Args:
        text: a proto of target's type in text format.
        target: what the text is to say.
    """
    kind: Any = type(target)
    root, current = _parsed(text, kind)
    if current == target:
        return text
    layout = TextLayout(text, root)
    _Rewriter(layout).message(root, current, target)
    return layout.edited()


@lru_cache(maxsize=4)
def _parsed(text: str, kind: Any) -> tuple[tree.Message, Proto]:
    """A text's tree and what it says; kept, because many edits of one text are shown in a row."""
    return tree.parse(text), read(text, kind)


@dataclass
class _Element:
    """One value of a field in the text, and where it stands."""

    field: tree.Field
    value: Union[tree.Scalar, tree.Message]
    item: Optional[tree.Item]


class _Rewriter:
    """Walks a message in the text and two protos, what it says and what it is to say, in parallel."""

    def __init__(self, layout: TextLayout) -> None:
        self._layout = layout

    def message(self, node: tree.Message, current: Proto, target: Proto) -> None:
        """Edits one message's fields; the new ones go to its end.

        Args:
            node: the message in the text.
            current: what the text says.
            target: what it is to say.
        """
        placed: dict[str, list[_Element]] = {}
        for child in node.fields:
            elements = placed.setdefault(child.name, [])
            elements.extend(_Element(child, value, item) for value, item in child.elements())
        gone: set[int] = set()
        new: list[Block] = []
        for field in _differing(current, target):
            name = f"[{field.full_name}]" if field.is_extension else field.name
            edit = _Edit(self, self._layout, field, placed.get(name, []), target)
            new += edit.run(_get(current, field), _get(target, field), _has(current, field), _has(target, field))
            gone |= edit.gone
        staying = [child for child in node.fields if id(child) not in gone]
        if new and staying:
            self._layout.add_fields_after(staying[-1], new)
        elif new:
            self._layout.add_first_fields(node, new)


class _Edit:
    """Edits one field of a message; `gone` holds the text's fields that it removed whole."""

    def __init__(
        self, rewriter: _Rewriter, layout: TextLayout, field: Any, placed: list[_Element], target: Proto
    ) -> None:
        self._rewriter = rewriter
        self._layout = layout
        self._field = field
        self._placed = placed
        self._kind = type(target)
        self.gone: set[int] = set()

    def run(self, current: Any, target: Any, had: bool, has: bool) -> list[Block]:
        """Makes the edit, and returns what is to be appended to the message, when its place is not given.

        Args:
            current: the field's value in the text.
            target: the value that it is to have.
            had: whether the text sets it.
            has: whether it is to be set.
        """
        kind = self._field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            return self._map(current, target)
        if _is_repeated(current):
            return self._repeated(list(current), list(target))
        if had and has:
            self._change(self._placed[0], current, target)
        elif had:
            self._remove(self._placed)
        elif has:
            return [self._block(target)]
        return []

    def _repeated(self, current: list[Any], target: list[Any]) -> list[Block]:
        if not current:
            return [self._block(value) for value in target]
        removed: list[_Element] = []
        for tag, first, last, new_first, new_last in _alignment(current, target):
            pairs = min(last - first, new_last - new_first)
            for offset in range(pairs):
                before, after = current[first + offset], target[new_first + offset]
                self._change(self._placed[first + offset], before, after, same=tag == "equal")
            removed += self._placed[first + pairs : last]
            if new_first + pairs < new_last:
                self._insert(first + pairs, target[new_first + pairs : new_last])
        self._remove(removed)
        return []

    def _insert(self, index: int, values: list[Any]) -> None:
        """Inserts values between the elements `index - 1` and `index`, both of which stay."""
        anchor = self._placed[max(index - 1, 0)]
        blocks = [self._block(value, in_list=anchor.item is not None) for value in values]
        if anchor.item is None:
            add = self._layout.add_fields_after if index else self._layout.add_fields_before
            add(anchor.field, blocks)
        else:
            add_items = self._layout.add_items_after if index else self._layout.add_items_before
            add_items(anchor.item, blocks)

    def _remove(self, removed: list[_Element]) -> None:
        holders = {id(element.field): element.field for element in removed}
        for key, holder in holders.items():
            items = [element.item for element in removed if element.field is holder and element.item is not None]
            if isinstance(holder.value, tree.List) and len(items) < len(holder.value.items):
                self._layout.remove_items(holder.value, items)
            else:
                self._layout.remove(holder)
                self.gone.add(key)

    def _change(self, element: _Element, before: Any, after: Any, same: bool = True) -> None:
        """Edits one element: inside when it is the same message (or was only renamed), else as a whole."""
        if before == after:
            return
        value = element.value
        # The fields of a packed Any do not stand in the text by name.
        is_message = isinstance(after, Proto) and after.DESCRIPTOR.full_name != _ANY
        if isinstance(value, tree.Message) and is_message and (same or _renamed(before, after)):
            self._rewriter.message(value, before, after)
            return
        block = self._block(after, in_list=True)
        wide = self._layout.spans_lines(value) or (isinstance(value, tree.Scalar) and len(block.lines) > 1)
        shown = self._layout.indented(block.lines, element.field.start).lstrip() if wide else block.one_line
        self._layout.replace(value.start, value.end, shown)

    def _map(self, current: Mapping[Any, Any], target: Mapping[Any, Any]) -> list[Block]:
        """Edits a map, whose entries have a key and no order; of entries with one key, the last counts."""
        keys = [self._key(element) for element in self._placed]
        for index, (key, element) in enumerate(zip(keys, self._placed, strict=True)):
            if key in target and key not in keys[index + 1 :] and not _same(current[key], target[key]):
                self._change(element, None, _Entry(key, target[key]), same=False)
        self._remove([element for key, element in zip(keys, self._placed, strict=True) if key not in target])
        return [self._block(_Entry(key, target[key])) for key in sorted(target) if key not in current]

    def _key(self, element: _Element) -> Any:
        text = self._layout.text[element.value.start : element.value.end]
        alone = text_format.Parse(f"{self._field.name} {text}", self._kind())
        return next(iter(getattr(alone, self._field.name)))

    def _block(self, value: Any, in_list: bool = False) -> Block:
        """The text of one value of the field, with its name unless it goes into a list."""
        alone = self._kind()
        _put(alone, self._field, value)
        return Block(_lines(alone, in_list, False), _lines(alone, in_list, True)[0])


@dataclass(frozen=True)
class _Entry:
    """An entry of a map field."""

    key: Any
    value: Any


def _lines(alone: Proto, value_only: bool, one_line: bool) -> tuple[str, ...]:
    """A message's only field in text format; each level of indentation is one tab."""
    text = text_format.MessageToString(alone, as_utf8=True, as_one_line=one_line).strip()
    if value_only:
        value = next(tree.parse(text).fields[0].elements())[0]
        text = text[value.start : value.end]
    return tuple(re.sub(r"^ +", lambda spaces: "\t" * (len(spaces[0]) // 2), line) for line in text.split("\n"))


def _put(alone: Proto, field: Any, value: Any) -> None:
    if isinstance(value, _Entry):
        entries = getattr(alone, field.name)
        if isinstance(value.value, Proto):
            entries[value.key].CopyFrom(value.value)
        else:
            entries[value.key] = value.value
        return
    slot = _get(alone, field)
    if _is_repeated(slot):
        slot.extend([value])
    elif isinstance(slot, Proto):
        slot.CopyFrom(value)
        slot.SetInParent()
    elif field.is_extension:
        alone.Extensions[field] = value  # type: ignore[index]
    else:
        setattr(alone, field.name, value)


def _differing(current: Proto, target: Proto) -> Iterator[Any]:
    fields = {field.number: field for message in (current, target) for field, _ in message.ListFields()}
    for _, field in sorted(fields.items()):
        if _has(current, field) != _has(target, field) or not _same(_get(current, field), _get(target, field)):
            yield field


def _same(left: Any, right: Any) -> bool:
    return bool(dict(left) == dict(right)) if isinstance(left, Mapping) else bool(left == right)


def _has(message: Proto, field: Any) -> bool:
    return any(present.number == field.number for present, _ in message.ListFields())


def _get(message: Proto, field: Any) -> Any:
    return message.Extensions[field] if field.is_extension else getattr(message, field.name)


def _is_repeated(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def _alignment(current: list[Any], target: list[Any]) -> Iterator[tuple[str, int, int, int, int]]:
    """The opcodes of difflib between two lists of values, after what is equal at both ends."""
    shorter = min(len(current), len(target))
    head = next((at for at in range(shorter) if current[at] != target[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if current[-1 - at] != target[-1 - at]), rest)
    in_place = len(current) == len(target)
    keys, new_keys = (
        [_identity(value, at if in_place else None) for at, value in enumerate(values[head : len(values) - tail])]
        for values in (current, target)
    )
    for tag, *places in difflib.SequenceMatcher(None, keys, new_keys, autojunk=False).get_opcodes():
        first, last, new_first, new_last = (place + head for place in places)
        yield tag, first, last, new_first, new_last


def _identity(value: Any, place: Optional[int]) -> Any:
    """What makes an element of a repeated field the same one.

    That is its name where it has one; else its place, when as many elements came as went (`place` is then given); else
    its whole content.
    """
    if not isinstance(value, Proto):
        return value
    name = value.DESCRIPTOR.fields_by_name.get("name")
    if name is not None and name.message_type is None and _has(value, name):
        return ("name", value.name)
    return value.SerializeToString(deterministic=True) if place is None else ("place", place)


def _renamed(before: Any, after: Proto) -> bool:
    """Whether two messages of a repeated field differ only in their name, or have none."""
    if before is None or "name" not in after.DESCRIPTOR.fields_by_name:
        return before is not None
    left, right = type(after)(), type(after)()
    left.CopyFrom(before)
    right.CopyFrom(after)
    left.ClearField("name")
    right.ClearField("name")
    return bool(left == right)
