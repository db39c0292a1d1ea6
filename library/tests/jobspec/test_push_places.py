"""Where a compiled job pushes to: a place that outlives the container, and that TensorFlow can write to."""

import json

import pytest
from golden_cases import GOLDEN

from millrace.jobspec.job import load as load_job
from millrace.jobspec.rules.places import push_destination


def pushing_to(case, directory, root=None):
    job = load_job(GOLDEN / case)
    destination = {"filesystem": {"base_directory": directory}}
    given = job.tasks["Pusher"]["inputs"]["parameters"]["push_destination"]
    assert json.loads(given["runtimeValue"]["constant"])["filesystem"]
    given["runtimeValue"]["constant"] = json.dumps(destination)
    if root:
        job.runtime["gcsOutputDirectory"] = root
        assert job.root == root
    return list(push_destination(job, None))


@pytest.mark.parametrize(
    ("case", "directory"),
    [
        ("taxi-vertex.json", "gs://my-bucket/serving"),
        ("taxi-vertex.json", "/gcs/my-bucket/serving"),
        ("taxi-kubeflow.yaml", "/mnt/millrace"),
        ("taxi-kubeflow.yaml", "/mnt/millrace/serving"),
        ("taxi-kubeflow.yaml", "gs://my-bucket/serving"),
    ],
)
def test_a_bucket_and_a_volume_outlive_the_container(case, directory):
    assert pushing_to(case, directory) == []


@pytest.mark.parametrize(
    ("case", "directory", "words"),
    [
        ("taxi-vertex.json", "/serving", "is gone with the container"),
        ("taxi-vertex.json", "s3://my-bucket/serving", "TensorFlow cannot write to"),
        ("taxi-kubeflow.yaml", "minio://mlpipeline/serving", "TensorFlow cannot write to"),
        (
            "taxi-kubeflow.yaml",
            "/mnt/millrace2/serving",
            "is gone with the container",
        ),
        ("taxi-kubeflow.yaml", "/mnt", "is gone with the container"),
    ],
)
def test_any_other_place_is_told_with_a_setting(case, directory, words):
    [finding] = pushing_to(case, directory)
    assert finding.what.startswith(f"Pusher pushes to {directory}, which ") and words in finding.what
    assert (finding.rule, finding.severity, finding.where) == ("unset", "before submit", "Pusher")
    dialect = "vertex" if "vertex" in case else "kubeflow"
    assert f"{dialect}.push_directory" in finding.remedy


def test_what_lies_beside_a_root_that_is_no_bucket_follows_the_root():
    """The root itself is told already."""
    assert pushing_to("taxi-vertex.json", "/local/root/serving", "/local/root/artifacts") == []
    assert len(pushing_to("taxi-vertex.json", "/local/other/serving", "/local/root/artifacts")) == 1
    assert len(pushing_to("taxi-vertex.json", "/local/rooted/serving", "/local/root/artifacts")) == 1
