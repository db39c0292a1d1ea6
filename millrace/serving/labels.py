"""Labels that come after the answers: joined by the request's id with the version that answered and what it said."""

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

from millrace.base.errors import BadInput, DataError
from millrace.base.names import did_you_mean
from millrace.base.numbers import counted
from millrace.serving import access_log
from millrace.serving.logged_decisions import class_name, logged_decisions
from millrace.serving.sequential import Tally

_TABLE = """
CREATE TABLE IF NOT EXISTS label (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    wrong REAL NOT NULL,
    answered REAL NOT NULL,
    class_id INTEGER,
    scores TEXT
)
"""
# The controller asks every second how many there are.
_INDEX = "CREATE INDEX IF NOT EXISTS label_answered ON label (answered, version)"
_CORRECTIONS = (
    "CREATE TABLE IF NOT EXISTS correction (number INTEGER PRIMARY KEY AUTOINCREMENT, labels INTEGER NOT NULL)"
)
_LOCK_SECONDS = 10.0
_SHOWN = 3


@dataclass(frozen=True)
class Added:
    """What was added, corrected or taken away.

    Args:
        labels: how many.
        by_version: the mean of how wrong each version was by them, and their number.
    """

    labels: int
    by_version: Mapping[int, tuple[float, int]]


@dataclass(frozen=True)
class Labelled:
    """A request whose label came.

    Args:
        version: which answered.
        answered: when, seconds since the epoch.
        wrong: how wrong the answer was, from 0 to 1.
        class_id: of the label; None where it is not known, as of a reward.
        scores: the probabilities that were answered, where there is a class id.
    """

    version: int
    answered: float
    wrong: float
    class_id: Optional[int] = None
    scores: tuple[float, ...] = ()


