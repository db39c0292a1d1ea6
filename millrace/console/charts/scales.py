"""Where numbers lie in a chart: scales, round numbers, and the frame of a chart with axes."""

import math
from collections.abc import Callable, Iterable
from typing import Optional

from markupsafe import Markup

from millrace.console.charts.svg import svg_shape, svg_text, to_digits

Interval = tuple[float, float]
Limits = tuple[Optional[float], Optional[float]]
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 52, 12, 10, 34
"""Of a chart with axes, in pixels."""


def scale_of(values: Iterable[Optional[float]]) -> Interval:
    """One scale for a column of metrics: from the least to the greatest of them, with a little room.

    Args:
        values: measured values, their intervals and limits; None and what is not finite is left out.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return padded(min(finite), max(finite)) if finite else (0.0, 1.0)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two others, at equal steps of 1, 2 or 5 times a power of ten.

    Args:
        low: the least.
        high: the greatest.
        most: about how many.
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low] if math.isfinite(low) else []
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * factor for factor in (1, 2, 5) if power * factor >= rough), power * 10)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [0.0 if first + at == 0 else (first + at) * step for at in range(max(count, 0))]


def padded(low: float, high: float) -> Interval:
    """A range with a twentieth of room on both sides, and some where both ends are one number."""
    room = (high - low) * 0.05 or abs(low) * 0.05 or 0.5
    return low - room, high + room


def height_of(value: float, low: float, high: float, top: float, bottom: float) -> float:
    """Where a value lies from the top, between the places of a lower and an upper one."""
    return bottom - (bottom - top) * ((value - low) / (high - low) if high > low else 0.5)


class Frame:
    """The place of numbers in a chart with axes."""

    def __init__(
        self, first: float, last: float, low: float, high: float, width: int, height: int, right: int = MARGIN_RIGHT
    ) -> None:
        self._first, self._last, self._low, self._high = first, last, low, high
        self._width, self._height, self._right = width, height, right
        self.bottom = height - MARGIN_BOTTOM

    def x(self, number: float) -> float:
        """Where a number lies from the left."""
        inner = self._width - MARGIN_LEFT - self._right
        span = self._last - self._first
        return MARGIN_LEFT + inner * ((number - self._first) / span if span else 0.5)

    def y(self, number: float) -> float:
        """Where a number lies from the top."""
        return height_of(number, self._low, self._high, MARGIN_TOP, self.bottom)

    def grid(self, axis: str, words: Callable[[float], str], side: str = "") -> Markup:
        """Lines at round numbers, with the numbers; `axis` and `side` say what they are."""
        content = Markup("")
        for number in ticks(self._low, self._high, 4):
            at = self.y(number)
            content += svg_shape(
                "line", "grid", x1=MARGIN_LEFT, x2=self._width - self._right, y1=at, y2=at,
                stroke="currentColor", stroke_opacity=0.15,
            )  # fmt: skip
            content += svg_text(words(number), MARGIN_LEFT - 6, at + 4, "end")
        for number in ticks(self._first, self._last, 5):
            content += svg_text(to_digits(number), self.x(number), self.bottom + 14, "middle")
        content += svg_text(axis, self._width - self._right, self._height - 4, "end", "axis-title")
        return content + (
            svg_text(side, MARGIN_LEFT + 3, MARGIN_TOP - 1, "start", "axis-title") if side else Markup("")
        )
