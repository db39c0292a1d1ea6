"""Charts of shares, whose bars begin at zero: small histograms, large ones with axes, single bars."""

from collections.abc import Sequence
from typing import Optional

from markupsafe import Markup

from millrace.base.numbers import counted
from millrace.console.charts.scales import MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, Frame
from millrace.console.charts.svg import px, svg_image, svg_shape, to_digits, to_percent


def histogram(
    shares: Sequence[float],
    title: str,
    reference: Sequence[float] = (),
    most: Optional[float] = None,
    width: int = 124,
    height: int = 34,
) -> Markup:
    """Bars from zero, and other data's as an outline behind them.

    Args:
        shares: a bar each, from 0 to 1.
        title: what it is.
        reference: the same bars of the data that is compared with; none for no outline.
        most: the share that a full bar stands for, for columns of one scale; the largest here when left out.
        width: in pixels.
        height: in pixels.
    """
    top = most or max((*shares, *reference), default=0.0)
    if not top:
        return svg_image(width, height, title, "no value", _baseline(width, height), "histogram")
    content = _bars(shares, top, 0.0, width, height - 1) + _outline(reference, top, 0.0, width, height - 1)
    words = f"{counted(len(shares), 'bar')}, the largest {to_percent(max(shares, default=0.0))}"
    if reference:
        words += f"; outline of the other data, the largest {to_percent(max(reference))}"
    return svg_image(width, height, title, words, content + _baseline(width, height), "histogram")


def distribution(
    bounds: Sequence[float],
    shares: Sequence[float],
    title: str,
    reference: Sequence[float] = (),
    axis: str = "",
    width: int = 560,
    height: int = 220,
) -> Markup:
    """A histogram to read numbers from: with axes.

    Args:
        bounds: of the bars, ascending, one more than bars.
        shares: a bar each, from 0 to 1.
        title: what it is.
        reference: the same bars of the data that is compared with.
        axis: what the numbers are.
        width: in pixels.
        height: in pixels.
    """
    top = max((*shares, *reference), default=0.0)
    if not top or len(bounds) < 2:
        return svg_image(width, height, title, "no value", Markup(""), "distribution")
    frame = Frame(bounds[0], bounds[-1], 0.0, top * 1.05, width, height)
    inner = width - MARGIN_LEFT - MARGIN_RIGHT
    bars = _bars(shares, top * 1.05, MARGIN_LEFT, inner, frame.bottom, MARGIN_TOP)
    content = (
        frame.grid(axis, to_percent)
        + bars
        + _outline(reference, top * 1.05, MARGIN_LEFT, inner, frame.bottom, MARGIN_TOP)
    )
    words = f"{counted(len(shares), 'bar')} from {to_digits(bounds[0])} to {to_digits(bounds[-1])}"
    return svg_image(width, height, title, words, content, "distribution")


def share_bar(
    share: float, title: str, reference: Optional[float] = None, width: int = 160, height: int = 14
) -> Markup:
    """One horizontal bar from zero to a share of a whole, and a mark where other data has it.

    Args:
        share: from 0 to 1.
        title: what it is.
        reference: of the data that is compared with; None for no mark.
        width: in pixels, of a share of 1.
        height: in pixels.
    """
    within = min(max(share, 0.0), 1.0)
    content = svg_shape(
        "rect", "track", x=0, y=2, width=width, height=height - 4, fill="currentColor", fill_opacity=0.08
    )
    content += svg_shape("rect", "bar", x=0, y=2, width=within * width, height=height - 4, fill="currentColor")
    if reference is not None:
        at = min(max(reference, 0.0), 1.0) * width
        content += svg_shape("line", "outline", x1=at, x2=at, y1=0, y2=height, stroke="currentColor", stroke_width=2)
    words = to_percent(share) + (f"; {to_percent(reference)} in the other data" if reference is not None else "")
    return svg_image(width, height, title, words, content, "share")


def _bars(shares: Sequence[float], top: float, left: float, width: float, bottom: float, upper: float = 1.0) -> Markup:
    each = width / max(len(shares), 1)
    gap = 1.0 if each > 3 else 0.0
    content = Markup("")
    for at, share in enumerate(shares):
        tall = min(share / top, 1.0) * (bottom - upper)
        if share > 0:
            tall = max(tall, 1.0)  # what is there is seen
        content += svg_shape(
            "rect", "bar", x=left + at * each, y=bottom - tall, width=max(each - gap, 0.5), height=tall,
            fill="currentColor",
        )  # fmt: skip
    return content


def _outline(
    shares: Sequence[float], top: float, left: float, width: float, bottom: float, upper: float = 1.0
) -> Markup:
    if not shares:
        return Markup("")
    each = width / len(shares)
    steps = [f"M{px(left)} {px(bottom)}"]
    for at, share in enumerate(shares):
        steps.append(f"V{px(bottom - min(share / top, 1.0) * (bottom - upper))}H{px(left + (at + 1) * each)}")
    shape = "".join(steps) + f"V{px(bottom)}"
    return svg_shape("path", "outline", d=shape, fill="none", stroke="currentColor", stroke_width=1.5)


def _baseline(width: int, height: int) -> Markup:
    return svg_shape(
        "line", "axis", x1=0, x2=width, y1=height - 0.5, y2=height - 0.5, stroke="currentColor", stroke_opacity=0.3
    )
