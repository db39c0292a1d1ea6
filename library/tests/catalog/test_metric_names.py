"""The names of metrics, told without TFMA, are those that TFMA has."""

import pytest

from millrace.base.errors import InputRefused
from millrace.catalog.metric_names import FROM_KERAS, known_metrics
from millrace.config.checks import check
from millrace.config.loading import load


@pytest.mark.slow
def test_they_are_those_that_tfma_has_registered():
    from tensorflow_model_analysis.metrics import metric_types

    registered = {*metric_types.registered_metrics(), *FROM_KERAS}
    assert known_metrics() >= registered
    assert known_metrics() - registered <= {"FixedSizeSample"}, "which TFMA has, and does not import by itself"


def test_a_metric_that_is_none_is_refused_before_anything_runs():
    wrong = "evaluation.thresholds=[{metric: AUCC, at_least: 0.5}]", "evaluation.metrics=[AUCC]"
    with pytest.raises(InputRefused, match="AUCC is not a metric of TFMA; did you mean AUC\\?") as refused:
        check(load("conf/taxi.yaml", wrong))
    assert refused.value.where == "--set evaluation.metrics=[AUCC]"
