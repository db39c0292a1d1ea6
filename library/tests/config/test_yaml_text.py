"""YAML as people write it: what YAML 1.1 would read as something else, and what is there to exhaust a machine."""

import datetime

import pytest

from millrace.config.yaml_text import Place, YamlError, nearest_place, read


def refused(text: str) -> YamlError:
    with pytest.raises(YamlError) as caught:
        read(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "problem", "remedy", "column"),
    [
        ("a: 1:30", "1:30 is the number 90 to YAML, which reads it in base 60", "write 90, or put it in quotes", 4),
        ("a: 1:30.5", "1:30.5 is the number 90.5 to YAML", "write 90.5", 4),
        ("a: -1:30", "-1:30 is the number -90 to YAML", "write -90", 4),
        ("a: 010", "010 is the number 8 to YAML, which reads it in base 8", "write 8, or put it in quotes: '010'", 4),
        (
            "a: -010",
            "-010 is the number -8 to YAML, which reads it in base 8",
            "write -8, or put it in quotes: '-010'",
            4,
        ),
        ("a: +010", "+010 is the number 8 to YAML, which reads it in base 8", "write 8, or put it in quotes", 4),
        ("NO: 1", "the key NO is no text: YAML reads it as true or false", "put it in quotes: 'NO'", 1),
        ("1: 1", "the key 1 is no text: YAML reads it as a number", "put it in quotes: '1'", 1),
        ("~: 1", "the key ~ is no text: YAML reads it as nothing", "put it in quotes", 1),
        ("2026-11-30: 1", "the key 2026-11-30 is no text: YAML reads it as a date or time", "put it in quotes", 1),
        ("? [a]\n: 1", "a key must be a plain value", "write a text as the key", 3),
        ("? {a: 1}\n: 1", "a key must be a plain value", "write a text as the key", 3),
        ("{[a]: 1}", "a key must be a plain value", "write a text as the key", 2),
        ("<<: {a: 1}", "merge keys (<<) are not read", "write the keys out", 1),
        ("until: 2026-11-31", "there is no such day or time as 2026-11-31", "fix it, or put it in quotes", 8),
        ("a: 2026-01-01 25:00:00", "there is no such day or time as 2026-01-01 25:00:00", "fix it", 4),
        ("a: !!int ''", "(nothing) is not a number", "put it in quotes", 4),
        ("a: !!bool maybe", "maybe is not true or false", "put it in quotes", 4),
        ("a: !!python/object:os.system x", "is not read", "write a plain value", 4),
        ("a: !!set {x}", "is not read", "write a plain value", 4),
        ("\ta: 1", "cannot start any token", "indent with spaces, not tabs", 1),
        ("a: \x07", "the control character U+0007 cannot be in YAML", "take it out", 4),
        ("a: '\x00'", "the control character U+0000 cannot be in YAML", "take it out", 5),
        ('a: "\\0"', "no text can have the characters of '\\x00'", "take them out", 4),
        ('a: "\\ud800"', "no text can have the characters of '\\ud800'", "take them out", 4),
        ("# hides\x85a: 1", "the character U+0085 is a line break to YAML", "take it out", 8),
        ("a: x\u2028b: 1", "the character U+2028 is a line break to YAML", "take it out", 5),
        ("a: *b", "not YAML: found undefined alias 'b'", "fix that line", 4),
        ("--- 1\n--- 2", "not YAML: but found another document", "fix that line", 1),
    ],
)
def test_what_a_person_cannot_have_meant_is_refused_where_it_stands(text, problem, remedy, column):
    error = refused(text)
    assert problem in error.problem
    assert remedy in error.remedy
    assert error.place is not None and error.place.column == column


@pytest.mark.parametrize(
    "written",
    ["1" + ":59" * 200, "0" + "7" * 6000, "0x" + "f" * 6000, "-0x" + "f" * 6000, "0b" + "1" * 20000, "9" * 400],
)
def test_a_number_beyond_any_use_is_refused_and_not_repeated(written):
    error = refused(f"a: {written}")
    assert error.problem == f"{written[:60]}... is a number beyond any use"
    assert (error.place, error.remedy) == (Place(1, 4), "fix it, or put it in quotes")
    assert read(f"a: '{written}'").values == {"a": written}


@pytest.mark.parametrize("written", ["9" * 6000, "1" + ":59" * 200 + ".5", "0" * 6000 + "7", "1" + ":59" * 100])
def test_a_long_number_of_another_kind_is_refused_in_a_short_message(written):
    error = refused(f"a: {written}")
    assert written[:60] in error.problem
    assert len(error.problem) + len(error.remedy) < 300


@pytest.mark.parametrize("levels", [61, 500, 3000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_nesting_has_an_end(levels, brackets):
    error = refused("a: " + brackets[0] * levels + brackets[1] * levels)
    assert (error.problem, error.place) == ("nested too deeply", Place(1, 63))
    assert read("[" * 60 + "]" * 60).values is not None


def test_anchors_that_multiply_are_refused_before_they_fill_the_memory():
    laughs = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert refused("\n".join(laughs)).problem == "anchors repeat each other too often"
    assert refused("a: &a [*a]").problem == "nested too deeply"
    chain = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 2000))]
    assert refused("\n".join(chain)).problem == "nested too deeply"


def test_an_anchor_may_be_used_again():
    assert read("a: &x {b: 1}\nc: *x").values == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E3", 1000.0),
        (".5e1", 5.0),
        ("1.e2", 100.0),
        ("0x1F", 31),
        ("1_000", 1000),
        ("0", 0),
        ("'010'", "010"),
        ("'1:30'", "1:30"),
        ("2026-11-30", datetime.date(2026, 11, 30)),
        ("", None),
        ("a-b", "a-b"),
        ("1e", "1e"),
    ],
)
def test_plain_values(text, value):
    values = read(f"key: {text}").values["key"]
    assert (values, type(values)) == (value, type(value))


def test_line_ends_of_every_system_count_as_one():
    for end in ("\n", "\r\n", "\r"):
        document = read(f"a: 1{end}b:{end}  - x{end}  - y{end}")
        assert document.values == {"a": 1, "b": ["x", "y"]}
        assert document.places["b", 1] == Place(4, 5, "y")
        assert document.keys[("b",)] == Place(2, 1)


def test_the_place_of_what_is_not_there_is_that_of_what_it_lies_in():
    document = read("a:\n  b: 1\n")
    assert nearest_place(document, ("a", "c"), of_key=True) == Place(1, 1)
    assert nearest_place(document, ("a", "b"), of_key=True) == Place(2, 3)
    assert nearest_place(document, ("a", "b"), of_key=False) == Place(2, 6, "1")
    assert nearest_place(document, ("x",), of_key=False) is None
