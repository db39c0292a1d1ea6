"""The one calendar that waivers run out by, the same for the graph, the gate and the workbench."""

from datetime import date, datetime, timezone


def today() -> date:
    """The day in UTC, so that a laptop and a service that judge the same data agree on it."""
    return datetime.now(timezone.utc).date()
