"""The first page's own-table commands, as they are typed there, in a project of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from test_snippets import blocks, commands

from millrace.new.project_files import project_files

ROOT = Path(__file__).resolve().parents[3]
TYPED = [line for where, line in commands() if where.startswith("docs/index.md")]


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_command_is_put_on_path_before_it_is_called(page: str) -> None:
    typed = [line for where, line in commands() if where.startswith(page)]
    activated = next(place for place, line in enumerate(typed) if line == ". .venv/bin/activate")
    called = next(place for place, line in enumerate(typed) if line.startswith("millrace "))
    assert activated < called


def test_what_is_typed_on_the_first_page_is_seen_whole_on_a_screen_of_1280_pixels() -> None:
    """Between the menu and the contents there is room for some 78 characters of code."""
    lines = [
        line for block in blocks("sh") if block.where.startswith("docs/index.md") for line in block.text.split("\n")
    ]
    assert len(lines) > 10
    assert [line for line in lines if len(line) > 78] == []


def test_a_longer_command_of_another_page_goes_on_in_the_next_line() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    [highlight] = [one for one in settings["markdown_extensions"] if "pymdownx.highlight" in one]
    assert highlight["pymdownx.highlight"]["pygments_lang_class"], "without it no block has its language's class"
    style = (ROOT / "docs/assets/site.css").read_text(encoding="utf-8")
    [rule] = [line for line in style.splitlines() if "white-space: pre-wrap" in line]
    assert ".language-sh code" in rule and ".language-console code" in rule


@pytest.mark.slow
def test_a_table_of_ones_own_becomes_a_pushed_model_as_the_first_page_says(tmp_path: Path) -> None:
    for place, file in project_files("start").items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(file.content)
    rows = [f"{n % 40 + 20},{n % 7},{'>50K' if (n % 40) + 3 * (n % 7) > 30 else '<=50K'}" for n in range(1500)]
    (tmp_path / "my.csv").write_text("\n".join(["age,years,income", *rows]) + "\n")
    wanted = [line for line in TYPED if line.startswith(("millrace init", "millrace run -c"))]
    assert len(wanted) == 2, "the page has both commands"
    for line in (*wanted, "millrace runs -c conf/my.yaml"):
        command = [sys.executable, "-m", "millrace.cli.main", *line.split()[1:]]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "pushed " in done.stdout
    assert list(tmp_path.glob("runs/my/serving/my/*/saved_model.pb"))
