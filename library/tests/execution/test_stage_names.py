"""A stage that cannot be is refused before TensorFlow is loaded, and one of the project's own is not."""

import subprocess
import sys

import pytest

from millrace.base.errors import BadInput
from millrace.execution import stage_names
from millrace.execution.stage_names import require_possible
from millrace.project import project
from millrace.project.project import Project


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A project whose code makes stages in each of the ways there are."""
    (tmp_path / "setup.py").write_text('PACKAGES = ("pipeline",)\n')
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "graph.py").write_text(
        'SIZES = "ModelSize"\nfrom elsewhere import Profiler\n'
        'stages = [one().with_id(SIZES), Profiler(), two().with_id("Shop")]\n'
        'stages += [three().with_id(f"Trainer_{city}") for city in cities]\n'
    )
    monkeypatch.setattr(project, "entered", lambda: Project(tmp_path))


@pytest.mark.parametrize("stage", ["Trainer", "ModelSize", "Profiler", "Shop", "Trainer_Zurich", "", "Tuner"])
def test_a_stage_that_may_be_is_left_to_the_graph(shop, stage):
    require_possible(stage)


@pytest.mark.parametrize(
    ("stage", "meant"),
    [("Train", "Trainer"), ("trainer", "Trainer"), ("ModelSizes", "ModelSize"), ("Evalutor", "Evaluator")],
)
def test_a_stage_that_cannot_be_is_told_with_the_nearest(shop, stage, meant):
    with pytest.raises(BadInput, match=f"there is no stage {stage}; did you mean {meant}\\?"):
        require_possible("", stage)


def test_without_a_project_nothing_is_known(monkeypatch):
    monkeypatch.setattr(stage_names.project, "entered", lambda: None)
    require_possible("Anything")


def test_the_command_tells_it_without_tensorflow():
    script = "import sys; sys.argv = ['millrace', 'run', '--from', 'Train']\nfrom millrace.cli.main import main\n"
    script += "try:\n    main()\nexcept SystemExit as end:\n    print(end.code, 'tensorflow' in sys.modules)\n"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.stdout == "2 False\n", finished.stderr
    assert "there is no stage Train; did you mean Trainer?" in finished.stderr
