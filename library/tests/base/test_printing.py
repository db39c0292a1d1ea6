"""What a table looks like on a wide terminal, a narrow one, and in a pipe."""

import io

from rich.console import Console
from rich.text import Text

from millrace.base.printing import TableColumn, page, say, separated, show
from millrace.base.visible import visible

RUN = "20260701-093000-a-very-long-name-of-a-run-that-somebody-copies"
WHY = "the model is not blessed since its AUC is below the threshold in two of the eleven slices"
COLUMNS = (TableColumn("run"), TableColumn("seconds", right=True), TableColumn("why", folds=True))


def printed(width: int, terminal: bool, rows, columns=COLUMNS) -> str:
    stream = io.StringIO()
    show(columns, rows, Console(file=stream, width=width, force_terminal=terminal, highlight=False, color_system=None))
    return stream.getvalue()


def test_a_pipe_gets_one_whole_line_a_row_without_colours():
    rows = [(RUN, "12.5", Text(WHY, style="red")), ("b", "1.0", "a\nb")]
    text = printed(20, False, rows)
    assert text.splitlines() == [
        f"{'run':<{len(RUN)}}  seconds  why",
        f"{RUN}     12.5  {WHY}",
        f"{'b':<{len(RUN)}}      1.0  a; b",
    ]


def test_a_wide_terminal_gets_one_line_a_row_too():
    lines = printed(250, True, [(RUN, "12.5", WHY)]).splitlines()
    assert [line.split() for line in lines] == [["run", "seconds", "why"], [RUN, "12.5", *WHY.split()]]


def test_a_narrow_terminal_folds_words_and_never_an_id():
    text = printed(100, True, [(RUN, "12.5", WHY)])
    assert sum(RUN in line for line in text.splitlines()) == 1
    assert len(text.splitlines()) > 3
    assert max(map(len, text.splitlines())) <= 100
    assert " ".join(" ".join(line[len(RUN) :].split()) for line in text.splitlines()[1:]).endswith(WHY.split()[-1])


def test_an_id_wider_than_the_terminal_is_whole():
    text = printed(30, True, [(RUN, "12.5", WHY)])
    assert any(RUN in line for line in text.splitlines())


def test_square_brackets_are_text_and_wide_characters_count_for_two():
    columns = (TableColumn("feature"), TableColumn("seen"))
    text = printed(80, False, [("[bold]x[/]", "1"), ("価格", "2")], columns)
    assert text.splitlines() == ["feature     seen", "[bold]x[/]  1", "価格        2"]


def test_a_table_without_heads_and_one_without_rows():
    assert printed(80, False, [("a", "b")], (TableColumn(""), TableColumn(""))) == "a  b\n"
    assert printed(80, False, []) == "run  seconds  why\n"


def test_a_row_that_does_not_fit_is_a_line_for_each_of_its_cells():
    text = printed(70, True, [(RUN, "12.5", WHY), ("b", "", Text("c", style="red"))])
    assert text.splitlines() == [
        RUN,
        "  seconds  12.5",
        "  why      the model is not blessed since its AUC is below the",
        "           threshold in two of the eleven slices",
        "b",
        "  why      c",
    ]


def test_a_column_that_no_row_fills_is_left_out_on_a_screen_and_not_in_a_pipe():
    rows = [("a", "", "why"), ("b", "", "also")]
    assert printed(80, True, rows).split() == ["run", "why", "a", "why", "b", "also"]
    assert printed(80, False, rows).splitlines()[0].split() == ["run", "seconds", "why"]


def test_no_folded_column_is_a_tower_beside_one_with_room():
    columns = (TableColumn("a", folds=True), TableColumn("b", folds=True))
    lines = printed(80, True, [("word " * 40, "few words here")], columns).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert len(lines) <= 5


def test_a_sentence_is_folded_between_words_and_a_path_is_whole():
    stream = io.StringIO()
    console = Console(file=stream, width=30, force_terminal=True, highlight=False, color_system=None)
    say("the log is in runs/taxi/logs/20310101-000000/run.log and says more", console, indent=2)
    assert stream.getvalue().splitlines() == [
        "  the log is in",
        "  runs/taxi/logs/20310101-000000/run.log",
        "  and says more",
    ]


def test_a_line_with_a_command_is_whole_on_a_narrow_terminal_so_that_it_can_be_copied():
    stream = io.StringIO()
    console = Console(file=stream, width=30, force_terminal=True, highlight=False, color_system=None)
    command = "next: millrace models approve 1795640733 --because WHY -c conf/taxi.yaml --env staging"
    say(f"\n{command}", console, indent=2, whole=True)
    assert stream.getvalue().splitlines() == ["  ", f"  {command}"]


def test_every_line_of_a_sentence_is_indented_in_a_pipe_too():
    stream = io.StringIO()
    say("remedy: fix it\n  or wait", Console(file=stream, highlight=False), indent=2)
    assert stream.getvalue() == "  remedy: fix it\n    or wait\n"


def test_a_sentence_is_one_line_in_a_pipe_however_long_it_is():
    stream = io.StringIO()
    say(WHY, Console(file=stream, width=20, highlight=False), indent=2)
    assert stream.getvalue() == f"  {WHY}\n"


def test_rows_for_another_program_have_a_tab_between_fields_and_none_within():
    rows = [("a\tb", "line\nbreak", "\x1b[31m")]
    assert separated(["one", "two", "three"], rows) == ["one\ttwo\tthree", f"a b\tline break\t{visible(chr(27))}[31m"]


def test_what_is_folded_begins_where_its_line_does():
    stream = io.StringIO()
    console = Console(file=stream, width=30, force_terminal=True, highlight=False, color_system=None)
    say("remedy:\n    first:  millrace schema propose -c conf/taxi.yaml\n\nthen run again", console)
    assert stream.getvalue().splitlines() == [
        "remedy:",
        "    first:  millrace schema",
        "    propose -c conf/taxi.yaml",
        "",
        "then run again",
    ]


def test_a_page_is_as_wide_as_asked_for_unless_an_id_is_wider():
    assert max(map(len, page(COLUMNS, [("b", "1.0", WHY)], 60))) <= 60
    assert any(RUN in line for line in page(COLUMNS, [(RUN, "1.0", WHY)], 60))


def test_a_word_that_is_wider_than_the_terminal_stays_whole_in_a_row_by_itself():
    path = "/srv/" + "a-long-folder/" * 6 + "big_tipper_label"
    stream = io.StringIO()
    console = Console(file=stream, width=60, force_terminal=True, highlight=False, color_system=None)
    columns = (TableColumn("run"), TableColumn("a title of some length", folds=True))
    show(columns, [("b", f"there is no folder {path}, and nothing else")], console)
    assert f"{path},\n" in stream.getvalue()


def test_a_reason_breaks_within_a_word_rather_than_the_table_into_blocks():
    columns = (TableColumn("stage"), TableColumn("why", folds=True, breaks=True))
    rows = [("Evaluator", "eval_config.metrics_specs.0.metrics.0.per_slice_thresholds.0.threshold: 1 -> 2")]
    shown = page(columns, rows, 50)
    assert shown[0].split() == ["stage", "why"] and shown[1].startswith("Evaluator  eval_config")
    assert max(map(len, shown)) <= 50 and "".join(shown[1:]).replace(" ", "").endswith("1->2")
