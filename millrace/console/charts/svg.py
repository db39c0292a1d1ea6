"""The parts of a chart as SVG: shapes in the text's own colour, texts, and the image around them."""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from millrace.base.numbers import rounded
from millrace.base.visible import visible

Points = Sequence[tuple[float, float]]
_DIGITS = 3


def svg_image(width: float, height: float, title: str, words: str, content: Markup, kind: str) -> Markup:
    """A whole chart, named by its title and by what is drawn, in words.

    Args:
        width: in pixels.
        height: in pixels.
        title: what it is, from data.
        words: what is drawn.
        content: the shapes.
        kind: its class.
    """
    shape = Markup('<svg class="chart {}" role="img" viewBox="0 0 {} {}" width="{}" height="{}">').format(
        kind, px(width), px(height), px(width), px(height)
    )
    named = Markup("<title>{}: {}</title>").format(visible(title), visible(words))
    return shape + named + content + Markup("</svg>")


def svg_shape(name: str, kind: str = "", **attributes: object) -> Markup:
    """One shape; an underscore in an attribute stands for a hyphen, and a number is a coordinate.

    Args:
        name: of the element.
        kind: its classes.
        attributes: by name.
    """
    given = {"class": kind, **attributes} if kind else attributes
    written = " ".join(
        f'{key.replace("_", "-")}="{px(value) if isinstance(value, float) else escape(str(value))}"'
        for key, value in given.items()
    )
    return Markup(f"<{name} {written}/>")


def svg_text(words: str, x: float, y: float, anchor: str, kind: str = "label") -> Markup:
    """A text, in which letters that cannot be seen are spelled out.

    Args:
        words: from data.
        x: from the left.
        y: of its ground line, from the top.
        anchor: start, middle or end.
        kind: its classes.
    """
    return Markup(
        '<text class="{}" x="{}" y="{}" text-anchor="{}" font-size="11" fill="currentColor">{}</text>'
    ).format(kind, px(x), px(y), anchor, visible(words))


def svg_line(points: Points, kind: str, dashes: str = "", opacity: float = 1.0) -> Markup:
    """A line through points; a point that is not finite leaves a gap."""
    steps, pen = [], "M"
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"
            continue
        steps.append(f"{pen}{px(x)} {px(y)}")
        pen = "L"
    more = {"stroke_dasharray": dashes} if dashes else {}
    more |= {"stroke_opacity": str(opacity)} if opacity != 1.0 else {}
    return svg_shape("path", kind, d="".join(steps), fill="none", stroke="currentColor", stroke_width=1.5, **more)


def joined(parts: Iterable[Markup]) -> Markup:
    """Several shapes as one."""
    return Markup("").join(parts)


def px(number: float) -> str:
    """A coordinate to a hundredth of a pixel; 0 for what is no number."""
    return f"{number:.2f}".rstrip("0").rstrip(".") if math.isfinite(number) else "0"


def shortened(text: str, most: int) -> str:
    """A text of at most so many letters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def to_digits(number: float) -> str:
    """A number to three significant digits."""
    return rounded(number, _DIGITS)


def to_percent(share: float) -> str:
    """A share in percent, to three significant digits."""
    return f"{100 * share:.3g} %"
