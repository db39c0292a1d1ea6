"""Colours can be read in light and in dark: WCAG 2.2's contrast of text is 4.5, and of what is no text 3."""

import re

import pytest

from millrace.console.render import FOLDER

CSS = (FOLDER / "static/console.css").read_text()
GROUNDS = ("ground", "sheet", "raised")
TEXTS = ("ink", "soft", "accent", "good", "bad", "warn", "calm", "off")
PAIRS = [
    *((text, ground) for text in TEXTS for ground in GROUNDS),
    *((text, ground) for text in ("ink", "soft", "bad") for ground in ("bad-ground",)),
    *((text, ground) for text in ("ink", "soft", "warn") for ground in ("warn-ground",)),
    ("ink", "accent-ground"),
    ("accent", "accent-ground"),
    *(("on-fill", fill) for fill in ("accent", "good", "bad", "warn")),
]


def themes() -> dict[str, dict[str, str]]:
    """The colours by name; what the dark theme does not name is as in the light one."""
    light, dark = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{.*?\}", CSS, re.S)
    ]
    return {"light": light, "dark": {**light, **dark}}


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_is_wcags():
    assert contrast("#000000", "#ffffff") == pytest.approx(21) and contrast("#777777", "#ffffff") == pytest.approx(
        4.48, abs=0.01
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read_on_its_ground(theme):
    colours = themes()[theme]
    weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in PAIRS}
    assert {pair: value for pair, value in weak.items() if value < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_and_marks_stand_out(theme):
    colours = themes()[theme]
    for mark in ("one", "two", "accent", "bad"):
        assert contrast(colours[mark], colours["sheet"]) >= 3, mark
