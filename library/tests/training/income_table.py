"""One small table for three tasks: odd column names, missing values, every kind of feature."""

from collections.abc import Mapping
from typing import Any

import numpy as np

FEATURES = {
    "hours-per-week": {"kind": "numeric", "indicator": True},
    "3rd age": {"kind": "bucketized", "buckets": 4},
    "Färbung": {"kind": "categorical"},
    "user": {"kind": "hashed", "buckets": 20, "encode": "embedding", "dimension": 3},
    "both": {"kind": "crossed", "of": ["3rd age", "Färbung"], "buckets": 20},
    "pixels": {"kind": "vector", "length": 2},
    "words": {"kind": "text", "max_tokens": 5, "dimension": 4},
    "required": {"kind": "numeric"},
}
SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} {more} }}\n'
    for name, kind, more in [
        ("hours-per-week", "FLOAT", ""),
        ("3rd age", "INT", ""),
        ("Färbung", "BYTES", ""),
        ("user", "INT", ""),
        ("pixels", "FLOAT", ""),
        ("words", "BYTES", ""),
        ("required", "INT", "presence { min_fraction: 1 } shape {}"),
        ("identifier", "BYTES", ""),
    ]
)
LABELS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "binary": (
        {"column": "income band", "task": "binary", "classes": ["<=50K", ">50K"]},
        'feature { name: "income band" type: BYTES }',
    ),
    "multiclass": (
        {"column": "income band", "task": "multiclass", "classes": ["low", "mid", "high"]},
        'feature { name: "income band" type: BYTES presence { min_fraction: 1 } shape {} }',
    ),
    "regression": ({"column": "income band", "task": "regression"}, 'feature { name: "income band" type: INT }'),
}
COLOURS = ("rot", "grün", "blau")


def rows(task: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Rows whose label follows from `hours-per-week` and `Färbung`, some values missing."""
    random = np.random.default_rng(seed)
    made: list[dict[str, Any]] = []
    for i in range(count):
        hours, colour = float(random.normal(40, 10)), int(random.integers(3))
        score = (hours - 40) / 10 + colour - 1
        label: Any = 50_000 + int(20_000 * score)
        if task == "binary":
            label = " >50K" if score > 0 else "<=50K "
        elif task == "multiclass":
            label = "low" if score < -0.7 else "mid" if score < 0.7 else "high"
        row = {
            "hours-per-week": hours,
            "3rd age": int(random.integers(18, 80)),
            "Färbung": COLOURS[colour],
            "user": int(random.integers(50)),
            "pixels": [float(random.normal()), 1.0],
            "words": f"the {COLOURS[colour]} one",
            "identifier": f"row {i}",
            "required": i % 5,
            "income band": label,
        }
        for name in ("3rd age", "user", "pixels", "words"):
            if random.random() < 0.1:
                del row[name]
        made.append(row)
    return made
