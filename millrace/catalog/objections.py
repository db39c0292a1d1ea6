"""What speaks against a value, and whether that is certain."""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace.catalog.google_cloud import DATE


@dataclass(frozen=True)
class Objection:
    """Why a service would refuse a value.

    Args:
        what: the end of a sentence, what is wrong.
        remedy: what to write in its place.
        certain: False where the value may only be newer than the table that it is not in.
    """

    what: str
    remedy: str
    certain: bool = True

    def __str__(self) -> str:
        if self.what.endswith("?"):
            return f"{self.what} ({self.remedy})"
        return f"{self.what}; {self.remedy}"


def unknown(what: str, remedy: str) -> Objection:
    """An objection to what may be newer than the tables: it names their date.

    Args:
        what: the end of a sentence, what is not known.
        remedy: what to look at.
    """
    return Objection(f"{what} (table of {DATE})", remedy, certain=False)


def require_none(objections: Iterable[Objection]) -> None:
    """Refuses what is certainly wrong; for validators of the configuration.

    Raises:
        ValueError: with every certain objection.
    """
    certain = [str(objection) for objection in objections if objection.certain]
    if certain:
        raise ValueError("; ".join(certain))
