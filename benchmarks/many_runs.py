"""What many runs cost: a store with a few runs and one with thousands, and the same questions asked of both.

    python -m benchmarks.many_runs ROOT --runs 2000

ROOT is the root of a pipeline with a run that came from the cache. It is copied, and that run recorded again and again,
in ML Metadata and with its folder, as if it had been run so often.
"""

import argparse
import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Union


def repeat(root: Path, count: int) -> None:
    """Records the newest run of a root again: its rows in ML Metadata's tables, all in one transaction, and its folder.

    By ML Metadata's own calls each run would take a third of a second, which is a quarter of an hour for two thousand.

    Args:
        root: of a pipeline.
        count: how many times.
    """
    with contextlib.closing(sqlite3.connect(root / "metadata.db")) as database, database:
        newest, name = database.execute(
            "SELECT c.id, c.name FROM Context c JOIN Type t ON t.id = c.type_id WHERE t.name = 'pipeline_run' "
            "ORDER BY c.id DESC LIMIT 1"
        ).fetchone()
        folder = root / "logs" / name
        values = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        for number in range(1, count + 1):
            run_id = f"{name}-{number}"
            _again(database, newest, run_id)
            shutil.copytree(folder, root / "logs" / run_id)
            again = {**values, "number": values["number"] + number}
            (root / "logs" / run_id / "run.json").write_text(json.dumps(again))


def _again(database: sqlite3.Connection, run: int, run_id: str) -> None:
    """The rows of one run, with numbers of their own."""
    [context] = _copied(database, "Context", "id", [run], name=run_id).values()
    _copied(database, "ContextProperty", "context_id", [run], context_id={run: context})
    _copied(database, "ParentContext", "context_id", [run], context_id={run: context})
    of_run = "SELECT execution_id FROM Association WHERE context_id = ?"
    executions = _copied(database, "Execution", "id", [row[0] for row in database.execute(of_run, [run])], name=None)
    for table in ("ExecutionProperty", "Association"):
        _copied(database, table, "execution_id", list(executions), execution_id=executions, context_id={run: context})
    events = _copied(database, "Event", "execution_id", list(executions), execution_id=executions)
    _copied(database, "EventPath", "event_id", list(events), event_id=events)


def _copied(
    database: sqlite3.Connection, table: str, key: str, wanted: list[int], **changed: Union[str, dict[int, int], None]
) -> dict[int, int]:
    """Copies rows of a table.

    Args:
        database: ML Metadata's.
        table: its name.
        key: the column by which rows are chosen.
        wanted: its values.
        changed: what a column says in the copy; a mapping from what it says in the original.

    Returns:
        The new number of each row, by its old one; none for a table without numbers.
    """
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    marks = ",".join("?" * len(wanted))
    numbers: dict[int, int] = {}
    for row in database.execute(f"SELECT * FROM {table} WHERE {key} IN ({marks})", wanted).fetchall():
        values = dict(zip(columns, row, strict=True))
        old = values.pop("id", None)
        for column in values.keys() & changed.keys():
            change = changed[column]
            values[column] = change.get(values[column], values[column]) if isinstance(change, dict) else change
        names, places = ",".join(values), ",".join("?" * len(values))
        made = database.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(values.values()))
        if old is not None:
            numbers[old] = int(made.lastrowid or 0)
    return numbers


def seconds(*arguments: str, repeats: int = 3) -> float:
    """The least time that a command takes, of some tries.

    Args:
        arguments: of `millrace`.
        repeats: how many tries.
    """
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        command = [sys.executable, "-m", "millrace.cli.main", *arguments]
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Copies the root twice, records runs in both, and prints what each command takes on either."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--few", type=int, default=20)
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="as the recorded run was given")
    chosen = parser.parse_args()
    more = [word for value in chosen.overrides for word in ("--set", value)]
    original = chosen.root.resolve()
    for count in (chosen.few, chosen.runs):
        # At the same place, one after the other: a root that was moved is another question.
        kept = original.with_name(f"{original.name}.kept")
        shutil.copytree(original, kept, symlinks=True)
        try:
            repeat(original, count)
            options = [*more, "--set", f"root={original}"]
            print(f"{count} runs")
            print(f"  runs            {seconds('runs', *options):6.2f} s")
            print(f"  runs show last  {seconds('runs', 'show', 'last', *options):6.2f} s")
            print(f"  run, all cached {seconds('run', *options, repeats=2):6.2f} s", flush=True)
        finally:
            shutil.rmtree(original)
            kept.rename(original)


if __name__ == "__main__":
    main()
