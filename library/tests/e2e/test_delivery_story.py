"""From a pull request to production and back: the targets that CI calls, on a stand-in that does the work."""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import CHECKOUT, Project
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fake_vertex import FakeVertex
from rehearsing import Rehearsed

IMAGE = "europe-docker.pkg.dev/a-project/images/millrace@sha256:" + "1" * 64
ENVIRONMENTS = ("staging", "prod")
RELEASES = Path(".cache/releases")

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


def git(folder: Path, *arguments: str) -> None:
    who = {f"GIT_{role}_{part}": "dev@here" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env={**os.environ, **who})


def make(project: Project, target: str, code: int = 0, **variables: str) -> str:
    """Calls a target of the checkout's own Makefile in the project, without the set-up that the tests run in."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "ARGS"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    key = variables.pop("RELEASE_KEY", "")
    more = {"ARGS": "--every 0.1"} if target == "ship" else {}
    words = [f"{name}={value}" for name, value in {**more, **variables}.items()]
    ended = subprocess.run(
        ["make", "-f", str(CHECKOUT / "Makefile"), "--no-print-directory", target, "VENV=", "FIND_PYTHON=true", *words],
        cwd=project.folder,
        env={**alone, "PATH": path, "PYTHONPATH": str(CHECKOUT), "RELEASE_KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert (ended.returncode == 0) == (code == 0), said
    assert code == 0 or f"Error {code}" in said, said
    return said


def released(project: Project, commit: str, environment: str) -> Path:
    """Takes what `make release` wrote out of the way of the next release."""
    file = project.folder / RELEASES / f"taxi-{environment}.release.tar"
    kept = project.folder / RELEASES / commit / file.name
    kept.parent.mkdir(exist_ok=True)
    for part in (file, file.with_name(f"{file.name}.sig")):
        part.rename(kept.parent / part.name)
    return kept


def test_from_a_pull_request_to_production_and_back(fresh_project, tmp_path_factory):
    project = fresh_project
    secret = Ed25519PrivateKey.generate()
    key = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = secret.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    lines = ["-----BEGIN PUBLIC KEY-----", base64.b64encode(public).decode(), "-----END PUBLIC KEY-----", ""]
    (project.folder / "release.pub").write_text("\n".join(lines))
    work = Rehearsed(tmp_path_factory.mktemp("cloud"), {"gs://a-bucket/data": project.data})
    with FakeVertex(work=work) as vertex:
        for name in ENVIRONMENTS:
            overlay = project.folder / "conf/environments" / f"{name}.yaml"
            said = yaml.safe_load(overlay.read_text())
            said["vertex"] |= {
                "project": f"a-{name}",
                "service_account": f"runner@a-{name}.iam.gserviceaccount.com",
                "api_endpoint": vertex.url,
                "root": f"gs://a-bucket/{name}",
                "data_path": "gs://a-bucket/data",
                "image": IMAGE,
            }
            overlay.write_text(yaml.safe_dump(said))
        (project.folder / ".gitignore").write_text("__pycache__/\n/runs/\n/.cache/\n")
        git(project.folder, "init", "-q")
        git(project.folder, "add", "-A")
        git(project.folder, "commit", "-qm", "before")

        # The pull request: each environment's job, its roles, and what a reviewer wants to know.
        project.configure(training={"batch_size": 64, "steps": 80, "learning_rate": 0.01, "seed": 20})
        git(project.folder, "commit", "-qam", "Train longer")
        said = make(project, "jobs")
        assert all(f"runner@a-{name}.iam.gserviceaccount.com" in said for name in ENVIRONMENTS)
        make(project, "review", AGAINST="HEAD~1")
        comment = (project.folder / ".cache/review.md").read_text()
        assert "In dev, prod and staging:" in comment and "`60` is `80` now" in comment, comment
        assert "\n\nAs before: graph, roles, cost and schema.\n\nCannot be said: roles in dev: no Google " in comment, (
            comment
        )

        # Merged: a release for each environment, rehearsed and signed, and the first of them shipped.
        for name in ENVIRONMENTS:
            said = make(project, "release", ENV=name, RELEASE_KEY=key)
        first = {name: released(project, "first", name) for name in ENVIRONMENTS}
        because = {"BECAUSE": "it is merged"}
        make(project, "ship", code=3, ENV="prod", RELEASE=str(first["prod"]), **because)
        assert vertex.jobs == {}, "out of order: nothing was sent"
        said = make(project, "ship", ENV="staging", RELEASE=str(first["staging"]), **because)
        assert re.search(r"Pusher +done", said), said

        # A smoke test of what staging has pushed.
        assert work.result
        [pushed] = [file.parent for file in Path(work.result.pushed_to).rglob("saved_model.pb")]
        asked = project.millrace("predict", str(project.data), "-o", ".cache/smoke.csv", "--model", str(pushed))
        assert asked.code == 0 and "3,000 rows scored" in asked.output, asked.output

        # Approved, and to production; what the tasks do there is what they did in staging.
        vertex.work = None
        said = make(project, "ship", code=3, ENV="prod", RELEASE=str(first["prod"]), **because)
        assert "approval: nobody has approved this release" in said
        make(project, "approve", RELEASE=str(first["prod"]), BECAUSE="seen in staging")
        make(project, "ship", ENV="prod", RELEASE=str(first["prod"]), **because)

        # The next one goes the same way, and production back to the one before, as it was built.
        model = project.folder / "models/model.py"
        model.write_text(f"{model.read_text()}\nLATER = True\n")
        git(project.folder, "commit", "-qam", "Something that is sorry afterwards")
        for name in ENVIRONMENTS:
            built = project.millrace(
                "release", "build", "--env", name, "--key-env", "RELEASE_KEY", "-o",
                str(RELEASES / f"taxi-{name}.release.tar"), RELEASE_KEY=key,
            )  # fmt: skip
            assert built.code == 0, built.output
        second = {name: released(project, "second", name) for name in ENVIRONMENTS}
        make(project, "ship", ENV="staging", RELEASE=str(second["staging"]), **because)
        make(project, "approve", RELEASE=str(second["prod"]), BECAUSE="seen in staging")
        make(project, "ship", ENV="prod", RELEASE=str(second["prod"]), **because)
        said = make(project, "ship", ENV="prod", RELEASE=str(first["prod"]), BECAUSE="it says no to everybody")
        jobs = [job["name"].rpartition("/")[2] for job in vertex.jobs.values()]
        shown = ["taxi-staging-release-1", "taxi-prod-release-1", "taxi-staging-release-2", "taxi-prod-release-2"]
        assert jobs == [*shown, "taxi-prod-release-3"]
        production = [job for job in vertex.jobs.values() if "/a-prod/" in job["name"]]
        assert production[2]["pipelineSpec"] == production[0]["pipelineSpec"] != production[1]["pipelineSpec"]
        assert production[2]["labels"]["millrace_release"] == production[0]["labels"]["millrace_release"]
