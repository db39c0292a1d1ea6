"""The judges' facts agree with TFX, whose names are written out so that nobody waits for its import."""

from tfx.types.standard_artifacts import InfraBlessing, ModelBlessing

from millrace.components import stage_ids
from millrace.components.judges import BY_BLESSING, JUDGES


def test_each_judge_publishes_what_tfx_calls_a_blessing():
    assert {judge.stage: judge.blessing for judge in JUDGES} == {
        stage_ids.EVALUATOR: ModelBlessing.TYPE_NAME,
        stage_ids.INFRA_VALIDATOR: InfraBlessing.TYPE_NAME,
    }
    assert [BY_BLESSING[judge.blessing] for judge in JUDGES] == list(JUDGES)
    assert all(judge.remedy for judge in JUDGES)
