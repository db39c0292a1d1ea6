"""Tables whose truth is known: what each column is, how it is written, what is missing, and what gives the label away.

Nothing here is taken from init's rules: names, spellings and distributions are those of public tables, by hand.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Random = np.random.Generator
Cells = list[Any]

MEASURES = [
    "living_area", "loan_amount", "customer_income", "hours_per_week", "avg_speed", "distance_km", "engine_power",
    "store_revenue", "annual_premium", "bloodPressure", "petal width (cm)", "order_total", "unit_price", "item_weight",
    "days_since_signup", "account_balance", "fuelConsumption", "Temperature", "weekly_wage", "month_rent", "shop_sales",
    "user_rating_sum", "region_gdp", "class_average", "product_margin", "sqft_lot", "client_turnover", "group_size_m2",
    "MedInc", "ticket_price",
]  # fmt: skip
COUNTS = [
    "visits", "num_rooms", "bedrooms", "number_of_children", "items_sold", "cnt_orders", "children", "goals", "n_calls",
    "product_views", "customer_complaints", "prior_convictions", "Parch_total", "store_visits",
]  # fmt: skip
CODES = [
    "zip_code", "store_id", "dept_no", "product_code", "carrier_id", "census_tract", "region_code", "segment_id", "PLZ",
    "vendorId", "airport_id", "county_fips", "branch_code", "ProductCategoryId", "sales_district", "area_code",
]  # fmt: skip
KEYS = ["transaction_id", "PassengerId", "order_number", "customerId", "row_id", "record_key", "case_id", "invoice_no"]
CATEGORIES = [
    "colour",
    "job",
    "marital_status",
    "payment_type",
    "fuel",
    "species",
    "city",
    "cut",
    "workclass",
    "browser",
]
WORDS = {
    "colour": ["red", "green", "blue", "black"], "job": ["clerk", "nurse", "driver", "teacher", "retired"],
    "marital_status": ["single", "married", "divorced"], "payment_type": ["Cash", "Card", "No Charge", "Dispute"],
    "fuel": ["gas", "diesel", "none", "electric"], "species": ["Adelie", "Gentoo", "Chinstrap"],
    "city": [f"City {letter}" for letter in "ABCDEFGHIJKLMNOPQRST"], "cut": ["Fair", "Good", "Very Good", "Ideal"],
    "workclass": ["Private", "State-gov", "Never-worked"], "browser": ["firefox", "chrome", "unknown", "safari"],
}  # fmt: skip
PROSE = "the room was clean and staff friendly but breakfast cold we would come again late noisy view".split(" ")  # noqa: SIM905


@dataclass
class Truth:
    """What is right about a column.

    Attributes:
        kind: what it is, for the count of right decisions.
        features: kinds of feature that are right; none where it has to be left out.
        missing: rows that have no value; None where it is not asked.
        leak: whether it gives the label away: it is left out, or a person is asked.
        asked: whether a person has to be asked for another reason, or may be.
        next_value: a value that honest new rows may have, which the schema must let pass.
    """

    kind: str
    features: tuple[str, ...] = ()
    missing: Any = None
    leak: bool = False
    asked: bool = False
    next_value: Any = None


@dataclass
class Table:
    """Columns of cells as they stand in a file, and the truth about each."""

    cells: dict[str, Cells] = field(default_factory=dict)
    truths: dict[str, Truth] = field(default_factory=dict)
    delimiter: str = ","

    def add(self, name: str, cells: Any, truth: Truth) -> None:
        """Adds a column under a name that no other has."""
        while name in self.cells:
            name += "_2"
        self.cells[name], self.truths[name] = list(cells), truth


def number(random: Random, rows: int) -> np.ndarray:
    """Numbers from one of several distributions."""
    draw: list[Callable[[], np.ndarray]] = [
        lambda: random.normal(random.uniform(-50, 500), random.uniform(1, 80), rows).round(2),
        lambda: random.lognormal(random.uniform(1, 8), random.uniform(0.3, 1.4), rows).round(2),
        lambda: random.integers(0, int(random.integers(400, 90_000)), rows),
        lambda: random.uniform(0, 1, rows).round(4),
        lambda: random.gamma(2, 1_500, rows).round(),
        lambda: np.where(random.random(rows) < 0.6, 0, random.gamma(1, 300, rows)).round(2),
    ]
    return draw[int(random.integers(len(draw)))]()


def plain(value: Any) -> str:
    """A number without what only Python writes."""
    return f"{value:.10g}"


def add_number(table: Table, random: Random, rows: int) -> None:
    values = number(random, rows)
    table.add(str(random.choice(MEASURES)), map(plain, values), Truth("number", ("numeric",), 0))


def add_spelled(table: Table, random: Random, rows: int) -> None:
    values = random.lognormal(7, 1.2, rows).round(2)
    european = str.maketrans(",.", ".,")
    spellings: list[Callable[[float], str]] = [
        lambda value: f"${value:,.2f}",
        lambda value: f"{value / 300:.1f}%",
        lambda value: f"{value:,.2f}",
        lambda value: f"{value:,.2f} €".translate(european),
        lambda value: f"{value:.2f}".replace(".", ","),
        lambda value: f"{value:.0f} km",
        lambda value: f"{value:,.1f} kg".replace(",", " "),
        lambda value: f"USD {value:,.0f}",
        lambda value: f"({value:.2f})" if value < 700 else f"{value:.2f}",
        lambda value: f"{value / 9:.1f} °C",
        lambda value: f"£{value:.2f}",
        lambda value: f"{value:,.2f}".replace(",", "'"),
    ]
    write = spellings[int(random.integers(len(spellings)))]
    cells, missing = with_gaps([write(value) for value in values], random, ["", "-", "n/a"])
    table.add(str(random.choice(MEASURES)), cells, Truth("spelled number", ("numeric",), missing))


def add_mostly_numbers(table: Table, random: Random, rows: int) -> None:
    values = random.integers(500, 4_000, rows)
    odd = random.random(rows) < random.uniform(0.01, 0.1)
    other = [f"{one} - {one + 700}" if random.random() < 0.7 else f"{one}Sq. Meter" for one in values]
    cells = [text if there else plain(one) for text, there, one in zip(other, odd, values, strict=True)]
    truth = Truth("mostly numbers", ("numeric",), int(odd.sum()), asked=bool(odd.any()))
    table.add(str(random.choice(["total_sqft", "size", "range", "mileage"])), cells, truth)


def add_sentinel(table: Table, random: Random, rows: int) -> None:
    values = random.normal(20, 6, rows).round(1) if random.random() < 0.5 else random.integers(1, 90, rows)
    sentinel = int(random.choice([-999, -200, 9999, -9999, 99999, -99]))
    gone = random.random(rows) < random.uniform(0.02, 0.3)
    cells = [plain(sentinel if there else value) for there, value in zip(gone, values, strict=True)]
    name = str(random.choice(["Temperature", "humidity", "CO(GT)", "wind_speed", "income", "last_contact_days"]))
    table.add(name, cells, Truth("sentinel", ("numeric",), int(gone.sum()), asked=True))


def add_count(table: Table, random: Random, rows: int) -> None:
    top = int(random.integers(8, 22))
    values = np.minimum(random.geometric(random.uniform(0.15, 0.5), rows) - 1, top)
    truth = Truth("count", ("numeric",), 0, next_value=top + 1)
    table.add(str(random.choice(COUNTS)), map(plain, values), truth)


def add_year(table: Table, random: Random, rows: int) -> None:
    values = random.integers(1990, 2025, rows)
    name = str(random.choice(["model_year", "year", "yr_built", "GraduationYear"]))
    table.add(name, map(plain, values), Truth("year", ("numeric",), 0, next_value=2026))


def add_calendar(table: Table, random: Random, rows: int) -> None:
    name, low, high = [("month", 1, 12), ("hour", 0, 23), ("weekday", 0, 6), ("day_of_week", 1, 7), ("quarter", 1, 4)][
        int(random.integers(5))
    ]
    truth = Truth("calendar", ("categorical",), 0, next_value=high)
    table.add(name, map(plain, random.integers(low, high + 1, rows)), truth)


def add_code(table: Table, random: Random, rows: int) -> None:
    pool = random.choice(np.arange(1_000, 99_999), int(random.integers(25, 60)), replace=False)
    truth = Truth("code", ("categorical", "hashed"), 0, next_value=99_999)
    table.add(str(random.choice(CODES)), map(plain, random.choice(pool, rows)), truth)


def add_key(table: Table, random: Random, rows: int) -> None:
    keys: list[Cells] = [
        list(range(1, rows + 1)),
        list(random.choice(10**9, rows, replace=False)),
        [f"{place:032x}" for place in random.choice(2**62, rows, replace=False)],
        [f"user{place}@example.org" for place in random.choice(10**6, rows, replace=False)],
        [f"INV-{place}" for place in random.choice(10**6, rows, replace=False)],
    ]
    table.add(str(random.choice(KEYS)), keys[int(random.integers(len(keys)))], Truth("key"))


def add_index(table: Table, random: Random, rows: int) -> None:
    values = np.sort(random.choice(rows * 9, rows, replace=False))
    table.add(str(random.choice(["Unnamed: 0", "index", ""])), values, Truth("index"))


def add_category(table: Table, random: Random, rows: int) -> None:
    name = str(random.choice(CATEGORIES))
    cells, missing = with_gaps(list(random.choice(WORDS[name], rows)), random, ["", "?", "NA"])
    table.add(name, cells, Truth("category", ("categorical",), missing))


def add_flag(table: Table, random: Random, rows: int) -> None:
    pair = [("yes", "no"), ("Y", "N"), ("True", "False"), ("1", "0"), ("t", "f")][int(random.integers(5))]
    name = str(random.choice(["smoker", "is_member", "housing", "active"]))
    table.add(name, random.choice(pair, rows), Truth("flag", ("categorical",), 0))


def add_level(table: Table, random: Random, rows: int) -> None:
    values = random.integers(1, int(random.integers(4, 9)), rows)
    name = str(random.choice(["grade", "satisfaction", "education_level", "condition"]))
    table.add(name, map(plain, values), Truth("level", ("categorical", "numeric"), 0))


def add_date(table: Table, random: Random, rows: int) -> None:
    start = datetime.datetime(2015, 1, 1)
    formats = [
        "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d %H:%M:%S", "%b-%Y", "%d %b %Y", "%B %d, %Y", "%Y/%m/%d %H:%M",
        "%d-%b-%y", "%Y-%m", "%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M:%S", "%B %Y", "%Y%m%d", "%d%b%Y",
    ]  # fmt: skip
    form = formats[int(random.integers(len(formats)))]
    moments = [start + datetime.timedelta(minutes=int(one)) for one in random.integers(0, 4_000_000, rows)]
    cells, missing = with_gaps([moment.strftime(form) for moment in moments], random, ["", "NA"])
    name = str(random.choice(["opened_date", "date", "issue_date", "timestamp_of_sale"]))
    table.add(name, cells, Truth("date", ("datetime",), missing))


def add_text(table: Table, random: Random, rows: int) -> None:
    cells = [" ".join(random.choice(PROSE, int(random.integers(5, 14)))) for _ in range(rows)]
    table.add(str(random.choice(["review", "comment", "description"])), cells, Truth("text", ("text",), 0))


def add_constant(table: Table, random: Random, rows: int) -> None:
    table.add("version", [str(random.choice(["1", "A", "2031"]))] * rows, Truth("constant"))


def add_names(table: Table, random: Random, rows: int) -> None:
    pool = [f"{first}{last}" for first in ("Ann", "Bo", "Cy", "Di", "Ed", "Flo") for last in range(rows)]
    table.add(str(random.choice(["name", "owner"])), random.choice(pool, rows), Truth("names"))


def add_unnamed_number(table: Table, random: Random, rows: int) -> None:
    """A name that says nothing."""
    name = str(random.choice(["x1", "v_17", "field3", "A4", "attr", "Var_9", "c"]))
    table.add(name, map(plain, number(random, rows)), Truth("number without a name", ("numeric",), 0))


def add_two_readings(table: Table, random: Random, rows: int) -> None:
    """`1,234`: a thousand and more, or one and a little."""
    cells = [f"{value:,}" for value in random.integers(1_000, 90_000, rows)]
    table.add(str(random.choice(MEASURES)), cells, Truth("two readings", ("numeric",), 0, asked=True))


def add_bag(table: Table, random: Random, rows: int) -> None:
    genres = ["Action", "Comedy", "Drama", "Sci-Fi", "War", "Film Noir", "Romance"]
    cells = ["|".join(random.choice(genres, int(random.integers(1, 5)), replace=False)) for _ in range(rows)]
    table.add(str(random.choice(["genres", "tags", "amenities"])), cells, Truth("bag", ("bag",), 0))


def add_clock(table: Table, random: Random, rows: int) -> None:
    cells = [f"{hour:02}:{minute:02}" for hour, minute in random.integers(0, (24, 60), (rows, 2))]
    table.add(str(random.choice(["pickup_time", "start", "opens"])), cells, Truth("time of day", ("datetime",), 0))


def add_moment(table: Table, random: Random, rows: int) -> None:
    scale = int(random.choice([1, 1000]))
    cells = random.integers(1_400_000_000, 1_700_000_000, rows) * scale
    name = str(random.choice(["created_at", "timestamp", "last_update_time"]))
    table.add(name, cells, Truth("unix time", ("datetime",), 0))


def add_coded_text(table: Table, random: Random, rows: int) -> None:
    pool = [f"{letter}{digit}" for letter in "ABCDE" for digit in range(1, 9)]
    table.add(
        str(random.choice(["cabin_class", "grade_code", "plan"])),
        random.choice(pool, rows),
        Truth("coded text", ("categorical",), 0),
    )


def add_float_flag(table: Table, random: Random, rows: int) -> None:
    table.add(
        str(random.choice(["censored", "owner_occupied"])),
        random.choice(["0.0", "1.0"], rows),
        Truth("flag", ("categorical",), 0),
    )


def add_large_amount(table: Table, random: Random, rows: int) -> None:
    """Unique, whole, and of ten digits and more: no key."""
    cells = random.lognormal(23, 1, rows).round().astype(np.int64)
    table.add(
        str(random.choice(["market_cap", "gdp", "total_assets", "population"])),
        cells,
        Truth("large amount", ("numeric",), 0),
    )


def add_top_code(table: Table, random: Random, rows: int) -> None:
    """The last value of a scale is no sentinel."""
    cells = np.minimum(random.gamma(3, 22, rows).round(), 99)
    table.add(
        str(random.choice(["score", "age", "percentile"])), map(plain, cells), Truth("end of a scale", ("numeric",), 0)
    )


def add_gapped_number(table: Table, random: Random, rows: int) -> None:
    """Plain numbers with what people write for nothing."""
    values = [plain(value) for value in random.normal(50, 9, rows).round(1)]
    cells, missing = with_gaps(values, random, ["", ".", "none", "unknown", "NULL", "--", "k. A.", "not measured"])
    table.add(str(random.choice(MEASURES)), cells, Truth("number with gaps", ("numeric",), missing))


def add_unknown_word(table: Table, random: Random, rows: int) -> None:
    """Among words, `unknown` and `none` are words."""
    cells = random.choice(["unknown", "none", "basement", "garage"], rows)
    table.add(str(random.choice(["parking", "storage"])), cells, Truth("category", ("categorical",), 0))


def add_steps(table: Table, random: Random, rows: int) -> None:
    """Small amounts, whole, in steps: memory, doses, cylinders."""
    cells = random.choice([2, 4, 8, 16, 32, 64], rows)
    truth = Truth("steps", ("numeric", "categorical"), 0, next_value=128)
    table.add(str(random.choice(["ram_gb", "dose_mg", "cylinders"])), cells, truth)


def with_gaps(cells: Cells, random: Random, spellings: list[str]) -> tuple[Cells, int]:
    """Some cells, or none, in one spelling of nothing."""
    if random.random() < 0.5:
        return cells, 0
    spelling = str(random.choice(spellings))
    gone = random.random(len(cells)) < random.uniform(0.02, 0.4)
    return [spelling if there else cell for there, cell in zip(gone, cells, strict=True)], int(gone.sum())


COLUMNS = (
    add_number, add_number, add_spelled, add_mostly_numbers, add_sentinel, add_count, add_year, add_calendar, add_code,
    add_key, add_index, add_category, add_category, add_flag, add_level, add_date, add_text, add_constant, add_names,
    add_unnamed_number, add_two_readings, add_bag, add_clock, add_moment, add_coded_text, add_float_flag,
    add_large_amount, add_top_code, add_gapped_number, add_unknown_word, add_steps,
)  # fmt: skip


def add_label(table: Table, random: Random, rows: int) -> None:
    """The label `y`, and perhaps a column that gives it away."""
    task = ["binary", "multiclass", "regression"][int(random.integers(3))]
    leaks = random.random() < 0.5
    if task == "regression":
        y = random.gamma(3, 20, rows).round(2)
        other, more = random.gamma(2, 30, rows).round(2), random.choice([0.0, 2.5, 5.0], rows)
        honest = (y * random.uniform(0.4, 1.4, rows)).round(2)
        table.add("earlier_amount", map(plain, honest), Truth("honest beside a leak", ("numeric",), 0))
        if leaks and random.random() < 0.5:
            table.add("base_fee", map(plain, other), Truth("leak: a sum", ("numeric",), 0, leak=True))
            table.add("grand_total", map(plain, (y + other).round(2)), Truth("leak: a sum", ("numeric",), 0, leak=True))
        elif leaks:
            table.add("in_cents", map(plain, (y * 100).round()), Truth("leak: a copy", leak=True))
        table.add("surcharge", map(plain, more), Truth("honest beside a leak", ("numeric", "categorical"), 0))
    else:
        classes = ["no", "yes"] if task == "binary" else ["paid", "late", "lost"]
        y = random.choice(classes, rows, p=[0.7, 0.3] if task == "binary" else [0.6, 0.25, 0.15])
        last = y == classes[-1]
        shifted = random.normal(size=rows).round(3) + 0.8 * last
        table.add("score_before", map(plain, shifted), Truth("honest beside a leak", ("numeric",), 0))
        how = int(random.integers(4)) if leaks else -1
        if how == 0:
            table.add(
                "outcome_code",
                [{one: at + 3 for at, one in enumerate(classes)}[one] for one in y],
                Truth("leak: a copy", leak=True),
            )
        if how == 1:
            closed = [f"2031-{one % 12 + 1:02}-{one % 28 + 1:02}" if there else "" for one, there in enumerate(last)]
            table.add("closed_on", closed, Truth("leak: filled for one class", leak=True))
        if how == 2:
            amounts = np.where(last & (random.random(rows) < 0.8), random.uniform(5, 900, rows).round(2), 0)
            table.add("recovered", map(plain, amounts), Truth("leak: one class", ("numeric",), 0, leak=True))
        if how == 3:
            near = np.where(random.random(rows) < 0.004, classes[0], y)
            table.add("final_state", [f"is {one}" for one in near], Truth("leak: a copy", leak=True))
    table.add("y", map(str, y), Truth(f"label: {task}"))


def generated(seed: int) -> Table:
    """The table of a seed: ten to fourteen columns and a label, 300 to 900 rows."""
    random = np.random.default_rng(seed)
    rows = int(random.integers(300, 900))
    table = Table(delimiter=[",", ";", "\t"][int(random.integers(3))])
    for place in random.choice(len(COLUMNS), int(random.integers(10, 15)), replace=False):
        COLUMNS[place](table, random, rows)
    add_label(table, random, rows)
    return table
