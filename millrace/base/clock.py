"""The calendar: the day that waivers run out by, the same for all who judge, and times as people write them."""

from datetime import date, datetime, timezone


def today() -> date:
    """The day in UTC, so that a laptop and a service that judge the same data agree on it."""
    return datetime.now(timezone.utc).date()


def moment(text: str) -> datetime:
    """A time that a person wrote in ISO 8601, with a zone; UTC where it names none.

    Args:
        text: such as 2026-01-31T04:00:00Z.

    Raises:
        ValueError: it is no such time.
    """
    # Python 3.10 does not know the Z that everybody writes.
    at = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)
