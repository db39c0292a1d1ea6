"""The text editor for protos: any text, any edit; the rest stays byte for byte."""

import math
import random
from collections import Counter

import hypothesis.strategies as st
import pytest
from google.protobuf import text_format
from hypothesis import HealthCheck, given, settings
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.schema.words import changes
from millrace.textproto import lexer, tree
from millrace.textproto.rewrite import read, rewrite

FUZZ = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
STRINGS = st.one_of(
    st.sampled_from(
        ["a", "b", "TRAINING", "", "it's", 'say "hi"', "#not a comment", "{", "\t\n", "é", "日本", "\u2028"]
    ),
    st.text(max_size=6),
)


BETWEEN = (" # {{ 'c\n{0}", '\n{0}# above: "\n{0}', "\n\n{0}")


# -- any proto --------------------------------------------------------------------------------------------------------
def scalar(field):
    kind = field.cpp_type
    if field.type == field.TYPE_BYTES:
        return st.binary(max_size=4)
    if kind == field.CPPTYPE_STRING:
        return STRINGS
    if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return st.one_of(
            st.sampled_from([0.0, 1.0, -0.5, math.inf, -math.inf, 1e-30]),
            st.floats(width=32 if kind == field.CPPTYPE_FLOAT else 64, allow_nan=False),
        )
    if kind == field.CPPTYPE_BOOL:
        return st.booleans()
    if kind == field.CPPTYPE_ENUM:
        return st.sampled_from([value.number for value in field.enum_type.values])
    bits = 64 if kind in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64) else 32
    low = 0 if kind in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64) else -(2 ** (bits - 1))
    return st.integers(low, 2 ** (bits - 1) - 1)


def fields_of(message, depth):
    """The fields that a test sets; messages only while there is depth left."""
    return [f for f in message.DESCRIPTOR.fields if f.message_type is None or depth > 0]


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def is_repeated(message, field):
    value = getattr(message, field.name)
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def fill(draw, message, depth, most=4):
    if message.DESCRIPTOR.full_name == "google.protobuf.Any":
        message.Pack(schema_pb2.ValueCount(min=draw(st.integers(0, 3))))
        return
    fields = fields_of(message, depth)
    chosen = draw(st.lists(st.sampled_from(fields), max_size=most, unique_by=lambda f: f.name)) if fields else []
    for field in chosen:
        set_field(draw, message, field, depth)


def set_field(draw, message, field, depth):
    if is_map(field):
        for key in draw(st.lists(st.sampled_from(["k", "l", "m"]), max_size=2)):
            fill(draw, getattr(message, field.name)[key], depth - 1, 2)
    elif is_repeated(message, field):
        for _ in range(draw(st.integers(0, 3))):
            add_element(draw, message, field, depth)
    elif field.message_type is not None:
        getattr(message, field.name).SetInParent()
        fill(draw, getattr(message, field.name), depth - 1)
    else:
        setattr(message, field.name, draw(scalar(field)))


def add_element(draw, message, field, depth):
    repeated = getattr(message, field.name)
    if field.message_type is not None:
        fill(draw, repeated.add(), depth - 1)
    else:
        repeated.append(draw(scalar(field)))


@st.composite
def schemas(draw, depth=4):
    schema = schema_pb2.Schema()
    for _ in range(draw(st.integers(0, 3))):
        feature = schema.feature.add(name=draw(STRINGS))
        fill(draw, feature, depth - 2)
    for _ in range(draw(st.integers(0, 2))):
        schema.string_domain.add(name=draw(STRINGS), value=draw(st.lists(STRINGS, max_size=5)))
    fill(draw, schema, depth - 1, most=3)
    return schema


