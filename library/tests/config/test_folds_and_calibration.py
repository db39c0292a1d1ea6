"""`evaluation.folds` and `model.calibrate`: what is refused, and what reaches the Trainer."""

from datetime import date
from typing import Any

import pytest
from tfx.utils import json_utils

from millrace.base.errors import ConfigError
from millrace.config.loading import load
from millrace.config.platform import LOCAL
from pipeline.pipeline import create_pipeline

MANY = "label={column: tips, task: multilabel, classes: [a, b], separator: '|'}"
BY_GROUP = "data.splits={by: group, column: company, shares: {train: 4, eval: 1, test: 1}}"
BY_STRATUM = "data.splits={by: stratum, column: big_tipper, shares: {train: 4, eval: 1, test: 1}}"
FILES = "data.files=[{name: train, pattern: a}, {name: eval, pattern: b}]"


def custom_config(*overrides: str) -> Any:
    pipeline = create_pipeline(load("conf/taxi.yaml", [*overrides]), LOCAL, date(2026, 7, 1))
    [properties] = [one.exec_properties for one in pipeline.components if one.id == "Trainer"]
    return json_utils.loads(properties["custom_config"])


def test_the_trainer_is_told_how_many_folds_where_there_are_any() -> None:
    assert custom_config()["folds"] == "auto"
    assert "folds" not in custom_config("evaluation.folds=0")


@pytest.mark.parametrize(
    ("overrides", "folds"),
    [
        ([], "auto"),
        ([MANY], 0),
        (["evaluation.folds=5"], 5),
        (["evaluation.folds=0"], 0),
        ([BY_STRATUM], "auto"),
        ([BY_GROUP], 0),
        (["data.splits={}", FILES], 0),
        (["data.key=company"], 0),
    ],
)
def test_there_are_folds_where_rows_are_drawn_one_by_one(overrides, folds):
    assert load("conf/taxi.yaml", overrides).folds == folds


@pytest.mark.parametrize(
    ("overrides", "what"),
    [
        (["evaluation.folds=1"], "1 is too few"),
        (["evaluation.folds=2"], "2 is too few"),
        (["evaluation.folds=-1"], "evaluation.folds"),
        (["evaluation.folds=many"], "evaluation.folds"),
        (["evaluation.folds=10", BY_GROUP], "data.splits says that rows belong together"),
        (["evaluation.folds=10", "data.splits={}", FILES], "data.files says"),
        (["evaluation.folds=10", "data.key=company"], "data.key says"),
        (["evaluation.folds=10", MANY], "by one class or number a row, and the label has several"),
        (["model.calibrate=platt", MANY], "it is for one class a row, and the label has several"),
        (["model.calibrate=isotonic"], "model.calibrate"),
        (["model.calibrate=platt", "label={column: tips, task: regression}"], "a regression has no probabilities"),
    ],
)
def test_what_cannot_be_is_refused_at_load(overrides, what):
    with pytest.raises(ConfigError, match=what):
        load("conf/taxi.yaml", overrides)
