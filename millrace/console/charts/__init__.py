"""Small charts as SVG, drawn on the server: text that a page, a report or a notebook can hold as it is.

Each is `role="img"` with a title that says in words what is drawn; it shows when the mouse rests on it. Nothing needs a
script or a style attribute, which the console's policy forbids: colours come from classes, and without any style sheet
everything is drawn in the text's own colour. Whatever comes from data is escaped, and letters that cannot be seen are
spelled out.

Axes of counts and shares begin at zero, those of metrics never do. Charts below each other in a column are given the
same scale by whoever draws the column.
"""

from millrace.console.charts.bars import distribution, histogram, share_bar
from millrace.console.charts.curves import calibration, learning_curves
from millrace.console.charts.marks import metric_mark, sparkline
from millrace.console.charts.matrix import confusion_matrix
from millrace.console.charts.scales import Interval, scale_of, ticks

__all__ = [
    "Interval",
    "calibration",
    "confusion_matrix",
    "distribution",
    "histogram",
    "learning_curves",
    "metric_mark",
    "scale_of",
    "share_bar",
    "sparkline",
    "ticks",
]
