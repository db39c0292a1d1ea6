"""Anyone's table: `millrace init`, then `millrace run`, through the real command, to a model that beats no model."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

# What the first page of the documentation says is tried of one table on every change.
pytestmark = [pytest.mark.slow, pytest.mark.thorough]


def income(rows: int = 3000) -> pd.DataFrame:
    """Who earns much: by age, training and hours, in a table that was exported in a hurry."""
    random = np.random.default_rng(4)
    age, hours = random.integers(18, 70, rows), random.normal(40, 8, rows).round(1)
    training = random.choice([" HS-grad", " Bachelors", " Masters", " ?"], rows, p=[0.5, 0.3, 0.15, 0.05])
    joined = [datetime.date(2015, 1, 1) + datetime.timedelta(days=int(days)) for days in random.integers(0, 3000, rows)]
    tenure = np.array([2023 - day.year for day in joined])
    score = age / 20 + hours / 10 + 3 * (training == " Masters") + tenure / 3 + random.normal(0, 1, rows)
    much = score > np.quantile(score, 0.7)
    return pd.DataFrame(
        {
            "row": range(rows),
            "age": age,
            "hours-per-week": np.where(random.random(rows) < 0.1, "?", hours.astype(str)),
            "Größe": random.choice([" groß", " klein"], rows),
            "2nd training": training,
            "joined": joined,
            "source": "export",
            "rich": np.where(much, "rich", "poor"),
            "income": np.where(much, " >50K", " <=50K"),
        }
    )


def wine() -> pd.DataFrame:
    """178 wines of three growers."""
    found = load_wine(as_frame=True)
    return found.data.assign(grower=found.target.map(dict(enumerate(found.target_names))))


def diabetes() -> pd.DataFrame:
    """How far diabetes went on in 442 patients."""
    return load_diabetes(as_frame=True, scaled=False).frame


def run_of(project, name: str) -> dict:
    """The newest run of a pipeline."""
    finished = project.millrace("runs", "-c", f"conf/{name}.yaml", "--json")
    assert finished.code == 0, finished.output
    return json.loads(finished.output)[-1]


@pytest.mark.parametrize(
    ("name", "table", "label", "delimiter", "metric", "better"),
    [
        ("income", income, "income", ";", "auc", lambda value: value > 0.75),
        ("wine", wine, "grower", ",", "sparse_categorical_accuracy", lambda value: value > 0.75),
        ("diabetes", diabetes, "target", "\t", "root_mean_squared_error", lambda value: value < 70.0),
    ],
)
def test_init_then_run_blesses_a_model_that_beats_the_baseline(project, name, table, label, delimiter, metric, better):
    table().to_csv(project.folder / f"{name}.csv", sep=delimiter, index=False)
    told = project.millrace("init", f"{name}.csv", "--label", label)
    assert told.code == 0, told.output
    finished = project.millrace("run", "-c", f"conf/{name}.yaml")
    assert finished.code == 0, finished.output
    run = run_of(project, name)
    assert run["blessed"], run
    assert run["infra_blessed"], run
    assert better(run["metrics"][metric]), run["metrics"]
    assert list((project.folder / "runs" / name / "serving" / name).iterdir())


def odd_table(rows: int = 600) -> pd.DataFrame:
    """Every kind of column that init knows, with gaps, in the types that Parquet has."""
    random = np.random.default_rng(7)
    some = random.random(rows) < 0.4
    table = pd.DataFrame(
        {
            "flag": random.random(rows) < 0.5,
            "zero or more": random.poisson(2, rows),
            "gaps": np.where(some, np.nan, random.normal(size=rows)),
            "word": np.where(some, None, random.choice(["a", "b", "ü"], rows)),
            "when": pd.Timestamp("2031-01-01") + pd.to_timedelta(random.integers(0, 10**7, rows), "s"),
            "day": [datetime.date(2031, 1, 1) + datetime.timedelta(days=int(d)) for d in random.integers(0, 99, rows)],
            "points": list(random.normal(size=(rows, 3))),
            "hole": pd.Series([None] * rows, dtype="float64"),
            "documents": [" ".join(random.choice(["good", "bad", "film", "plot", "very"], 7)) for _ in range(rows)],
            "key": [f"key {i}" for i in range(rows)],
        }
    )
    score = table["zero or more"] + 2 * table["flag"] + random.normal(size=rows)
    return table.assign(y=(score > 3).astype(int))


def test_every_kind_of_column_passes_its_own_contract_and_reaches_a_served_model(project):
    odd_table().to_parquet(project.folder / "odd.parquet")
    told = project.millrace("init", "odd.parquet", "--label", "y")
    assert told.code == 0, told.output
    finished = project.millrace("run", "-c", "conf/odd.yaml")
    assert finished.code == 0, finished.output
    assert run_of(project, "odd")["infra_blessed"]
