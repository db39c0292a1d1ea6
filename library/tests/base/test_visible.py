"""What cannot be seen is spelled out on the screen, in tables, lines, patches and errors; files keep it."""

import json

import pytest
from rich.console import Console

from millrace.base import printing
from millrace.base.printing import TableColumn
from millrace.base.visible import json_text, visible
from millrace.cli.data.schema_tables import print_patch
from millrace.cli.output import echo, escape
from millrace.schema.patches import patch

NAME = "fare\x1b[8mhidden\x1b[0m\u202e\x9b2J"
SHOWN = r"fare\x1b[8mhidden\x1b[0m\u202e\x9b2J"


@pytest.mark.parametrize(
    "text, shown",
    [
        (NAME, SHOWN),
        ("a\tb\nc", "a\tb\nc"),
        ("a\rb", r"a\x0db"),
        ("\x7f\x00\u200b\ufeff\ud800", r"\x7f\x00\u200b\ufeff\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("Zürich 東京 🚕", "Zürich 東京 🚕"),
    ],
)
def test_what_steers_a_terminal_is_spelled_out(text, shown):
    assert visible(text) == shown


def test_json_for_the_screen_says_the_same_values():
    text = json_text({NAME: [NAME, "\U000e0041"]})
    assert json.loads(text) == {NAME: [NAME, "\U000e0041"]}
    assert visible(text) == text


@pytest.mark.parametrize("terminal", [True, False])
def test_every_table_spells_it_out(terminal, capsys):
    columns = [TableColumn("column"), TableColumn("what", folds=True)]
    console = Console(force_terminal=terminal, no_color=True, width=100, highlight=False)
    printing.show(columns, [(NAME, NAME)], console)
    assert capsys.readouterr().out.count(SHOWN) == 2
    assert "\n".join(printing.page(columns, [(NAME, "x")], 100)).count(SHOWN) == 1
    assert "\n".join(printing.lines(columns, [(NAME, "x")])).count(SHOWN) == 1


@pytest.mark.parametrize("color", [True, False])
def test_lines_and_errors_of_commands_spell_it_out(color, capsys):
    echo(NAME, fg="green", color=color)
    assert SHOWN in capsys.readouterr().out
    assert escape(f"[b]{NAME}") == rf"\[b]{SHOWN}"


def test_a_patch_shows_what_the_file_gets(capsys):
    """Python's splitlines would drop the next-line character, and click what looks like a colour."""
    before, after = "a\n", f'a\nname: "{NAME}\x85"\n'
    made = patch(before, after, "schema.pbtxt")
    assert f'+name: "{NAME}\x85"\n' in made
    print_patch(made)
    assert rf'+name: "{SHOWN}\x85"' in capsys.readouterr().out


def test_the_command_line_spells_out_the_columns_of_a_table(tmp_path, monkeypatch, capsys):
    from millrace.cli.main import main

    table = tmp_path / "rows.csv"
    table.write_text(f"{NAME},label\n1,2\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["millrace", "init", str(table)])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr().err
    assert left.value.code == 2
    assert SHOWN in printed
    assert visible(printed) == printed
