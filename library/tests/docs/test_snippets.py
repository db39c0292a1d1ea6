"""What the pages and the README tell to type: commands exist with their options, configurations load, Python runs."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from millrace.cli.main import millrace
from millrace.config.loading import load

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs").glob("[gr]*/*.md"))]
FENCE = re.compile(r"^(?P<fence>`{3,})(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
# text is what a program prints; a diff, and a file with a title, are of own-code.md, whose own test runs them.
KINDS = {"sh", "console", "yaml", "python", "text", "dockerfile"}
TARGETS = re.compile(r"^([a-z-]+):", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, what it is, and its text."""

    where: str
    kind: str
    text: str


def blocks(*kinds: str) -> list[Block]:
    found = [
        Block(f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}", match["kind"], match["text"])
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for match in FENCE.finditer(text)
    ]
    return [block for block in found if block.kind in kinds] if kinds else found


def commands() -> list[tuple[str, str]]:
    """Every line that a person is told to type, with its place; its comment left out."""
    lines = []
    for block in blocks("sh", "console"):
        joined = block.text.replace("\\\n", " ")
        typed = [line.removeprefix("$ ") for line in joined.splitlines() if block.kind == "sh" or line.startswith("$ ")]
        lines += [(block.where, part.strip()) for line in typed for part in _uncommented(line).split("&&")]
    return lines


def _uncommented(line: str) -> str:
    return re.split(r"(?:^|\s)#\s", line)[0]


def refuse_unknown(words: list[str]) -> None:
    """Raises click's own refusal of a command or an option that does not exist; nothing is run."""
    command: click.Command = millrace
    context = click.Context(command, info_name="millrace")
    while isinstance(command, click.Group) and words:
        if words[0].startswith("-"):
            if "list" not in command.list_commands(context):
                break
            # As `millrace runs` does by itself.
            words = ["list", *words]
        name, rest, words = command.resolve_command(context, [word for word in words if word != "--debug"])
        assert rest is not None
        command, context = rest, click.Context(rest, info_name=name, parent=context)
    command.make_parser(context).parse_args(list(words))


def test_every_block_says_what_it_is() -> None:
    found = blocks()
    assert len(found) > 40
    assert [block.where for block in found if block.kind not in KINDS and "title=" not in block.kind] == []


def test_no_block_is_made_by_indentation_which_no_test_would_see() -> None:
    indented = re.compile(r"(?:\A|\n\n) {4}(?:\$ )?(?:\./|\.venv/bin/)?(?:millrace|make|python) ")
    assert [page.name for page in PAGES if indented.search(page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("where, line", [(where, line) for where, line in commands() if "millrace " in line])
def test_a_command_exists_with_its_options(where: str, line: str) -> None:
    words = shlex.split(line)
    program = next((place for place, word in enumerate(words) if word.endswith("millrace")), None)
    if program is not None:
        refuse_unknown(words[program + 1 :])


@pytest.mark.parametrize("where, line", [(where, line) for where, line in commands() if line.startswith("make ")])
def test_a_make_target_exists(where: str, line: str) -> None:
    makefiles = (ROOT / "Makefile", ROOT / "millrace" / "new" / "files" / "Makefile")
    known = {target for file in makefiles for target in TARGETS.findall(file.read_text(encoding="utf-8"))}
    assert {word for word in shlex.split(line)[1:] if re.fullmatch("[a-z-]+", word)} <= known


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Lays a piece of configuration over a whole one; what is of a kind is replaced, as its keys are its own."""
    both = dict(one)
    for key, value in other.items():
        lays_over = (
            isinstance(one.get(key), dict) and isinstance(value, dict) and not {"kind", "by", "outputs"} & set(value)
        )
        both[key] = merged(one[key], value) if lays_over else value
    return both


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.where)
def test_a_piece_of_configuration_is_accepted(block: Block, tmp_path: Path) -> None:
    values = merged(yaml.safe_load((ROOT / "conf/taxi.yaml").read_text(encoding="utf-8")), yaml.safe_load(block.text))
    file = tmp_path / "conf" / "taxi.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    load(file)


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.where)
def test_python_runs(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(block.text, block.where, "exec"), {"__name__": "a page"})


@pytest.mark.parametrize("words", [["rnu"], ["run", "--form", "Trainer"], ["schema", "accept", "--nothing"]])
def test_what_does_not_exist_would_be_seen(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        refuse_unknown(words)
