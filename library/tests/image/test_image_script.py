"""`make image`: an image that is pushed is named by its digest, to a person and to the next step of a build."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DIGEST = "here/millrace@sha256:" + "1" * 64
DOCKER = f"""#!/bin/sh
echo "$@" >>"$DOCKER_CALLS"
[ "$2" != inspect ] || echo {DIGEST}
"""


def test_a_pushed_image_is_named_by_its_digest_in_a_file_too(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_CALLS": str(tmp_path / "calls")}
    named = tmp_path / "outputs"
    named.write_text("before=1\n")
    for more in ([], ["1"], ["1", str(named)]):
        command = ["sh", "bootstrap/docker_image.sh", "here/millrace:tag", *more]
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        assert (f"  image: {DIGEST}\n" in ended.stdout) == bool(more)
    assert named.read_text() == f"before=1\nname={DIGEST}\n"
    assert [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()].count("push") == 2
