"""What was seen of two versions in a rollout, and what was decided, as tables for the commands that print them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from rich.console import Console

from millrace.base import printing
from millrace.base.printing import TableColumn
from millrace.serving.envoy_config import WHOLE
from millrace.serving.state import Decided

_SEEN = (TableColumn("bad answers"), TableColumn("candidate", right=True), TableColumn("champion", right=True))
_DECIDED = (
    TableColumn("at (UTC)"),
    TableColumn("decided"),
    TableColumn("%", right=True),
    TableColumn("who", folds=True),
    TableColumn("why", folds=True),
)


def print_seen(
    seen: Mapping[str, Mapping[int, tuple[float, int]]], candidate: int, champion: int, console: Console
) -> None:
    """Prints how bad the answers of both versions were; nothing where nothing was seen.

    Args:
        seen: by what is judged and version, the sum of how bad the answers were and their number.
        candidate: a version.
        champion: another.
        console: where a person looks.
    """
    if seen:
        cells = [(name, _share(of.get(candidate)), _share(of.get(champion))) for name, of in seen.items()]
        printing.show(_SEEN, cells, console)
        console.print()


def print_decisions(decisions: Sequence[Decided], console: Console) -> None:
    """Prints decisions, the newest last.

    Args:
        decisions: in their order.
        console: where a person looks.
    """
    cells = [(moment(one.at), one.action, f"{one.weight * 100 / WHOLE:g}", one.who, one.reason) for one in decisions]
    printing.show(_DECIDED, cells, console)


def moment(at: float) -> str:
    """A time in UTC, without its year."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%m-%d %H:%M:%S")


def _share(of: Optional[Any]) -> str:
    bad, number = of or (0.0, 0)
    return f"{bad:g} of {number}"
