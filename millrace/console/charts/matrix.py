"""The confusion matrix."""

import itertools
from collections.abc import Sequence
from typing import Union

from markupsafe import Markup

from millrace.base.numbers import counted, rounded
from millrace.base.visible import visible
from millrace.console.charts.svg import shortened, svg_image, svg_shape, svg_text, to_percent


def confusion_matrix(counts: Sequence[Sequence[Union[int, float]]], names: Sequence[str], title: str) -> Markup:
    """A square for each observed and predicted class; the darker, the larger its share of the observed class.

    Args:
        counts: examples, or their weights, a row for each observed class, a column for each predicted one.
        names: of the classes, in their order.
        title: what it is.
    """
    if not counts:
        return svg_image(80, 24, title, "no example", Markup(""), "confusion")
    large = len(counts) <= 10
    cell, left, top = (56, 96, 42) if large else (max(360 // len(counts), 6), 24, 24)
    size = cell * len(counts)
    content = Markup("")
    for row, column in itertools.product(range(len(counts)), repeat=2):
        count, of_class = counts[row][column], sum(counts[row])
        share = count / of_class if of_class else 0.0
        place = {"x": left + column * cell, "y": top + row * cell, "width": cell - 1, "height": cell - 1}
        kind = "right" if row == column else "wrong"
        seen = f"{_amount(count)} ({to_percent(share)} of the class)"
        note = f"observed {_of(names, row)}, predicted {_of(names, column)}: {seen}"
        square = svg_shape("rect", kind, fill="currentColor", fill_opacity=round(0.06 + 0.5 * share, 3), **place)
        text = (
            svg_text(_amount(count), place["x"] + cell / 2, place["y"] + cell / 2 + 4, "middle")
            if large
            else Markup("")
        )
        content += Markup("<g><title>{}</title>{}{}</g>").format(visible(note), square, text)
    for at in range(len(counts)) if large else ():
        content += svg_text(shortened(_of(names, at), 13), left - 6, top + at * cell + cell / 2 + 4, "end")
        content += svg_text(shortened(_of(names, at), 8), left + at * cell + cell / 2, top - 6, "middle")
    content += svg_text("predicted", left + size / 2, 14, "middle", "axis-title")
    content += svg_text("observed", 4, 14 if large else top + 12, "start", "axis-title")
    right = sum(counts[at][at] for at in range(len(counts)))
    total = sum(map(sum, counts))
    all_ = counted(total, "example") if isinstance(total, int) else f"a weight of {_amount(total)}"
    words = f"{_amount(right)} of {all_} predicted as observed"
    return svg_image(left + size + 4, top + size + 4, title, words, content, "confusion")


def _amount(count: Union[int, float]) -> str:
    """Examples, or a weight to some digits."""
    return f"{count:,}" if isinstance(count, int) else rounded(count, 4)


def _of(names: Sequence[str], at: int) -> str:
    return names[at] if at < len(names) else str(at)
