"""A compiled job whose Evaluator judges on the split that picks the best step is warned of, at the key that helps."""

import pytest

from millrace.config.loading import load
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.rules.judging import split

TWO = "data.splits={train: 2, eval: 1}"
FILES = "data={path: /tmp, files: [{name: train, pattern: a*}, {name: eval, pattern: b*}]}"


@pytest.mark.parametrize(
    ("overrides", "places"),
    [
        (["data.splits={train: 4, eval: 1, test: 1}"], []),
        ([TWO], ["data.splits"]),
        ([FILES], ["data.files"]),
        ([TWO, "evaluation.split=eval"], []),
    ],
)
def test_who_judges_on_eval_without_saying_so_is_warned(overrides, places):
    findings = list(split(CompiledJob(spec={}, dialect="vertex"), load("conf/taxi.yaml", overrides)))
    assert [(one.where, one.severity) for one in findings] == [(place, "warning") for place in places]


def test_of_a_job_whose_configuration_is_not_known_nothing_is_said():
    assert list(split(CompiledJob(spec={}, dialect="vertex"), None)) == []
