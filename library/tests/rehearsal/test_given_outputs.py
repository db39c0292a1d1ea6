"""Rehearsals that are not whole: outputs given by hand, time limits, and what counts as done."""

import json

import pytest
from small_jobs import JobBuilder, bucket, makes, shell

from millrace.base.errors import BadInput
from millrace.rehearsal.artifacts import is_value
from millrace.rehearsal.given_outputs import parsed, properties
from millrace.rehearsal.report import TaskState

EXAMPLES = {"instanceSchema": "title: tfx.Examples\ntype: object\nproperties:\n  split_names:\n    type: string\n"}


def cloud_only() -> JobBuilder:
    """A task that only its image can do, and one that reads what it makes."""
    job = JobBuilder().add(
        "cloud", {"image": "x"}, outputs={"data": "Model"}, output_parameters={"n": "NUMBER_INTEGER"}
    )
    count = {"taskOutputParameter": {"producerTask": "cloud", "outputParameterKey": "n"}}
    words = ("{{$.inputs.artifacts['x'].uri}}", "{{$.inputs.parameters['n']}}")
    return job.add(
        "reads",
        shell("echo $(cat $1/file) $2 > gs://seen", *words),
        inputs={"x": "cloud.data"},
        parameters={"n": count},
    )


def test_an_output_given_by_hand_lets_the_rest_be_rehearsed(run, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "file").write_text("by hand")
    given = parsed([f"cloud.data={tmp_path / 'made'}", "cloud.n=7"])
    result = run(cloud_only().build(), outputs=given)
    assert (result.exit_code, result.ending) == (0, "done")
    assert result.task("cloud").state is TaskState.GIVEN and result.task("reads").state is TaskState.DONE
    assert bucket(tmp_path, "seen").read_text() == "by hand 7\n"


def test_what_was_not_given_is_named_to_who_needs_it(run, tmp_path):
    (tmp_path / "made").mkdir()
    result = run(cloud_only().build(), outputs=parsed([f"cloud.data={tmp_path / 'made'}"]))
    assert result.task("reads").state is TaskState.NOT_REHEARSED
    assert "--output cloud.n=... gives it" in result.task("reads").note


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("clod.data=.", "no task clod, did you mean cloud"),
        ("cloud.dat=.", "no output dat, did you mean data"),
        ("cloud.data=no/such/folder", "no/such/folder is not there"),
    ],
)
def test_an_output_that_nobody_makes_is_refused(run, text, what):
    with pytest.raises(BadInput) as refused:
        run(cloud_only().build(), outputs=parsed([text]))
    assert what in refused.value.what.replace("; ", ", ") or what in refused.value.what


@pytest.mark.parametrize("text", ["cloud", "cloud=.", "cloud.=x", ".data=x", "cloud.data="])
def test_a_text_that_gives_nothing_is_refused(text):
    with pytest.raises(BadInput, match="expected TASK"):
        parsed([text])


def test_one_output_is_given_once():
    with pytest.raises(BadInput):
        parsed(["a.b=1", "a.b=2"])


def test_what_is_given_is_described_as_tfx_would(tmp_path):
    for name in ("Split-train", "Split-eval"):
        (tmp_path / name).mkdir()
    assert json.loads(properties(EXAMPLES, tmp_path)["split_names"]) == ["eval", "train"]
    blessing = {"instanceSchema": "title: tfx.ModelBlessing\n"}
    assert properties(blessing, tmp_path) == {}
    (tmp_path / "NOT_BLESSED").touch()
    assert properties(blessing, tmp_path) == {"blessed": 0}


def test_a_task_that_hangs_is_ended_with_the_end_of_its_log(run):
    result = run(JobBuilder().add("hangs", shell("echo waiting for nobody; sleep 600")).build(), task_seconds=0.5)
    assert (result.exit_code, result.failure.where) == (1, "hangs")
    assert "did not end within 0.5 s" in result.failure.what and "waiting for nobody" in result.failure.remedy


def test_a_failure_shows_the_end_of_the_log_without_codes_for_the_terminal(run):
    result = run(JobBuilder().add("t", shell("printf 'no \\033[31mdata\\n'; exit 4")).build())
    assert "no  [31mdata" in result.failure.remedy and "\033" not in result.failure.remedy


def test_a_failure_that_is_asked_for_happens_to_a_cached_task_too(run):
    job = JobBuilder().add("t", makes("made"), outputs={"made": "Model"}, cachingOptions={"enableCache": True}).build()
    assert run(job).task("t").state is TaskState.DONE
    cached = run(job)
    assert (cached.task("t").state, cached.ending) == (TaskState.CACHED, "done, all from the cache")
    assert run(job, fail={"t": 1}).task("t").state is TaskState.FAILED


@pytest.mark.parametrize(
    ("title", "is_one"), [("tfx.String", True), ("tfx.JsonValue", True), ("tfx.Integer", True), ("tfx.Model", False)]
)
def test_what_is_one_value_is_a_file(title, is_one):
    assert is_value({"instanceSchema": f"title: {title}\ntype: object\n"}) is is_one
