"""Features that cannot be made are refused before a run, with the line and the name that was meant."""

from pathlib import Path

import pytest

from millrace.base.errors import ConfigError, MillraceError
from millrace.config.checks import check
from millrace.config.loading import load


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Checks the taxi pipeline with one derived feature, its data and schema as they are."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_speed.py").write_text("def speed(miles, seconds):\n    return miles\n")

    def run(feature: str, *more: str):
        check(load("conf/taxi.yaml", [f"features.speed={feature}", *more]))

    return run


@pytest.mark.parametrize(
    "feature",
    [
        "{kind: numeric, expression: trip_miles / (trip_seconds / 3600)}",
        "{kind: categorical, expression: 'where(tips > 1, company, payment_type)'}",
        "{kind: numeric, expression: 'own_speed.speed(trip_miles, trip_seconds)'}",
    ],
)
def test_what_can_be_made_passes(checked, feature):
    checked(feature)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (
            "{kind: numeric, expression: trip_mile / 2}",
            r"expression reads trip_mile, .* did you mean trip_miles",
        ),
        ("{kind: numeric, expression: company + 1}", r"speed\.expression: \+ wants a number, and company is a text"),
        ("{kind: numeric, expression: company}", r"features\.speed: numeric wants numbers, and speed is a text"),
        ("{kind: numeric, expression: 'own_speed.sped(fare)'}", r"did you mean own_speed\.speed"),
        ("{kind: numeric, expression: 'own_speed.speed(fare)'}", r"own_speed\.speed cannot be called with fare"),
        ("{kind: numeric, expression: 'own_speed.speed(fare, mile)'}", r"speed\.expression reads mile, "),
    ],
)
def test_what_cannot_be_made_is_refused(checked, feature, words):
    with pytest.raises(ConfigError, match=words):
        checked(feature)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ("company: {kind: numeric}", "numeric wants numbers, and company is a text"),
        ("company: {kind: sequence, values: numbers}", "sequence wants numbers, and company is a text"),
        ("fare: {kind: image, height: 8, width: 8}", "image wants the bytes of a file, and fare is a number"),
        ("payment_type: {kind: bag, weights: company}", "a bag's weights are numbers, and company is a text"),
        ("payment_type: {kind: bag, weights: companies}", r"companies; did you mean company\?"),
        ("company: {kind: text, encoder: own_speed.sped}", r"encoder names own_speed.sped, .* own_speed\.speed"),
        ("company: {kind: text, encoder: own_speed.speed}", "cannot be called with values, present, feature"),
    ],
)
def test_a_column_of_another_type_is_refused_where_the_schema_tells_it(checked, feature, words):
    with pytest.raises(MillraceError, match=words):
        checked("{kind: numeric, expression: fare}", f"features={{{feature}}}", "evaluation.slices=[]")


def test_a_derived_feature_has_a_name_of_its_own(checked):
    with pytest.raises(ConfigError, match="tips is a column of the data, and here a derived feature is called so"):
        checked("{kind: numeric, expression: fare}", "features.tips={kind: numeric, expression: fare * 2}")


def test_it_is_told_by_its_line(tmp_path):
    text = Path("conf/taxi.yaml").read_text().replace("../schema", str(Path("schema").resolve()))
    text = text.replace("features:\n", "features:\n  speed: {kind: numeric, expression: trip_mile / 2}\n")
    (tmp_path / "conf.yaml").write_text(text)
    line = text[: text.index("trip_mile /")].count("\n") + 1
    with pytest.raises(ConfigError) as refused:
        check(load(str(tmp_path / "conf.yaml")))
    assert refused.value.where.startswith(f"{tmp_path}/conf.yaml:{line}:")


@pytest.mark.parametrize(
    ("feature", "key"),
    [
        ("speed={kind: numeric, expression: len(company)}", "features.speed"),
        ("company={kind: categorical}", "features.company"),
        ("company={kind: text}", "features.company"),
    ],
)
@pytest.mark.parametrize("several", ["value_count { min: 1 }", "value_count { min: 0 max: 4 }"])
def test_a_list_is_not_read_as_its_first_value(tmp_path, feature, key, several):
    text = Path("schema/taxi/schema.pbtxt").read_text()
    at = text.index('name: "company"')
    end = text.index("value_count", at)
    listed = text[:end] + several + text[text.index("}", end) + 1 :]
    (tmp_path / "schema.pbtxt").write_text(listed)
    options = [f"schema.file={tmp_path / 'schema.pbtxt'}", f"features.{feature}"]
    with pytest.raises(ConfigError, match="reads one value a row, and by the schema company has several") as refused:
        check(load("conf/taxi.yaml", options))
    assert "bag" in refused.value.remedy
