"""Names: safe for TensorFlow, stable, and never the same for two columns."""

import re

from hypothesis import given
from hypothesis import strategies as st

from millrace.features import keys

SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def test_a_plain_name_stays_and_an_odd_one_keeps_its_readable_part() -> None:
    assert keys.transformed_key("trip_miles") == "trip_miles_xf"
    assert keys.safe_name("hours-per-week").startswith("hours_per_week_x")
    assert keys.safe_name("3rd class").startswith("c_3rd_class_x")
    assert keys.safe_name("class").startswith("class_x")  # a keyword cannot be an argument's name
    assert keys.safe_name("self").startswith("self_x")  # nor what a method calls its object


def test_names_do_not_change_between_versions() -> None:
    assert keys.safe_name("Größe in cm") == "Gr_e_in_cm_x8c9424634b30"
    assert keys.safe_name("länge " * 20) == "l_nge_l_nge_l_nge_l_nge_l_nge_l_nge_l_ng_x9b6c7cad2be1"
    assert keys.safe_name("7") == "c_7_x7902699be42c"
    assert keys.safe_name("?") == "c_x8a8de823d5ed"
    assert keys.missing_key("fare") == "fare_missing"
    assert keys.vocabulary_name("company") == "company_vocabulary"
    assert keys.vocabulary_name("Company") == "company_xde4743c87973_vocabulary"


@given(st.text(), st.text())
def test_names_are_safe_and_differ(one: str, other: str) -> None:
    for name in (keys.safe_name, keys.transformed_key, keys.missing_key, keys.place_key, keys.vocabulary_name):
        assert SAFE.fullmatch(name(one))
        assert (name(one) == name(other)) == (one == other)
    assert len(keys.safe_name(one)) <= 64


@given(st.text())
def test_a_derived_name_used_as_a_column_does_not_collide_with_its_origin(column: str) -> None:
    derived = keys.safe_name(column)
    if derived != column:
        assert keys.safe_name(derived) != derived


@given(st.text(alphabet="abAB-", max_size=4), st.text(alphabet="abAB-", max_size=4))
def test_vocabulary_files_differ_by_more_than_letter_case(one: str, other: str) -> None:
    if one != other:
        assert keys.vocabulary_name(one).lower() != keys.vocabulary_name(other).lower()
    assert keys.transformed_key(f"{one}_missing") != keys.missing_key(one)
