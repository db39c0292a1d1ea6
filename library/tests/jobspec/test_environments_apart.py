"""Two environments in one bucket: told by the check, since each could overwrite what is the other's."""

from pathlib import Path

import pytest
from golden_cases import GOLDEN

from millrace.config.loading import load
from millrace.jobspec.job import load as load_job
from millrace.jobspec.rules.places import bucket

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("prod", "staging", "shared"),
    [
        ("gs://shop/prod", "gs://shop/staging", True),
        ("gs://shop-prod/prod", "gs://shop/staging", False),
        ("gs://shop-prod/prod", "../local", False),
    ],
)
def test_a_bucket_of_two_environments_is_told(tmp_path: Path, prod: str, staging: str, shared: bool) -> None:
    file = tmp_path / "conf" / "taxi.yaml"
    (file.parent / "environments").mkdir(parents=True)
    file.write_text((ROOT / "conf/taxi.yaml").read_text())
    for name, root in (("prod", prod), ("staging", staging), ("dev", "[broken")):
        (file.parent / f"environments/{name}.yaml").write_text(f"vertex: {{root: {root}}}\n")
    job = load_job(GOLDEN / "taxi-vertex.json")
    job.runtime["gcsOutputDirectory"] = f"{prod}/artifacts"
    found = list(bucket(job, load(file, ["environment=prod"])))
    assert [(one.severity, one.where) for one in found] == [
        ("warning", f"{file.parent}/environments/prod.yaml:1:16")
    ] * shared
    assert all("the environment staging writes into the bucket shop too, by vertex.root" in one.what for one in found)
    assert list(bucket(job, load(file))) == [], "without an environment there is none to keep apart"


def test_a_bucket_is_shared_whichever_key_names_it(tmp_path: Path) -> None:
    file = tmp_path / "conf" / "taxi.yaml"
    (file.parent / "environments").mkdir(parents=True)
    file.write_text((ROOT / "conf/taxi.yaml").read_text())
    overlays = {"prod": "vertex: {root: gs://shop/prod}", "staging": "push: {directory: /gcs/shop/staging}"}
    for name, text in overlays.items():
        (file.parent / f"environments/{name}.yaml").write_text(f"{text}\n")
    (file.parent / "environments/dev.yaml").write_text("kubeflow: {root: gs://shop/dev}\n")
    found = list(bucket(load_job(GOLDEN / "taxi-vertex.json"), load(file, ["environment=prod"])))
    assert [one.what for one in found] == [
        "the environment staging writes into the bucket shop too, by push.directory"
    ], "and a job for Vertex AI writes nothing where Kubeflow's do"
