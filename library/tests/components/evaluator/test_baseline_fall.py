"""Labels that were exchanged move no statistic where the classes are equally frequent; the baseline shows it."""

import evaluator_world as world
import pytest
from tfx.types.standard_artifacts import ModelBlessing

from millrace.components.evaluator import baseline_fall
from millrace.components.evaluator.executor import Executor
from millrace.components.evaluator.gate_report import GateReport


def report(baseline=None, examples=1000, blessed=True, **metrics):
    return GateReport(blessed=blessed, reason="", examples=examples, metrics=metrics, baseline_metrics=baseline or {})


@pytest.mark.parametrize(
    ("metric", "was", "now", "fell"),
    [
        ("auc", 0.92, 0.08, True),
        ("auc", 0.92, 0.70, True),  # half of 0.42 is gone at 0.71
        ("auc", 0.92, 0.72, False),
        ("auc", 0.52, 0.48, False),  # it knew nothing, and 0.04 is chance
        ("binary_accuracy", 0.9, 0.1, True),
        ("sparse_categorical_accuracy", 0.97, 0.33, True),
        ("sparse_categorical_accuracy", 0.97, 0.6, False),
        ("sparse_categorical_accuracy (classOut)", 0.97, 0.0, True),
        ("root_mean_squared_error", 1.0, 5.0, False),  # a target that moved is DataGate's to see
    ],
)
def test_a_baseline_fell_when_half_of_what_it_knew_is_gone(metric, was, now, fell):
    new = report({metric: now}, **{metric: was})
    judged = baseline_fall.judged(new, report(**{metric: was}), blocks=True)
    assert judged.blessed is not fell
    if fell:
        assert f"{metric} is {now:.4g} and was {was:.4g}" in judged.reason
        assert "evaluation.baseline_fall=warn" in judged.remedy
    else:
        assert judged == new


def test_few_examples_are_no_evidence():
    new, was = report({"auc": 0.55}, examples=12, auc=0.9), report(auc=0.9, examples=12)
    assert baseline_fall.judged(new, was, blocks=True).blessed
    more = new.model_copy(update={"examples": 500})
    assert not baseline_fall.judged(more, was.model_copy(update={"examples": 500}), blocks=True).blessed


def test_a_warning_leaves_the_verdict_and_a_refusal_keeps_its_reason():
    was = report(auc=0.92)
    warned = baseline_fall.judged(report({"auc": 0.1}, auc=0.9), was, blocks=False)
    assert warned.blessed and "was 0.92" in warned.baseline_fall
    assert f"warning: {warned.baseline_fall}" in warned.to_text()
    missed = report({"auc": 0.1}, blessed=False, auc=0.6).model_copy(update={"reason": "AUC overall is 0.6."})
    judged = baseline_fall.judged(missed, was, blocks=True)
    assert (judged.blessed, judged.reason) == (False, "AUC overall is 0.6.")
    assert judged.baseline_fall


def test_a_blessing_of_an_earlier_release_says_nothing(tmp_path):
    blessing = ModelBlessing()
    blessing.uri = str(tmp_path)
    assert baseline_fall.kept(blessing) is None
    assert baseline_fall.judged(report({"auc": 0.1}, auc=0.9), None, blocks=True).blessed
    baseline_fall.keep(blessing, report(auc=0.9))
    assert baseline_fall.kept(blessing) == report(auc=0.9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_model_that_learned_exchanged_labels_is_not_blessed(tmp_path):
    table = world.rows()
    positives = [row for row in table if row["big_tipper"] == "1"][:400]
    even = [
        row for pair in zip(positives, [row for row in table if row["big_tipper"] == "0"], strict=False) for row in pair
    ]
    flipped = [dict(row, big_tipper=str(1 - int(row["big_tipper"]))) for row in even]
    models = [
        world.write_model(tmp_path / f"model-{at}", world.Linear(world.train(rows, 400)), number=at)
        for at, rows in enumerate((even, flipped), start=1)
    ]
    config = world.eval_config(world.AT_LEAST.format(0.6) + world.CHANGE.format(-0.005))
    before, after = (
        world.write_examples(tmp_path / name, world.uniform(rows))
        for name, rows in (("before", even), ("after", flipped))
    )
    first = world.run(Executor, tmp_path / "first", config, before, models[0])
    assert first.report.blessed
    given = {"baseline": models[0], "baseline_blessing": first.blessing}
    second = world.run(Executor, tmp_path / "second", config, after, models[1], **given, baseline_fall="block")
    assert second.report.metrics["auc"] > 0.6
    assert second.report.reason.startswith("The latest blessed model does far worse on this data")
    assert second.properties()["blessed"] == 0
    warned = world.run(Executor, tmp_path / "warned", config, after, models[1], **given, baseline_fall="warn")
    assert warned.report.blessed and warned.report.baseline_fall
