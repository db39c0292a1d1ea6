"""The commands of `millrace models`, as a person types them: list, decide, go back, explain, hand on, refuse."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from registered_versions import pushed

from millrace.config.paths import layout
from millrace.registry.intake import open_registry

CHECKOUT = Path(__file__).resolve().parents[3]


def models(config, *arguments: str, code: int = 0) -> str:
    """What a command of `millrace models` prints; of one that is refused, what it says."""
    root = layout(config).root
    command = [sys.executable, "-m", "millrace.cli.main", "models", *arguments, "--set", f"root={root}"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == code, done.stderr + done.stdout
    return done.stderr if code else done.stdout


@pytest.mark.slow
def test_a_story_of_two_versions(two_versions, tmp_path):
    listed = [line.split("\t") for line in models(two_versions).splitlines()]
    assert [(row[0], row[1], row[2]) for row in listed[1:]] == [("11", "approved", ""), ("12", "approved", "champion")]
    done = json.loads(models(two_versions, "rollback", "--because", "too near", "--json"))
    assert (done["champion"], done["before"]) == (11, 12) and done["requests"] >= 4
    followed = Path(f"{layout(two_versions).serving}.config").read_text()
    assert "versions: 11\n" in followed and "versions: 12" not in followed
    models(two_versions, "reject", "12", "--because", "it says far too soon")
    refused = models(two_versions, "alias", "champion", "12", "--because", "try again", code=2)
    assert "version 12 was rejected: it says far too soon" in refused and "millrace models approve 12" in refused

    story = json.loads(models(two_versions, "why", "12", "--json"))
    [time] = story["served"]
    assert time["ended_because"] == "too near" and time["until"]
    replay = story["replay"]
    assert (replay["now"], replay["then"], replay["examples"]) == (11, 12, 40)
    # The limits are 1.95 and 0.95: what lies between them is decided otherwise.
    assert replay["flipped"] == 10 and replay["changes"] == {"near -> far": 10} and replay["decisions"]
    told = models(two_versions, "why", "12")
    assert "if 12 answered in place of 11: 10 of 40 decisions would be others (25.00%)" in told

    archive = tmp_path / "taxi.tar"
    models(two_versions, "export", "champion", "-o", str(archive))
    shutil.rmtree(Path(layout(two_versions).serving) / "11")
    assert "version 11 is not there any more" in models(two_versions, "alias", "old", "11", "--because", "x", code=2)
    assert json.loads(models(two_versions, "import", str(archive), "--because", "lost", "--json"))["restored"] is True
    assert "whole" in models(two_versions, "import", str(archive), "--because", "again", code=2)


@pytest.mark.slow
def test_nothing_moves_to_a_version_that_does_not_answer(two_versions):
    models(two_versions)
    serving = Path(layout(two_versions).serving)
    before = Path(f"{serving}.config").read_bytes()
    warm_up = serving / "11" / "assets.extra" / "tf_serving_warmup_requests"
    content = warm_up.read_bytes()
    warm_up.unlink()
    said = models(two_versions, "rollback", "--because", "bad", code=2)
    assert "version 11 is not whole" in said and str(warm_up) in said
    assert Path(f"{serving}.config").read_bytes() == before
    warm_up.write_bytes(content)
    said = models(two_versions, "rollback", "--to", "champion", "--because", "bad", code=2)
    assert "version 12 is champion already" in said
    assert "did you mean champion?" in models(two_versions, "rollback", "--to", "chmpion", "--because", "b", code=2)
    assert "say why" in models(two_versions, "rollback", "--because", "  ", code=2)
    # A version that is as it was registered, and that no server can load.
    root = Path(layout(two_versions).root)
    (serving / "13" / "assets.extra").mkdir(parents=True)
    shutil.copy(warm_up, serving / "13" / "assets.extra")
    with open_registry(two_versions) as registry:
        registry.take_in([pushed(root, 13)])
        registry.take_in([pushed(root, 14)])
        events, before = registry.events(), registry.served_file.read_bytes()
    said = models(two_versions, "rollback", "--because", "bad", code=3)
    assert "version 13 does not answer, and nothing has moved: load: the model cannot be loaded" in said
    with open_registry(two_versions) as registry:
        assert registry.events() == events and registry.served_file.read_bytes() == before
