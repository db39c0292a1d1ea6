"""Tells numbers that are written as people write them: with a unit, thousands separators, a decimal comma, or gaps."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

import pyarrow as pa

from millrace.init.columns import short
from millrace.tables.column_reading import plain_numbers
from millrace.tables.column_section import ColumnReading, Decimals

MOSTLY = 0.8
"""The share of rows from which on a column is one of numbers, with other texts between them."""
FEWEST = 20
"""A column of fewer different numbers is one of categories, unless each is a measure: `0,5 h`, `1,0 h`."""
_FEWEST_MEASURES = 3
# One letter behind a digit is as often the name of a thing, such as seat 3A.
_MEASURE = re.compile(r".*\d(?:[ \u00a0\u202f].+|[^\d\s.,]{2,})")
_CURRENCIES = (
    "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "zł", "kr", "kr.", "Kč", "R$", "US$", "A$", "C$", "S$", "Rs", "Rs.", "Fr.",
    "USD", "EUR", "GBP", "JPY", "INR", "CHF", "CAD", "AUD", "CNY", "SEK", "NOK", "DKK", "PLN", "BRL", "RUB",
)  # fmt: skip
_UNITS = (
    *_CURRENCIES, "%", "‰", "°", "°C", "°F", "° C", "° F", "C", "F", "K", "k", "kg", "g", "mg", "µg", "t", "lb", "lbs",
    "lbs.", "oz", "km", "m", "cm", "mm", "mi", "mile", "miles", "ft", "in", "yd", "sq ft", "sqft", "sq. ft", "sq. ft.",
    "ft2", "ft²", "m2", "m²", "sqm", "sq m", "ha", "acres", "m3", "m³", "l", "L", "ml", "mL", "cl", "gal", "cc", "km/h",
    "kmh", "kph", "mph", "m/s", "kmpl", "km/kg", "mpg", "kWh", "kW", "W", "MW", "hp", "HP", "bhp", "PS", "ps", "Nm",
    "V", "A", "mA", "mAh", "Hz", "kHz", "MHz", "GHz", "B", "kB", "KB", "MB", "GB", "TB", "s", "sec", "secs", "seconds",
    "ms", "min", "mins", "minutes", "h", "hr", "hrs", "hours", "d", "day", "days", "weeks", "months", "yr", "yrs",
    "year", "years", "pt", "pts", "points", "px", "ppm", "ppb", "dB", "bar", "hPa", "psi", "rpm", "kcal", "kJ", "cal",
    "inches", "MP", "mg/dl", "mg/dL", "mmHg", "bpm", "pcs", "units",
)  # fmt: skip
_AMOUNT = re.compile(
    r"\(?[-+\u2212]? ?(?P<before>[^\d\s.,'_+()\u2212-]+\.? ?)?[-+\u2212]?"
    r"(?P<digits>(?:\d[\d., '_\u00a0\u2009\u202f\u2019]*)?\d[.,]?|[.,]\d+)(?:[eE][-+]?\d+)?"
    r"[ \u00a0\u202f]?(?P<behind>[^\d\s.,'()_+-][^\d]{0,11}?)?\)?-?"
)
_CODE = re.compile(r"0\d")


@dataclass(frozen=True)
class Spelling:
    """How a column writes its numbers.

    Attributes:
        reading: how its cells are to be read.
        numbers: the number that each text is; texts that are none are not in it.
        others: rows of each text that is none, the most frequent first.
        both: the question, where a number could be read in two ways; else empty.
        rest: what becomes of the texts that are no numbers, with an example; empty where there are none.
    """

    reading: ColumnReading
    numbers: dict[str, str]
    others: dict[str, int]
    both: str
    rest: str

    @property
    def doubt(self) -> str:
        """What a person should decide."""
        return "; ".join(filter(None, (self.both, self.rest)))


def find_spelling(rows: Mapping[str, int], semicolons: bool) -> Optional[Spelling]:
    """Tells whether texts are numbers, and how these are written.

    Args:
        rows: rows of each distinct text, none of them missing.
        semicolons: whether semicolons delimit the cells of the file, as where commas stand before decimals.

    Returns:
        None where fewer than `MOSTLY` of the rows are numbers, these are few and not all of one unit, are written like
        codes (`007`), or have different units.
    """
    total = sum(rows.values())
    amounts = {text: amount for text in rows if (amount := _AMOUNT.fullmatch(text))}
    fewest = _FEWEST_MEASURES - 1 if len(amounts) == len(rows) and all(map(_MEASURE.fullmatch, rows)) else FEWEST
    if sum(rows[text] for text in amounts) < MOSTLY * total or len(amounts) <= fewest:
        return None
    if any(_CODE.match(amount["digits"]) for amount in amounts.values()):
        return None
    units: Counter[str] = Counter()
    for text, amount in amounts.items():
        units[((amount["before"] or "") or (amount["behind"] or "")).strip()] += rows[text]
    named = [unit for unit, _ in units.most_common() if unit]
    unit = next((unit for unit in named if unit in _UNITS), "") if units[""] < MOSTLY * total else ""
    texts = list(rows)
    read = {number: _read(texts, number, unit) for number in ("point", "comma")}
    shares = {
        number: sum(rows[text] for text, one in zip(texts, values, strict=True) if one is not None) / total
        for number, values in read.items()
    }
    number, rival = _decimals(texts, shares, read, semicolons)
    if shares[number] < MOSTLY:
        return None
    numbers = {text: one for text, one in zip(texts, read[number], strict=True) if one is not None}
    if len(set(numbers.values())) <= (fewest if unit and len(numbers) == len(rows) else FEWEST):
        return None
    others = {text: rows[text] for text in sorted(rows, key=lambda text: -rows[text]) if text not in numbers}
    reading = ColumnReading(number=number, unit=unit, others="missing" if others else "refuse")
    return Spelling(reading, numbers, others, _both(numbers, rival), _rest(others, total))


def _read(texts: list[str], number: Decimals, unit: str) -> list[Optional[str]]:
    return plain_numbers(pa.array(texts, pa.string()), number, unit).to_pylist()


def _decimals(
    texts: list[str], shares: Mapping[str, float], read: Mapping[str, list[Optional[str]]], semicolons: bool
) -> tuple[Decimals, dict[str, str]]:
    """What stands before the decimals, and what the numbers would be by the other reading, where that fits as well."""
    number: Decimals = "comma" if shares["comma"] > shares["point"] else "point"
    if shares["comma"] != shares["point"]:
        return number, {}
    other = {
        text: comma
        for text, point, comma in zip(texts, read["point"], read["comma"], strict=True)
        if point is not None and comma is not None and float(point) != float(comma)
    }
    if not other:
        return "point", {}
    # 1,234 is a thousand and more; 1.234 is one and a little; where semicolons delimit, commas are for decimals.
    if semicolons and any("," in text for text in other):
        points = zip(texts, read["point"], strict=True)
        return "comma", {text: point for text, point in points if text in other and point}
    return "point", other


def _both(numbers: Mapping[str, str], rival: Mapping[str, str]) -> str:
    if not rival:
        return ""
    text = min(rival, key=len)
    return f"{text} is read as {float(numbers[text]):.12g}, and could be {float(rival[text]):.12g}: which is it?"


def _rest(others: Mapping[str, int], total: int) -> str:
    if not others:
        return ""
    example = short(next(iter(others)))
    return f"{sum(others.values()) / total:.1%} are no numbers, such as {example}: these are read as missing"
