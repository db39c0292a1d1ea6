"""Derived features that cannot be made are refused before a run, with the line and the name that was meant."""

from pathlib import Path

import pytest

from millrace.base.errors import ConfigError
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
        ("{kind: numeric, expression: company}", r"features\.speed: numeric wants a number, .* gives a text"),
        ("{kind: numeric, expression: 'own_speed.sped(fare)'}", r"did you mean own_speed\.speed"),
        ("{kind: numeric, expression: 'own_speed.speed(fare)'}", r"own_speed\.speed cannot be called with fare"),
        ("{kind: numeric, expression: 'own_speed.speed(fare, mile)'}", r"speed\.expression reads mile, "),
    ],
)
def test_what_cannot_be_made_is_refused(checked, feature, words):
    with pytest.raises(ConfigError, match=words):
        checked(feature)


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
