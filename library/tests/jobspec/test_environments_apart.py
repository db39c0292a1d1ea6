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
    assert all("the environment staging has its artifacts in the bucket shop too" in one.what for one in found)
    assert list(bucket(job, load(file))) == [], "without an environment there is none to keep apart"
