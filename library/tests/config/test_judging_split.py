"""The split that gives the verdict: which one it is, and that nothing which is trained sees it."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tfx.utils import json_utils

from millrace.base.errors import ConfigError
from millrace.config.loading import load
from millrace.config.platform import LOCAL
from millrace.jobspec.checks import RULES
from millrace.jobspec.job import load as load_job
from millrace.jobspec.rules.judging import split
from pipeline.pipeline import create_pipeline

THREE = ("train", "eval", "test")
TWO = "data.splits={train: 2, eval: 1}"


def stages(*overrides: str) -> dict[str, Any]:
    pipeline = create_pipeline(load("conf/taxi.yaml", [*overrides]), LOCAL, date(2026, 7, 1))
    return {component.id: component.exec_properties for component in pipeline.components}


@pytest.mark.parametrize(
    ("overrides", "judged"),
    [
        ([], "test"),
        ([TWO], "eval"),
        (["evaluation.split=eval"], "eval"),
        (["data.splits={train: 8, eval: 1, late: 1}"], "eval"),
        (["data.splits={train: 8, eval: 1, late: 1}", "evaluation.split=late"], "late"),
        (["data.splits={}", f"data.files=[{', '.join(f'{{name: {n}, pattern: {n}}}' for n in THREE)}]"], "test"),
    ],
)
def test_the_evaluator_judges_on_the_split_that_is_for_it(overrides, judged):
    assert load("conf/taxi.yaml", overrides).judging_split == judged
    assert json_utils.loads(stages(*overrides)["Evaluator"]["example_splits"]) == [judged]


def test_what_is_trained_sees_train_and_eval_alone():
    of = stages("tuning.enabled=true")
    splits = json_utils.loads(of["Transform"]["splits_config"])
    assert splits == {"analyze": ["train"], "transform": ["train", "eval"]}
    for stage in ("Trainer", "Tuner"):
        read = [json_utils.loads(of[stage][f"{kind}_args"])["splits"] for kind in ("train", "eval")]
        assert read == [["train"], ["eval"]], stage


@pytest.mark.parametrize("overrides", [[TWO], ["evaluation.split=eval"]])
def test_eval_is_transformed_even_where_it_judges(overrides):
    transformed = json_utils.loads(stages(*overrides)["Transform"]["splits_config"])["transform"]
    assert {"train", "eval"} <= set(transformed)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["evaluation.split=tset"], "tset is no split of the data; did you mean test"),
        ([TWO, "evaluation.split=test"], "test is no split of the data: train, eval"),
        (["evaluation.split=train"], "a model is not judged on train, which it has learned from"),
    ],
)
def test_a_split_that_cannot_judge_is_refused(overrides, words):
    with pytest.raises(ConfigError, match=r"evaluation\.split") as refused:
        load("conf/taxi.yaml", overrides)
    assert words in str(refused.value)


def test_a_check_warns_of_a_split_that_picks_and_judges_unless_it_is_named():
    job = load_job(Path("library/tests/jobspec/golden/taxi-vertex.json"))

    def warned(*overrides: str) -> list[str]:
        found = split(job, load("conf/taxi.yaml", overrides))
        return [finding.severity for finding in found]

    assert split in RULES
    assert warned() == []
    assert warned(TWO) == ["warning"]
    assert warned(TWO, "evaluation.split=eval") == []
    assert list(split(job, None)) == []
