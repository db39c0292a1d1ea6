"""Where an edit leaves comments, commas and lines: as a person would have written it."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import SchemaError
from millrace.textproto import schema_text, tree
from millrace.textproto.rewrite import read, rewrite

FEATURES = """\
# head
feature { name: "a" } # about a
# above b
feature {
  name: "b"
}
"""
ONE_LINE = 'feature { name: "a" deprecated: true type: INT } feature { name: "b" }\n'
COMMENTED = """\
feature {
  name: "a"  # the name
  deprecated: true # old
  type: INT # whole
}"""
INLINE = 'string_domain {\n  name: "d"\n  value: ["a", "b", "c"]  # known\n}\n'
LISTED = 'string_domain {\n  name: "d"\n  value: [\n    "a",  # first\n    "b",  # second\n    "c"\n  ]\n}\n'
REPEATED = """\
string_domain {
  name: "d"
  value: "a"
  # above b
  value: "b"
  value: "c" # the last
}
"""

ABOVE = 'string_domain {\n  name: "d"\n  # about a\n  value: "a"\n}\n'
TWO_A_LINE = 'feature {\n  name: "a" type: INT # both\n  deprecated: true }\n'
SEPARATED = 'feature { name: "a"; type: INT; }\n'
PACKED = 'feature<name:"a"type:INT>\n'
APART = 'feature {\n  name: "a"\n}\n\n# about b\nfeature {\n  name: "b"\n}\n'
NESTED = 'feature {\n    name: "a"\n    presence {\n        min_count: 1\n    }\n}\n'
CRLF = 'feature {\r\n  name: "a"\r\n}\r\n'
SPLIT = 'feature {\n  name: "a"\n  annotation {\n    comment: "one "\n      "two"\n  }\n}\n'
MAP = 'tensor_representation_group {\n  key: "g"  # kept\n  value {}\n}\n'


def without(name):
    return lambda schema: schema.feature[0].ClearField(name)


def first(**changes):
    def change(schema):
        for name, value in changes.items():
            setattr(schema.feature[0], name, value)

    return change


def bounded(schema):
    schema.feature[0].int_domain.min = 3


def named_features(*names):
    def change(schema):
        before = {feature.name: feature for feature in schema.feature}
        features = [before.get(name, schema_pb2.Feature(name=name)) for name in names]
        del schema.feature[:]
        schema.feature.extend(features)

    return change


def another_group(schema):
    schema.tensor_representation_group["h"].SetInParent()


def values(*names):
    def change(schema):
        schema.string_domain[0].value[:] = names

    return change


@pytest.mark.parametrize(
    ("text", "change", "gone", "come"),
    [
        (FEATURES, lambda schema: schema.feature.pop(0), 'feature { name: "a" } # about a\n', ""),
        (FEATURES, lambda schema: schema.feature.pop(1), 'feature {\n  name: "b"\n}\n', ""),
        (ONE_LINE, lambda schema: schema.feature.pop(1), ' feature { name: "b" }', ""),
        (ONE_LINE, lambda schema: schema.feature.pop(0), ONE_LINE.partition('feature { name: "b"')[0], ""),
        (ONE_LINE, without("deprecated"), "deprecated: true ", ""),
        (ONE_LINE, without("type"), " type: INT", ""),
        (ONE_LINE, without("name"), 'name: "a" ', ""),
        (COMMENTED, without("type"), "  type: INT # whole\n", ""),
        (COMMENTED, without("deprecated"), "  deprecated: true # old\n", ""),
        (COMMENTED, lambda schema: setattr(schema.feature[0], "type", 1), "INT", "BYTES"),
        (INLINE, values("a", "b"), ', "c"', ""),
        (INLINE, values("b", "c"), '"a", ', ""),
        (INLINE, values("a", "c"), ', "b"', ""),
        (INLINE, values("a", "x", "c"), '"b"', '"x"'),
        (INLINE, values("a", "b", "c", "d"), "]", ', "d"]'),
        (INLINE, values("a", "x", "b", "c"), '"b"', '"x", "b"'),
        (INLINE, values("0", "a", "b", "c"), '"a"', '"0", "a"'),
        (INLINE, values(), '  value: ["a", "b", "c"]  # known\n', ""),
        (LISTED, values("a", "c"), '    "b",  # second\n', ""),
        (LISTED, values("b", "c"), '    "a",  # first\n', ""),
        (LISTED, values("a", "b"), ',  # second\n    "c"\n', "  # second\n"),
        (LISTED, values("a", "b", "c", "d"), '"c"\n', '"c",\n    "d"\n'),
        (LISTED, values("z", "a", "b", "c"), '    "a"', '    "z",\n    "a"'),
        (LISTED, values("a", "x", "c"), '"b"', '"x"'),
        (REPEATED, values("a", "c"), '  value: "b"\n', ""),
        (REPEATED, values("a", "b"), '  value: "c" # the last\n', ""),
        (REPEATED, values("a", "x", "c"), '"b"', '"x"'),
        (REPEATED, values("a", "b", "c", "d"), "# the last\n", '# the last\n  value: "d"\n'),
        (REPEATED, values("a", "a2", "b", "c"), '"a"\n', '"a"\n  value: "a2"\n'),
        (REPEATED, values("0", "a", "b", "c"), '  value: "a"\n', '  value: "0"\n  value: "a"\n'),
        (ABOVE, values("0", "1", "a"), "  # about a\n", '  value: "0"\n  value: "1"\n  # about a\n'),
        (TWO_A_LINE, without("name"), 'name: "a" ', ""),
        (TWO_A_LINE, without("type"), " type: INT", ""),
        (TWO_A_LINE, without("deprecated"), "deprecated: true ", ""),
        (SEPARATED, first(deprecated=True), "INT;", "INT; deprecated: true;"),
        (SEPARATED, without("name"), 'name: "a"; ', ""),
        (PACKED, first(deprecated=True), "INT>", "INT deprecated: true>"),
        (PACKED, without("name"), 'name:"a"', ""),
        (APART, named_features("a", "b", "n"), '"b"\n}\n', '"b"\n}\n\nfeature {\n  name: "n"\n}\n'),
        (APART, named_features("a", "n", "b"), '"a"\n}\n', '"a"\n}\nfeature {\n  name: "n"\n}\n'),
        (APART, named_features("z", "b"), '"a"', '"z"'),
        (NESTED, bounded, "    }\n}\n", "    }\n    int_domain {\n        min: 3\n    }\n}\n"),
        (NESTED.replace("    ", "\t"), bounded, "\t}\n}\n", "\t}\n\tint_domain {\n\t\tmin: 3\n\t}\n}\n"),
        (CRLF, first(type=2), '"a"\r\n', '"a"\r\n  type: INT\r\n'),
        (CRLF.replace("{\r\n", "{\n").replace("}\r\n", "}\n"), first(type=2), '"a"\r\n', '"a"\r\n  type: INT\n'),
        (SPLIT, first(name="z"), '"a"', '"z"'),
        (MAP, another_group, MAP, MAP + MAP.replace('"g"  # kept', '"h"').replace("{}", "{\n  }")),
        (MAP, lambda schema: schema.tensor_representation_group.pop("g"), MAP, ""),
        (
            MAP + MAP.replace('"g"', '"h"'),
            lambda schema: schema.tensor_representation_group.pop("g"),
            MAP,
            "",
        ),
        ("feature {}\n", first(name="n"), "{}", '{ name: "n" }'),
        ("feature { }\n", lambda schema: setattr(schema.feature[0], "name", "n"), "{ }", '{ name: "n" }'),
        ("feature {\n}\n", lambda schema: setattr(schema.feature[0], "name", "n"), "{\n", '{\n  name: "n"\n'),
    ],
)
def test_an_edit_changes_its_own_place_and_nothing_else(text, change, gone, come):
    target = text_format.Parse(text, schema_pb2.Schema())
    change(target)
    assert text.count(gone) == 1
    assert rewrite(text, target) == text.replace(gone, come)


@pytest.mark.parametrize(
    ("before", "lines"),
    [("", ""), ("# a file", "# a file\n"), (FEATURES, FEATURES), (FEATURES.rstrip("\n"), FEATURES)],
)
def test_what_is_added_stands_at_the_end_in_lines_of_its_own(before, lines):
    target = text_format.Parse(before, schema_pb2.Schema())
    feature = target.feature.add(name="n", type=schema_pb2.INT)
    feature.presence.min_count = 1
    added = 'feature {\n  name: "n"\n  type: INT\n  presence {\n    min_count: 1\n  }\n}'
    assert rewrite(before, target).rstrip("\n") == lines + added


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ('feature {\n  nmae: "a"\n}\n', "line 2, column 3", '  nmae: "a"'),
        ("feature {\n  type: INTEGER\n}\n", "line 2, column 9", "  type: INTEGER"),
        ('feature { name: "a }\n', "line 1, column 17", 'feature { name: "a }'),
        ("feature {\r\n  ?\r\n}\r\n", "line 2, column 3", "  ?"),
    ],
)
def test_a_text_that_is_none_is_told_with_the_line_and_a_mark_below_the_place(text, place, shown):
    with pytest.raises(ValueError, match=place) as caught:
        read(text, schema_pb2.Schema)
    first, line, mark = str(caught.value).split("\n")
    assert shown in line
    column = int(place.rpartition(" ")[2])
    assert mark.index("^") - line.index(shown) == column - 1
    assert caught.value.args == (first.partition(": ")[2],)


@pytest.mark.parametrize(("depth", "taken"), [(100, True), (101, False)])
def test_messages_are_nested_as_deeply_as_protobufs_own_parsers_take_them(depth, taken):
    """Deeper, the parser itself would end in a RecursionError."""
    text = "feature { struct_domain { " * (depth // 2) + "feature { " * (depth % 2) + "} " * depth
    if taken:
        assert len(tree.parse(text).fields) == 1
    else:
        with pytest.raises(ValueError, match=r"line 1, column \d+: messages are nested more than 100 deep"):
            tree.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("feature {", "this bracket is never closed by '}'"),
        ("feature < name: 'a' }", "a field's name is expected here, not }"),
        ("string_domain { value: ['a' name: 'b'] }", "not name"),
        ("[a.b", "the text ends"),
        ("[a.{] { }", "the name of an extension or of a type"),
    ],
)
def test_what_is_left_open_is_refused_at_its_place(text, words):
    with pytest.raises(ValueError, match="line 1, column") as caught:
        tree.parse(text)
    assert words in str(caught.value)


def test_a_long_line_is_shown_around_the_place():
    text = f'feature {{ name: "{"x" * 300}" nmae: "a" {"# " + "y" * 300}\n}}'
    with pytest.raises(ValueError, match=f"column {text.index('nmae') + 1}") as caught:
        read(text, schema_pb2.Schema)
    _, line, mark = str(caught.value).split("\n")
    assert len(line) < 120 and line[mark.index("^") :].startswith("nmae")


@pytest.mark.parametrize(
    ("content", "place"), [(b"\xff", "1:1"), (b"# \xc3\xa9\n  \xff\n", "2:3"), (b"# a\n# b\n\xc3", "3:1")]
)
def test_a_file_that_is_not_utf_8_is_told_with_the_byte_that_is_wrong(tmp_path, content, place):
    (tmp_path / "schema.pbtxt").write_bytes(content)
    with pytest.raises(SchemaError, match="not UTF-8 text") as told:
        schema_text.read(tmp_path / "schema.pbtxt")
    assert told.value.where == f"{tmp_path / 'schema.pbtxt'}:{place}"
