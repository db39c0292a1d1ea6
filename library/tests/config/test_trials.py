"""A run with `--set` of what is learned or judged: where its model goes."""

import re
from datetime import date
from pathlib import Path

import pytest
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2
from tfx.utils import proto_utils

from millrace.config.config import Config
from millrace.config.loading import load
from millrace.config.paths import push_directory, serving_directory
from millrace.config.platform import KUBEFLOW, LOCAL, deployed
from millrace.config.trials import LEAVES_THE_MODEL, as_asked, load_run, why_trial, with_trial
from pipeline.pipeline import create_pipeline

ENDPOINT = "push.vertex={project: p, region: us-central1, endpoint: e, image: i}"


@pytest.mark.parametrize(
    "override",
    [
        "training.steps=200",
        "features={fare: {kind: numeric}}",
        "model.dropout=0.2",
        "data.path=/elsewhere",
        "label.classes=[1, 0]",
        "evaluation.thresholds.0.at_least=0.1",
        "infra_validation.memory_mib=9999",
        "code.run_fn=other.run_fn",
    ],
)
def test_what_is_learned_or_judged_makes_a_trial(override):
    assert with_trial([override], push=False) == (override, "push.trial=true")
    assert with_trial([override], push=True) == (override, "push.trial=false")


@pytest.mark.parametrize("override", ["root=/elsewhere", "push.directory=/served", "beam.mode=in_memory", "name=other"])
def test_where_it_runs_and_pushes_makes_none(override):
    assert with_trial([override], push=False) == (override,)


def test_every_section_either_decides_the_model_or_leaves_it_and_the_page_says_which():
    sections = {field.alias or name for name, field in Config.model_fields.items()}
    paragraph = re.search(
        r"`--set` of what is learned or judged \((.*?)\)", Path("docs/guides/gates.md").read_text(), re.S
    )
    decide = set(re.findall(r"`(\w+)`", paragraph[1]))
    assert decide | LEAVES_THE_MODEL == sections and not decide & LEAVES_THE_MODEL
    for section in sections:
        assert (len(with_trial([f"{section}={{}}"], push=False)) == 2) is (section in decide)


@pytest.mark.parametrize(("push", "is_trial"), [(False, True), (True, False)])
def test_what_begins_a_run_reads_whether_it_is_a_trial(push, is_trial):
    assert load_run("conf/taxi.yaml", ["training.steps=1"], push).push.trial is is_trial


@pytest.mark.parametrize(
    ("overrides", "pushed"),
    [
        (["kubeflow.root=minio://b/r", "kubeflow.push_directory=/mnt/serving"], "/mnt/serving-trials"),
        (["kubeflow.root=gs://b/r", "kubeflow.push_directory=gs://b/serving"], "gs://b/r/trials/taxi"),
        (["kubeflow.root=/mnt/r"], "/mnt/r/trials/taxi"),
    ],
)
def test_a_services_trial_is_pushed_to_where_its_stages_can_write(overrides, pushed):
    config = deployed(load_run("conf/taxi.yaml", [*overrides, "training.steps=1"], push=False), KUBEFLOW)
    assert push_directory(config) == pushed


def test_a_resumed_run_stays_what_it_was_unless_a_push_is_asked_for():
    recorded = with_trial(["model.l2=0.1"], push=False)
    assert with_trial(recorded, push=False) == recorded
    assert with_trial(recorded, push=True) == ("model.l2=0.1", "push.trial=false")
    assert with_trial(with_trial(recorded, push=True), push=False) == ("model.l2=0.1", "push.trial=false")


def stages(*overrides: str) -> dict:
    pipeline: Pipeline = create_pipeline(load("conf/taxi.yaml", overrides), LOCAL, date(2026, 7, 1))
    return {component.id: component for component in pipeline.components}


@pytest.mark.parametrize("override", ["root=/r", "push.directory=/served", ENDPOINT])
def test_a_trial_is_pushed_beside_what_is_served(override):
    overrides = ["root=/r", override, "push.trial=true"]
    config = load("conf/taxi.yaml", overrides)
    assert push_directory(config) == "/r/trials/taxi"
    assert serving_directory(config) == ("/served" if "served" in override else "/r/serving/taxi")
    of = stages(*overrides)
    destination = pusher_pb2.PushDestination()
    proto_utils.json_to_proto(of["Pusher"].exec_properties["push_destination"], destination)
    assert destination.filesystem.base_directory == "/r/trials/taxi"
    assert of["Evaluator"].exec_properties["trial"] == 1


def test_another_run_knows_of_no_trial():
    assert stages()["Evaluator"].exec_properties.get("trial") is None


@pytest.mark.parametrize(
    ("overrides", "repeats", "asked", "why"),
    [
        (("training.steps=7", "push.trial=true"), "", ("training.steps=7",), "--set changed what is learned or judged"),
        (("push.trial=true",), "", ("push.trial=true",), "push.trial is set"),
        (("push.trial=true",), "20310101-000001", (), "it repeats run 20310101-000001"),
    ],
)
def test_what_was_asked_for_is_told_without_what_made_it_a_trial(overrides, repeats, asked, why):
    """`runs repeat` was said to have changed what is learned, and to have been asked with a key that nobody typed."""
    assert (as_asked(overrides, repeats), why_trial(overrides, repeats)) == (asked, why)