# -- any way to write it ----------------------------------------------------------------------------------------------
class Writer:
    """Writes a proto in a random concrete syntax."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.out = []

    def pick(self, *choices):
        return self.random.choice(choices)

    def gap(self, indent):
        self.out.append(
            self.pick(*" \t\n", "  ", "\r\n", *([f"\n{indent}"] * 4), *(found.format(indent) for found in BETWEEN))
        )

    def message(self, message, indent):
        first = True
        for field, value in message.ListFields():
            elements = self.elements(field, value)
            if field.message_type is None and hasattr(value, "__len__") and not isinstance(value, (str, bytes)):
                if self.pick(True, False):
                    self.gap(indent) if not first else None
                    self.list(field, elements, indent)
                    self.out.append(self.pick("", ",", ";"))
                    first = False
                    continue
            for element in elements:
                self.gap(indent) if not first else None
                first = False
                self.out.append(field.name)
                self.out.append(
                    self.pick(":", ": ", " :\n  ") if field.message_type is None else self.pick("", " ", ": ")
                )
                self.value(field, element, indent)
                self.out.append(self.pick("", "", "", ",", ";", " ;"))

    def elements(self, field, value):
        if is_map(field):
            return [field.message_type._concrete_class(key=key, value=value[key]) for key in sorted(value)]
        repeated = hasattr(value, "__len__") and not isinstance(value, (str, bytes))
        return list(value) if repeated else [value]

    def list(self, field, elements, indent):
        self.out.append(f"{field.name}: [")
        for index, element in enumerate(elements):
            self.out.append("" if index == 0 else self.pick(",", " ,", ", # c\n"))
            self.gap(indent)
            self.value(field, element, indent)
        self.gap(indent)
        self.out.append("]")

    def value(self, field, value, indent):
        if field.message_type is not None:
            opening, closing = self.pick("{}", "{}", "<>")
            self.out.append(opening)
            self.gap(indent + "  ")
            if field.message_type.full_name == "google.protobuf.Any":
                self.out.append(text_format.MessageToString(value, as_one_line=True))
            else:
                self.message(value, indent + "  ")
            self.gap(indent)
            self.out.append(closing)
            return
        alone = text_format.MessageToString(field_alone(field, value), as_utf8=self.pick(True, False))
        self.out.append(self.restyled(alone.split(":", 1)[1].strip()))

    def restyled(self, value):
        if not value.startswith('"'):
            return value
        inner = value[1:-1]
        if "'" not in inner and "\\" not in inner and self.pick(True, False):
            return f"'{inner}'"
        if inner.isalpha() and inner.isascii() and self.pick(True, False):
            return f"\"{inner[:1]}\" # split\n '{inner[1:]}'"
        return value


def field_alone(field, value):
    message = field.containing_type._concrete_class()
    slot = getattr(message, field.name)
    if hasattr(slot, "__len__") and not isinstance(slot, (str, bytes)):
        slot.append(value)
    else:
        setattr(message, field.name, value)
    return message


@st.composite
def written(draw):
    """A schema, and a text that says it."""
    schema = draw(schemas())
    if draw(st.integers(0, 3)) == 0:
        return schema, "# canonical\n" + text_format.MessageToString(schema, as_utf8=True)
    writer = Writer(draw(st.integers(0, 2**32)))
    writer.out.append(draw(st.sampled_from(["", "# top\n", "\n\n"])))
    writer.message(schema, "")
    writer.out.append(draw(st.sampled_from(["", "\n", "\n# end", "\n# end\n", "\r\n"])))
    return schema, "".join(writer.out)


# -- any edit ---------------------------------------------------------------------------------------------------------
def edit(draw, message, path=()):
    """Makes one random edit; returns its kind, and the path of what it concerns as (field, index) pairs."""
    inside = [
        (field, index, element)
        for field, value in message.ListFields()
        if field.message_type is not None and not is_map(field) and "Any" not in field.message_type.name
        for index, element in enumerate(value if is_repeated(message, field) else [value])
    ]
    if inside and draw(st.integers(0, 3)):
        field, index, element = draw(st.sampled_from(inside))
        return edit(draw, element, (*path, (field.name, index)))
    if not message.DESCRIPTOR.fields:
        return "none", path
    field = draw(st.sampled_from([f for f in message.DESCRIPTOR.fields if not is_map(f)]))
    present = field.name in [f.name for f, _ in message.ListFields()]
    if is_repeated(message, field):
        repeated = getattr(message, field.name)
        if present and draw(st.booleans()):
            index = draw(st.integers(0, len(repeated) - 1))
            twin = list(repeated).count(repeated[index]) > 1  # which of two equal ones went cannot be told
            del repeated[index]
            return ("twin" if twin else "remove"), (*path, (field.name, index))
        add_element(draw, message, field, 2)
        return "add", path
    if present and draw(st.booleans()):
        message.ClearField(field.name)
        return "remove", (*path, (field.name, 0))
    if field.containing_oneof is not None and message.WhichOneof(field.containing_oneof.name) not in (None, field.name):
        return "none", path
    if present and field.message_type is None:
        setattr(message, field.name, draw(scalar(field)))
        return "set", (*path, (field.name, 0))
    if not present:
        set_field(draw, message, field, 2)
        return "add", path
    return "none", path


def line_span(text, path):
    """First and last line of what a path of (field, index) pairs names."""
    node, start, end = tree.parse(text), 0, len(text)
    for name, index in path:
        placed = [(f, v, i) for f in node.fields if f.name == name for v, i in f.elements()]
        field, node, item = placed[index]
        alone = item is None or len(field.value.items) == 1
        start, end = (field.start, field.end) if alone else (item.start, item.end)
    return text.count("\n", 0, start), text.count("\n", 0, end)


def changed_lines(before, after):
    """The lines of `before`, between the common first and the common last lines, that `after` no longer has there."""
    old, new = before.split("\n"), after.split("\n")
    first = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - first
    last = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    there = Counter(new[first : len(new) - last])
    changed = []
    for line in range(first, len(old) - last):
        if there[old[line]] > 0:
            there[old[line]] -= 1
        else:
            changed.append(line)
    return changed


@FUZZ
@given(written())
def test_the_tokens_are_the_text_and_the_parse_is_that_of_protobuf(made):
    schema, text = made
    spans = lexer.tokens(text)
    assert "".join(text[token.start : token.end] for token in spans) == text
    assert read(text, schema_pb2.Schema) == text_format.Parse(text, schema_pb2.Schema())
    assert read(text, schema_pb2.Schema) == schema


@FUZZ
@given(written(), schemas())
def test_a_text_can_be_made_to_say_anything(made, target):
    edited = rewrite(made[1], target)
    assert text_format.Parse(edited, schema_pb2.Schema()) == target


@FUZZ
@given(written(), st.data())
def test_any_sequence_of_edits_changes_only_the_lines_that_it_concerns(made, data):
    schema, text = made
    for _ in range(data.draw(st.integers(1, 5))):
        kind, path = edit(data.draw, schema)
        edited = rewrite(text, schema)
        assert text_format.Parse(edited, schema_pb2.Schema()) == schema
        changed = changed_lines(text, edited)
        first, last = line_span(text, path)
        if kind == "twin":
            pass
        elif kind == "add":
            assert len(changed) <= 1 and all(first <= line <= last for line in changed)
        else:
            old, new = text.split("\n"), edited.split("\n")
            below = old[last + 1 :]
            assert new[len(new) - len(below) :] == below
            commas = sum(a != b for a, b in zip(old[:first], new, strict=False))  # one that would now close a list
            assert commas <= (1 if kind == "remove" else 0)
        text = edited


@FUZZ
@given(written(), st.data())
def test_a_broken_text_is_refused_with_a_place_or_parses_as_protobuf_does(made, data):
    text = made[1]
    cut = data.draw(st.integers(0, len(text)))
    broken = (
        text[:cut] + data.draw(st.sampled_from(["", '"', "{", "}", "[", ":", "#", "\x00", "x", "1"])) + text[cut + 1 :]
    )
    try:
        expected = text_format.Parse(broken, schema_pb2.Schema())
    except text_format.ParseError:
        expected = None
    if expected is None:
        with pytest.raises(lexer.TextProtoError) as caught:
            read(broken, schema_pb2.Schema)
        assert 1 <= caught.value.line <= broken.count("\n") + 1
        assert caught.value.column >= 1
    else:
        assert read(broken, schema_pb2.Schema) == expected


@FUZZ
@given(schemas(), schemas(), st.data())
def test_every_difference_is_told_in_words_and_none_else(before, other, data):
    assert changes(before, before) == []
    assert bool(changes(before, other)) == (before != other)
    after = schema_pb2.Schema()
    after.CopyFrom(before)
    edit(data.draw, after)
    assert bool(changes(before, after)) == (before != after)
