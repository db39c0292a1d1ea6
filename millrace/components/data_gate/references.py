"""What a split is compared with: the span before, and the latest blessed data, which is what is served."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Optional

from millrace.statistics.comparison import Kind, Rows

KINDS: tuple[Kind, ...] = ("drift", "skew")


@dataclass(frozen=True)
class Reference:
    """Earlier data.

    Args:
        what: which it is; of blessed data, that of the latest blessed model.
        place: its span, where it has one, and the artifact that holds its statistics.
        splits: the rows of each split.
    """

    what: Literal["the span before", "the latest blessed data"]
    place: str
    splits: Mapping[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True)
class References:
    """What drift and skew are measured from; None where there is no such data.

    Args:
        drift: the span before, or the latest blessed data where no earlier span is known.
        skew: what is served.
    """

    drift: Optional[Reference] = None
    skew: Optional[Reference] = None

    def of(self, kind: Kind) -> Optional[Reference]:
        """That of one kind."""
        return self.drift if kind == "drift" else self.skew

    @property
    def words(self) -> list[str]:
        """A sentence for each kind: what it was measured from."""
        sentences = []
        for kind in KINDS:
            reference = self.of(kind)
            if reference:
                rows = ", ".join(f"{name} {one.statistics.num_examples:,}" for name, one in reference.splits.items())
                sentences.append(f"{kind}: from {reference.what}, {reference.place} (rows: {rows})")
        return sentences

    def to_json(self) -> dict[str, Optional[dict[str, str]]]:
        """As plain JSON values."""
        by_kind = {kind: self.of(kind) for kind in KINDS}
        return {kind: {"what": one.what, "place": one.place} if one else None for kind, one in by_kind.items()}
