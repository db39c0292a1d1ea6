"""A slice of a column that is not there is refused before anything runs, wherever the columns are known from."""

import pytest

from millrace.base.errors import ConfigError
from millrace.config.checks import check
from millrace.config.loading import load

ELSEWHERE = "data.path=gs://nowhere/data"  # so that only the schema knows the columns


@pytest.mark.parametrize("data", ["data.format=csv", ELSEWHERE])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("slices", "[[payment_typ]]"),
        ("slices", "[[trip_start_hour, payment_typ]]"),
        ("thresholds", "[{metric: AUC, at_least: 0.5, slice: {payment_typ: ''}}]"),
    ],
)
def test_a_misspelt_slice_is_refused_with_the_column_that_was_meant(data, key, value):
    with pytest.raises(
        ConfigError, match=r"payment_typ is not a column of the data; did you mean payment_type\?"
    ) as no:
        check(load("conf/taxi.yaml", [data, f"evaluation.{key}={value}"]))
    assert no.value.where == f"evaluation.{key}"
    assert "payment_type" in no.value.remedy


@pytest.mark.parametrize("data", ["data.format=csv", ELSEWHERE])
def test_columns_labels_and_what_transform_makes_may_be_sliced_on(data):
    check(load("conf/taxi.yaml", [data, "evaluation.slices=[[tips], [big_tipper], [fare_xf], [hour_by_day_xf]]"]))


def test_what_the_projects_own_preprocessing_derives_may_be_sliced_on(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_derives.py").write_text('def fn(inputs, custom_config):\n    return {"tip_share": 1}\n')
    options = ["code.preprocessing_fn=own_derives.fn", ELSEWHERE]
    check(load("conf/taxi.yaml", [*options, "evaluation.slices=[[tip_share]]"]))
    with pytest.raises(ConfigError, match="tip_shares is not a column"):
        check(load("conf/taxi.yaml", [*options, "evaluation.slices=[[tip_shares]]"]))


def test_a_derived_feature_is_sliced_on_by_what_transform_makes_of_it():
    options = ["features.late={kind: categorical, expression: trip_start_hour > 20}", ELSEWHERE]
    with pytest.raises(ConfigError, match="late is a feature that Transform makes") as no:
        check(load("conf/taxi.yaml", [*options, "evaluation.slices=[[late]]"]))
    assert "slice on late_xf" in no.value.remedy
    check(load("conf/taxi.yaml", [*options, "evaluation.slices=[[late_xf]]"]))


def test_the_remedy_names_no_column_that_is_left_out():
    with pytest.raises(ConfigError, match="companies is not a column") as no:
        check(load("conf/taxi.yaml", ["schema.file=null", "data.leave_out=[tips]", "evaluation.slices=[[companies]]"]))
    assert "company" in no.value.remedy
    assert "tips" not in no.value.remedy
