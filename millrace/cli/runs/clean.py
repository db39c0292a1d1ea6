"""`millrace runs clean`: deletes what old runs left, but for what is still needed."""

import json
import re
import time
from collections import Counter
from dataclasses import asdict
from typing import Any, Optional

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.numbers import counted, size
from millrace.base.printing import TableColumn
from millrace.cli.options import config_options
from millrace.cli.output import echo
from millrace.config.loading import load
from millrace.metadata.cleaning import CleaningPlan, clean, plan
from millrace.metadata.run_summaries import Runs

_SECONDS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_COLUMNS = (TableColumn("run"), TableColumn("state"), TableColumn("frees", right=True), TableColumn("what", folds=True))


class _Age(click.ParamType):
    name = "age"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> float:
        """Seconds of an age such as 30d."""
        if isinstance(value, float):
            return value
        age = re.fullmatch(r"(\d{1,5})([hdw])", str(value))
        if not age:
            self.fail(f"{value} is no age: write hours, days or weeks, as 12h, 30d or 8w", param, ctx)
        return int(age[1]) * _SECONDS[age[2]]


@click.command("clean")
@config_options
@click.option("--keep", default=10, show_default=True, type=click.IntRange(min=1), help="How many of the newest stay.")
@click.option("--older-than", default=0.0, type=_Age(), metavar="AGE", help="Only runs older than 12h, 30d or 8w.")
@click.option("--delete", is_flag=True, help="Delete; without it only what would go is said.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def clean_command(
    config_file: str, overrides: tuple[str, ...], keep: int, older_than: float, delete: bool, as_json: bool
) -> None:
    """Say what may go of old runs, and with --delete delete it.

    What stays whatever its age: what lies where a server looks, the latest blessed model, what these were made from,
    and what a kept run made or used. The folders of pushed models are not touched, but for those of trials.
    """
    runs = Runs(load(config_file, overrides))
    chosen = plan(runs, keep, older_than, time.time())
    if delete:
        clean(runs, chosen)
    if as_json:
        click.echo(json.dumps({"deleted": delete, "bytes": chosen.bytes, **asdict(chosen)}, indent=2))
        return
    print_plan(chosen, Console(highlight=False))
    kept = f"{counted(chosen.kept, 'run')} kept"
    if not chosen.bytes:
        echo(f"nothing to delete; {kept}")
    elif delete:
        echo(f"deleted {size(chosen.bytes)}; {kept}")
    else:
        echo(f"would free {size(chosen.bytes)}; {kept}; nothing is deleted yet: add --delete")


def print_plan(chosen: CleaningPlan, console: Console) -> None:
    """Prints a line for each old run: what goes, and why something stays.

    Args:
        chosen: the plan.
        console: where a person looks.
    """
    rows = []
    for run in chosen.runs:
        words = [f"{counted(len(run.goes), 'artifact')} {'goes' if len(run.goes) == 1 else 'go'}"] if run.goes else []
        words += [] if run.stays else ["its log goes"]
        reasons = Counter(one.reason for one in run.stays)
        words += [f"{count} {'stays' if count == 1 else 'stay'}: {why}" for why, count in reasons.items()]
        rows.append((run.run_id, run.state, size(run.bytes), "; ".join(words)))
    if rows:
        printing.show(_COLUMNS, rows, console)