class LabelStore:
    """The labels of one pipeline.

    Args:
        file: an SQLite file, which is made.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, labelled: Mapping[str, Labelled]) -> None:
        """Adds labels, all or none.

        Args:
            labelled: by request.

        Raises:
            BadInput: some of the requests have one already.
        """
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            known = list(_known(connection, labelled))
            if known:
                raise BadInput(
                    f"{len(known)} of {len(labelled)} requests have a label already: {_first(known)}; "
                    "nothing was added",
                    remedy="take these rows out; millrace labels replace corrects labels",
                )
            connection.executemany(
                "INSERT INTO label (request_id, version, wrong, answered, class_id, scores) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (name, one.version, one.wrong, one.answered, one.class_id, json.dumps(one.scores))
                    for name, one in labelled.items()
                ],
            )

    def replace(self, labelled: Mapping[str, Labelled]) -> None:
        """Puts labels in the place of those that the requests have, all or none.

        Args:
            labelled: by request.

        Raises:
            BadInput: some of the requests have none.
        """
        with self._correcting(labelled) as connection:
            connection.executemany(
                "UPDATE label SET version = ?, wrong = ?, answered = ?, class_id = ?, scores = ? WHERE request_id = ?",
                [
                    (one.version, one.wrong, one.answered, one.class_id, json.dumps(one.scores), name)
                    for name, one in labelled.items()
                ],
            )

    def remove(self, names: Collection[str]) -> None:
        """Takes labels away, all or none; the requests may be labelled again.

        Args:
            names: of the requests.

        Raises:
            BadInput: some of the requests have none.
        """
        with self._correcting(names) as connection:
            connection.executemany("DELETE FROM label WHERE request_id = ?", [(name,) for name in names])

    def corrections(self) -> int:
        """How often labels were replaced or removed."""
        if not self._file.exists():
            return 0
        with self._open() as connection:
            return int(connection.execute("SELECT COALESCE(MAX(number), 0) FROM correction").fetchone()[0])

    def labels(self) -> dict[str, Labelled]:
        """The labels by request, in the order in which they came."""
        return self._labels("")

    def of_version(self, version: int, since: float, until: float) -> dict[str, Labelled]:
        """The labels of what a version answered in a span of time, by request.

        Args:
            version: which answered.
            since: seconds since the epoch.
            until: the first moment after it.
        """
        return self._labels("WHERE answered >= ? AND answered < ? AND version = ?", since, until, version)

    def _labels(self, where: str, *values: float) -> dict[str, Labelled]:
        if not self._file.exists():
            return {}
        query = f"SELECT request_id, version, answered, wrong, class_id, scores FROM label {where} ORDER BY number"
        with self._open() as connection:
            rows = connection.execute(query, values).fetchall()
        return {
            name: Labelled(version, answered, wrong, class_id, tuple(json.loads(scores or "[]")))
            for name, version, answered, wrong, class_id, scores in rows
        }

    def since(self, number: int, most: Optional[int] = None) -> tuple[dict[int, Tally], int]:
        """How wrong answers were, by the labels after one.

        Args:
            number: the place of the last label that is known, 0 for all.
            most: so many labels at most; None for all.

        Returns:
            The tally of each version, and the place of the last label.
        """
        if not self._file.exists():
            return {}, number
        tallies: dict[int, Counter] = {}
        query = "SELECT number, version, wrong FROM label WHERE number > ? ORDER BY number LIMIT ?"
        with self._open() as connection:
            labels = connection.execute(query, (number, -1 if most is None else most)).fetchall()
        for _, version, wrong in labels:
            tallies.setdefault(version, Counter())[wrong] += 1
        return dict(tallies), labels[-1][0] if labels else number

    def labelled(self, answered_since: float) -> dict[int, int]:
        """How many of each version's answers have a label.

        Args:
            answered_since: seconds since the epoch; earlier answers are left out.
        """
        if not self._file.exists():
            return {}
        query = "SELECT version, COUNT(*) FROM label WHERE answered >= ? GROUP BY version"
        with self._open() as connection:
            return dict(connection.execute(query, (answered_since,)).fetchall())

    def scored(self, version: int, answered_since: float) -> tuple[list[int], list[list[float]]]:
        """The labels of a version whose answers said probabilities.

        Args:
            version: which answered.
            answered_since: seconds since the epoch; earlier answers are left out.

        Returns:
            Class ids, and the probabilities beside each.
        """
        if not self._file.exists():
            return [], []
        query = "SELECT class_id, scores FROM label WHERE version = ? AND answered >= ? AND class_id IS NOT NULL"
        with self._open() as connection:
            rows = connection.execute(query, (version, answered_since)).fetchall()
        return [class_id for class_id, _ in rows], [json.loads(scores) for _, scores in rows]

    @contextmanager
    def _correcting(self, names: Collection[str]) -> Iterator[sqlite3.Connection]:
        """One change of labels that all are there, which is counted with it."""
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            known = set(_known(connection, names))
            unknown = [name for name in names if name not in known]
            if unknown:
                raise BadInput(
                    f"{len(unknown)} of {len(names)} requests have no label: {_first(unknown)}; nothing has changed",
                    remedy="take these rows out; millrace labels list shows what there is",
                )
            yield connection
            connection.execute("INSERT INTO correction (labels) VALUES (?)", (len(names),))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self._file, timeout=_LOCK_SECONDS, isolation_level=None)) as connection:
                connection.execute(_TABLE)
                connection.execute(_INDEX)
                connection.execute(_CORRECTIONS)
                yield connection
        except sqlite3.Error as error:
            raise BadInput(
                f"cannot be used: {error}", str(self._file), "see that it is yours and that its disk has space left"
            ) from error


def _known(connection: sqlite3.Connection, names: Iterable[str]) -> Iterator[str]:
    """Those of the requests that have a label."""
    query = "SELECT 1 FROM label WHERE request_id = ?"
    return (name for name in names if connection.execute(query, (name,)).fetchone())


def add_labels(
    store: LabelStore,
    table: Path,
    key: str,
    label: str,
    reward: Optional[str],
    access: Path,
    requests: Path,
    classes: tuple[str, ...] = (),
    output: str = "",
    replaces: bool = False,
) -> Added:
    """Adds what a table says about requests, or puts it in the place of what was said.

    Args:
        store: where labels are kept.
        table: CSV, Parquet, or JSON lines, by its name.
        key: its column with the requests' ids.
        label: its column with what was right; not read where there is a reward.
        reward: its column with how good the answer was, from 0 to 1; None where labels are compared.
        access: the folder of the gateway's access log, which says who answered.
        requests: the folder of the log of requests, which says what was answered.
        classes: those that a label may be; none where any is taken as it stands.
        output: the name of the model's output that predicts the label; empty where it has one alone.
        replaces: whether all of them have a label, which is corrected; else none of them has.

    Returns:
        What was added.

    Raises:
        DataError: the table cannot be read, lacks a column, names a request twice or has values that are none.
        BadInput: no log knows some of the requests, or some have a label already, or none; nothing has changed.
    """
    rows = _rows(table, key, reward or label, is_class=not reward)
    answers = _answers(rows, access)
    if reward:
        labelled = _by_reward(table, reward, rows, answers)
    else:
        labelled = _by_label(table, rows, requests, answers, classes, output)
    _require_known(rows, labelled, "the log of requests")
    if replaces:
        store.replace(labelled)
    else:
        store.add(labelled)
    return summary(labelled.values())


def remove_labels(store: LabelStore, table: Path, key: str) -> Added:
    """Takes the labels of requests away.

    Args:
        store: where labels are kept.
        table: CSV, Parquet, or JSON lines, by its name.
        key: its column with the requests' ids.

    Returns:
        What was taken away.

    Raises:
        DataError: the table cannot be read, lacks the column, or names a request twice.
        BadInput: some of the requests have no label; nothing has changed.
    """
    names, labelled = _rows(table, key, key, is_class=True), store.labels()
    store.remove(names)
    return summary(labelled[name] for name in names if name in labelled)


def summary(labelled: Iterable[Labelled]) -> Added:
    """How many labels these are, and how wrong each version was by them."""
    sums: dict[int, tuple[float, int]] = {}
    for one in labelled:
        total, number = sums.get(one.version, (0.0, 0))
        sums[one.version] = total + one.wrong, number + 1
    by_version = {version: (total / number, number) for version, (total, number) in sorted(sums.items())}
    return Added(sum(number for _, number in sums.values()), by_version)


def _rows(table: Path, key: str, value: str, is_class: bool) -> dict[str, Any]:
    import pyarrow as pa

    read = _read(table, (key, value) if is_class else (key,))
    for column in (key, value):
        if column not in read.column_names:
            raise DataError(
                f"there is no column {column}{did_you_mean(column, read.column_names)}",
                where=str(table),
                remedy=f"name one of: {', '.join(read.column_names)}",
            )
    names = read.column(key).cast(pa.string()).to_pylist()
    values = read.column(value).to_pylist()
    empty = next((at for at, pair in enumerate(zip(names, values, strict=True), 1) if None in pair or "" in pair), None)
    if empty:
        columns = ", or no ".join(dict.fromkeys((key, value)))
        raise DataError(f"row {empty} has no {columns}", where=str(table), remedy="take such rows out")
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise DataError(
            f"{counted(len(twice), 'request')} in several rows: {_first(twice)}; nothing was added",
            where=str(table),
            remedy="leave one row for each request",
        )
    return dict(zip(names, values, strict=True))


def _read(table: Path, texts: tuple[str, ...]) -> Any:
    import pyarrow as pa
    from pyarrow import csv, parquet
    from pyarrow import json as json_lines

    def read_csv(file: str) -> Any:
        # 007 is an id, and true a class: neither is for Arrow to guess about.
        return csv.read_csv(file, convert_options=csv.ConvertOptions(column_types=dict.fromkeys(texts, pa.string())))

    readers = {".csv": read_csv, ".parquet": parquet.read_table, ".jsonl": json_lines.read_json}
    if table.suffix not in readers:
        raise DataError("is no table", str(table), f"give a file that ends in {', '.join(readers)}")
    try:
        return readers[table.suffix](str(table))
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"cannot be read: {error}", str(table), "look at the file") from error


def _answers(rows: Mapping[str, Any], access: Path) -> dict[str, Labelled]:
    """Who answered each request and when, nothing being known of how wrong it was."""
    read, *_ = access_log.read_on(access, 0, 0)
    answers = {
        one.request_id: Labelled(one.version, one.time, 0.0)
        for one in read
        if one.request_id in rows and not one.refused
    }
    _require_known(rows, answers, "the gateway's access log")
    return answers


def _by_reward(
    table: Path, reward: str, rows: Mapping[str, Any], answers: Mapping[str, Labelled]
) -> dict[str, Labelled]:
    labelled = {}
    for name, value in rows.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise DataError(
                f"{reward} of request {name} is {value!r}", str(table), "a reward is a number from 0, bad, to 1, good"
            )
        labelled[name] = replace(answers[name], wrong=1.0 - float(value))
    return labelled


def _by_label(
    table: Path,
    rows: Mapping[str, Any],
    requests: Path,
    answers: Mapping[str, Labelled],
    classes: tuple[str, ...],
    output: str,
) -> dict[str, Labelled]:
    labelled = {}
    for logged in logged_decisions(requests):
        # A mirror answers the same request, and its answer went nowhere.
        answer = answers.get(logged.request_id)
        if answer and answer.version == logged.version and len(logged.decided) == 1:
            (decided,) = logged.by_output.get(output, logged.decided)
            if isinstance(decided, float):
                raise BadInput(
                    "the model predicts a number, and how wrong it was is for you to say",
                    remedy="give a column from 0, bad, to 1, good, and name it with --reward",
                )
            right = _class(table, logged.request_id, rows[logged.request_id], classes)
            known = right in logged.classes
            labelled[logged.request_id] = replace(
                answer,
                wrong=float(decided != right),
                class_id=logged.classes.index(right) if known else None,
                scores=logged.scores if known else (),
            )
    return labelled


def _class(table: Path, request_id: str, value: object, classes: tuple[str, ...]) -> str:
    """The class that a label names: 1.0 and True of a table are the classes 1 and true where there are such."""
    name = class_name(value)
    with contextlib.suppress(ValueError):
        name = name if name in classes or not classes else class_name(float(name))
    if isinstance(value, bool) and name not in classes:
        name = name.lower()
    if classes and name not in classes:
        raise DataError(
            f"the label of request {request_id} is {value!r}, which is no class; nothing was added",
            str(table),
            f"the classes are {', '.join(classes)}",
        )
    return name


def _require_known(rows: Mapping[str, Any], known: Mapping[str, Any], log: str) -> None:
    unknown = [name for name in rows if name not in known]
    if unknown:
        raise BadInput(
            f"{len(unknown)} of {len(rows)} requests are not in {log}, or asked for several rows: {_first(unknown)}; "
            "nothing was added",
            remedy="give the x-request-id of requests that the gateway answered, one row each",
        )


def _first(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" and so on" if len(names) > _SHOWN else "")
