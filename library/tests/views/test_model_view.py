"""A run's model as it is shown."""

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from millrace.metadata.records import RunRecord, StageRecord
from millrace.views.model import model_view


@pytest.mark.parametrize("properties, said", [({"blessed": 0}, (False, "")), ({}, None)])
def test_a_judge_that_came_to_no_verdict_lends_no_other_its_own(properties, said):
    """The first of the verdicts was taken for the Evaluator's."""
    blessing = mlmd.Artifact()
    for name, value in properties.items():
        blessing.custom_properties[name].int_value = value
    stage = StageRecord("InfraValidator", 1, "done", 0, 1, "", {"blessing": [blessing]})
    model = model_view(RunRecord("r", {"InfraValidator": stage}))
    assert model.verdict("Evaluator") is None
    infra = model.verdict("InfraValidator")
    assert (infra and (infra.blessed, infra.reason)) == said
