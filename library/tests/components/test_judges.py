"""The judges' facts agree with TFX, whose names are written out so that nobody waits for its import."""

import pytest
from tfx.types.standard_artifacts import InfraBlessing, ModelBlessing

from millrace.components import blessings, judges, stage_ids
from millrace.components.judges import BY_BLESSING, JUDGES
from millrace.metadata.artifact_files import plain_properties


def test_each_judge_publishes_what_tfx_calls_a_blessing():
    assert {judge.stage: judge.blessing for judge in JUDGES} == {
        stage_ids.EVALUATOR: ModelBlessing.TYPE_NAME,
        stage_ids.INFRA_VALIDATOR: InfraBlessing.TYPE_NAME,
    }
    assert [BY_BLESSING[judge.blessing] for judge in JUDGES] == list(JUDGES)
    assert all(judge.remedy for judge in JUDGES)


@pytest.mark.parametrize(
    ("properties", "counted"),
    [
        ({"blessed": 1}, True),
        ({"blessed": 1, "trial": 1}, False),
        ({"blessed": 1, "rehearsed": 1}, False),
        ({"blessed": 0}, False),
        ({"trial_blessed": 1, "trial": 1}, False),
        ({}, False),
    ],
)
def test_the_resolver_and_who_keeps_what_it_will_need_go_by_one_rule(tmp_path, properties, counted):
    blessing = ModelBlessing()
    blessing.uri = str(tmp_path)
    for name, value in properties.items():
        blessing.set_int_custom_property(name, value)
    assert blessings.counts(blessing) is judges.counts(plain_properties(blessing.mlmd_artifact)) is counted
    blessing.uri = str(tmp_path / "deleted")
    assert not blessings.counts(blessing)
