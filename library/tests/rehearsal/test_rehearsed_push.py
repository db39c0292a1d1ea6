"""A push to a folder of this machine: into the rehearsal's own, never to where a model is served."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from small_jobs import JobBuilder, bucket, makes, python, shell

from millrace.rehearsal.push_folders import push_folders
from millrace.rehearsal.rehearse import rehearse
from millrace.rehearsal.report import TaskState
from millrace.rehearsal.sandbox import Sandbox
from millrace.rehearsal.world import RehearsalOptions

# As TFX's Pusher does: python -c PUSH DESTINATION EXECUTOR_INPUT.
PUSH = (
    "import json,os,sys; place = json.loads(sys.argv[1])['filesystem']['base_directory'] + '/1795656619';"
    "os.makedirs(place); open(place + '/saved_model.pb', 'w').write('a model');"
    "out = json.loads(sys.argv[2])['outputs']; a = out['artifacts']['pushed_model']['artifacts'][0];"
    "os.makedirs(a['uri'], exist_ok=True); a['metadata'] = {'pushed': 1, 'pushed_destination': place};"
    "open(out['outputFile'], 'w').write(json.dumps({'artifacts': {'pushed_model': {'artifacts': [a]}}}))"
)


def pushing(directory: object, version: str = "2.1.0", **task: Any) -> JobBuilder:
    """A job whose one task pushes to a folder."""
    destination = json.dumps({"filesystem": {"base_directory": str(directory)}}, indent=2)
    command = python(PUSH, "{{$.inputs.parameters['push_destination']}}", "{{$}}")
    return JobBuilder(version=version).add(
        "Pusher",
        command,
        parameters={"push_destination": destination},
        outputs={"pushed_model": "PushedModel"},
        **task,
    )


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """Tasks from which only Python's audit hook hides this machine."""
    with Sandbox(tmp_path_factory.mktemp("audited"), exact=True, namespaces=False) as made:
        yield made


@pytest.mark.parametrize("version", ["2.1.0", "2.0.0"])
@pytest.mark.parametrize("way", ["mount namespace", "audit hook"])
def test_the_model_is_in_a_folder_of_the_rehearsal_and_not_where_it_is_served(sandbox, audited, tmp_path, way, version):
    served = tmp_path / "serving" / "taxi"
    (served / "1").mkdir(parents=True)
    chosen = sandbox if way == "mount namespace" else audited
    result = rehearse(pushing(served, version).build(), tmp_path, None, RehearsalOptions(exact=True), sandbox=chosen)
    assert result.exit_code == 0, result.failure
    place = tmp_path / "rehearsal" / "pushed" / "serving" / "taxi"
    assert result.pushed_to == str(place / "1795656619")
    assert (place / "1795656619" / "saved_model.pb").read_text() == "a model"
    assert [path.name for path in served.iterdir()] == ["1"]
    [finding] = [finding for finding in result.findings if finding.startswith("Pusher: ")]
    assert finding == f"Pusher: it pushes to {served}; a rehearsal never does, and its model goes to {place}"


def test_a_task_that_looks_for_the_pushed_model_looks_there_too(run, tmp_path):
    served = tmp_path / "serving" / "taxi"
    job = pushing(served).add(
        "Champion",
        shell("ls $1 > gs://seen", "{{$.inputs.parameters['directory']}}"),
        parameters={"directory": str(served)},
        after=("Pusher",),
    )
    assert run(job.build()).exit_code == 0
    assert bucket(tmp_path, "seen").read_text() == "1795656619\n"


def test_a_bucket_is_a_folder_of_the_rehearsal_already(run, tmp_path):
    result = run(pushing("gs://bucket/serving").build())
    assert result.pushed_to == str(bucket(tmp_path, "bucket/serving/1795656619"))
    assert not [finding for finding in result.findings if finding.startswith("Pusher: ")]


@pytest.mark.parametrize(
    ("named", "inner"),
    [
        ("/root/serving/taxi", "serving/taxi"),
        ("/srv/models/köln", "srv/models/köln"),
        ("models", "models"),
        ("../models", "models"),
        ("/root", "root"),
    ],
)
def test_the_path_is_kept_below_the_root_from_there_elsewhere_whole(named, inner):
    folders = push_folders(pushing(named).build(), Path("/root"), Path("/root/rehearsal"))
    assert folders == {"Pusher": (named, f"/root/rehearsal/pushed/{inner}")}


def test_a_folder_of_any_letters_is_replaced(run, tmp_path):
    result = run(pushing(tmp_path / 'kö"ln').build())
    assert result.pushed_to == str(tmp_path / "rehearsal" / "pushed" / 'kö"ln' / "1795656619")
    assert Path(result.pushed_to).is_dir()


def test_a_push_comes_from_the_cache_only_while_the_model_is_there(run, tmp_path):
    job = pushing(tmp_path / "serving", cachingOptions={"enableCache": True}).build()
    first = run(job)
    assert run(job).task("Pusher").state is TaskState.CACHED
    shutil.rmtree(first.pushed_to)
    again = run(job)
    assert again.task("Pusher").state is TaskState.DONE and Path(again.pushed_to).is_dir()


def test_what_was_pushed_within_a_container_is_named_by_its_artifact(run):
    """A task of one's own may push to where no folder was named, and that is gone with its container."""
    job = JobBuilder().add(
        "Own", makes("pushed", pushed=1, pushed_destination="/models/1"), outputs={"pushed": "PushedModel"}
    )
    result = run(job.build())
    assert Path(result.pushed_to).exists(), result.pushed_to
