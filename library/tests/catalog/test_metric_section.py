"""A metric with parameters: what may be said of it, and what is refused with the nearest right word."""

import pytest

from millrace.base.errors import ConfigError
from millrace.catalog.metric_names import parameters_of
from millrace.catalog.metric_section import Metric, metric_of
from millrace.config.checks import check
from millrace.config.loading import load


def evaluated(metrics: str, thresholds: str = "[{metric: AUC, at_least: 0.5}]"):
    return load("conf/taxi.yaml", [f"evaluation.metrics={metrics}", f"evaluation.thresholds={thresholds}"])


def test_a_metric_is_its_class_or_a_mapping_with_parameters():
    metric = Metric.model_validate({"metric": "RecallAtPrecision", "precision": 0.9, "name": "recall_90"})
    assert (metric.class_name, metric.module, metric.label, metric.direction) == (
        "RecallAtPrecision",
        "",
        "recall_90",
        "higher",
    )
    assert metric.parameters == {"precision": 0.9}
    own = metric_of("models.metrics.Cost")
    assert (own.class_name, own.module, own.label, own.direction) == ("Cost", "models.metrics", "Cost", "")


def test_parameters_are_read_from_the_source_of_tfma_and_of_keras():
    recall = parameters_of("RecallAtPrecision")
    assert recall["precision"] is True and recall["num_thresholds"] is False
    assert "top_k" in parameters_of("Precision")
    assert parameters_of("SensitivityAtSpecificity")["specificity"] is True
    assert parameters_of("R2Score")["class_aggregation"] is False
    assert parameters_of("NoSuchMetric") is None


def test_a_threshold_names_a_metric_by_its_name():
    metrics = "[AUC, {metric: Precision, name: precision_30, thresholds: 0.3}, {metric: Precision, thresholds: 0.7}]"
    thresholds = "[{metric: precision_30, at_least: 0.5}, {metric: Precision, at_least: 0.5}]"
    config = evaluated(metrics, thresholds)
    check(config)
    assert [metric.label for metric in config.evaluation.measured()] == ["AUC", "precision_30", "Precision"]


def test_every_value_that_tfma_takes_is_taken():
    evaluated(
        "[{metric: AUC, curve: PR, num_thresholds: 50, summation_method: majoring, thresholds: null, class_id: null},"
        " {metric: Precision, thresholds: [0.3, 1]}, {metric: RecallAtPrecision, precision: 1},"
        " {metric: PrecisionAtRecall, recall: [0.5, 0.9]}, {metric: BinaryAccuracy, threshold: 0.4}]"
    )


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("[AUC, {metric: RecallAtPrecision, precison: 0.9}]", r"no parameter precison; did you mean precision\?"),
        ("[AUC, {metric: RecallAtPrecision}]", "RecallAtPrecision needs precision, as in"),
        (
            "[AUC, {metric: RecallAtPrecision, precision: 1.5}]",
            "precision of RecallAtPrecision should be a number from 0",
        ),
        ("[AUC, {metric: RecallAtPrecision, precision: null}]", "should be a number from 0 to 1, not None"),
        ("[AUC, {metric: RecallAtPrecision, precision: .nan}]", "should be a number from 0 to 1, not nan"),
        ("[AUC, {metric: RecallAtPrecision, precision: '0.9'}]", "should be a number from 0 to 1, not '0.9'"),
        ("[AUC, {metric: RecallAtPrecision, precision: [0.9]}]", "should be a number from 0 to 1, not"),
        ("[AUC, {metric: RecallAtPrecision, precision: true}]", "should be a number from 0 to 1, not True"),
        (
            "[AUC, {metric: AUC, name: q, num_thresholds: -3}]",
            "num_thresholds of q should be a whole number of 2 or more",
        ),
        ("[AUC, {metric: AUC, name: q, curve: XX}]", "curve of q should be ROC or PR, not 'XX'"),
        (
            "[AUC, {metric: Precision, thresholds: '0.5'}]",
            "thresholds of Precision should be a number, or a list of th",
        ),
        ("[AUC, {metric: Precision, thresholds: [0.5, .inf]}]", "should be a number, or a list of these, not"),
        ("[AUC, {metric: PrecisionAtRecall, recall: [0.5, 2]}]", "should be a number from 0 to 1, or a list of these"),
        ("[AUC, {metric: Precision, top_k: 1.0}]", "top_k of Precision should be a whole number of 1 or more, not 1.0"),
        ("[AUC, {metric: Precision, top_k: 1}, {metric: Precision, top_k: 2}]", "two metrics are called Precision"),
        ("[AUC, {metric: not a name}]", "evaluation.metrics.1.metric: should match"),
        ("[AUC, {precision: 0.9}]", "evaluation.metrics.1.metric: is missing"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(metrics, message):
    with pytest.raises(ConfigError, match=message):
        evaluated(metrics)


def test_a_class_of_one_s_own_has_to_be_there():
    with pytest.raises(ConfigError, match=r"names models.model.buildmodel, which does not exist; did you mean models"):
        check(evaluated("[AUC, models.model.buildmodel]"))


def test_the_objective_of_a_search_has_a_direction():
    config = load("conf/taxi.yaml", ["tuning.objective={metric: PrecisionAtRecall, recall: 0.8}"])
    assert (config.tuning.objective.direction, config.tuning.objective.parameters) == ("higher", {"recall": 0.8})
    with pytest.raises(ConfigError, match="RecallAtPrecision needs precision"):
        load("conf/taxi.yaml", ["tuning.objective=RecallAtPrecision"])
    with pytest.raises(ConfigError, match="precision of RecallAtPrecision should be a number from 0 to 1, not 2"):
        load("conf/taxi.yaml", ["tuning.objective={metric: RecallAtPrecision, precision: 2}"])
    # Keras's, which TFMA's does not take.
    load("conf/taxi.yaml", ["tuning.objective={metric: AUC, multi_label: false}"])
    with pytest.raises(ConfigError, match="are better is not known"):
        load("conf/taxi.yaml", ["tuning.objective=models.metrics.Cost"])
