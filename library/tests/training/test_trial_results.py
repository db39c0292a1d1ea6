"""What TFX's Tuner wrote of its trials, as plain values."""

import json

from millrace.training import trials
from millrace.training.trials import TrialResult


def test_trials_come_in_tfx_s_order_and_without_hyperband_s_own_values(tmp_path):
    rows = [
        {"trial_id": "1", "score": 0.4, "learning_rate": 0.001, "tuner/epochs": 9},
        {"trial_id": "0", "score": 0.7, "learning_rate": 0.01, "tuner/epochs": 3, "tuner/bracket": 1},
    ]
    (tmp_path / "tuner_results.json").write_text(json.dumps(rows))
    assert trials.read(str(tmp_path)) == (
        TrialResult("1", 0.4, {"learning_rate": 0.001}),
        TrialResult("0", 0.7, {"learning_rate": 0.01}),
    )


def test_a_damaged_file_and_none_hold_no_trials(tmp_path):
    assert trials.read(str(tmp_path)) == ()
    for content in ("{", "[1]", '[{"trial_id": "0"}]', '{"a": 1}', '[{"trial_id": "0", "score": null}]'):
        (tmp_path / "tuner_results.json").write_text(content)
        assert trials.read(str(tmp_path)) == ()
