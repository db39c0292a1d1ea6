"""What has been scored so far, in parts beside the result: a prediction that was cut off goes on where it was.

`OUT.partial/` has `prediction.json`, which says what is predicted of what and by what, and `part-NNNNN.parquet`, each
written whole. Once the last row is scored the parts become OUT, which is put in its place in one step, and they go.
One process at a time works there: it holds a lock on the folder.
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from millrace.base import files
from millrace.base.errors import BadInput, MillraceError
from millrace.prediction.table_to_score import ROW

FORMATS = (".parquet", ".csv")
_IDENTITY = "prediction.json"
_RESULT = "result.parquet"
_BETWEEN = "|"


class Elsewhere(Protocol):
    """Where a result goes that is no file of this machine."""

    @property
    def title(self) -> str:
        """The place, in messages."""

    @property
    def identity(self) -> str:
        """What tells it from another place, and from another way to put a result there."""

    @property
    def names(self) -> Mapping[str, str]:
        """How columns are called there, by what they are here."""

    def put(self, file: Path) -> None:
        """Puts a Parquet file there, whole or not at all; the same file again is put there once."""


class WorkFolder:
    """The parts of one result; a context manager, which lets the folder go at its end.

    Args:
        out: the result's file, `.parquet` or `.csv`.
        elsewhere: where the result goes in place of that file, beside which the folder is.

    Raises:
        BadInput: nothing can be written there, or it is another format.
    """

    def __init__(self, out: Path, elsewhere: Optional[Elsewhere] = None) -> None:
        if out.suffix.lower() not in FORMATS:
            raise BadInput(
                "the name does not say what to write", str(out), f"name a file that ends in {' or '.join(FORMATS)}"
            )
        if out.is_dir():
            raise BadInput("this is a folder", str(out), "name a file with -o")
        self.out = out
        self._elsewhere, self._where = elsewhere, elsewhere.title if elsewhere else str(out)
        self.folder = out.with_name(f"{out.name}.partial")
        self._lock: Optional[int] = None

    def __enter__(self) -> "WorkFolder":
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def result(self) -> Path:
        """The file that is put elsewhere."""
        return self.folder / _RESULT

    def begin(self, identity: dict[str, Any]) -> int:
        """Takes up what is there, if it is of the same prediction, and throws it away if it is not.

        Args:
            identity: plain values that tell one prediction from another: of the table, the model and the reading.

        Returns:
            How many rows are done already.

        Raises:
            BadInput: nothing can be written there, another process works there, or the folder is somebody's own.
        """
        self._hold()
        place = self.folder / _IDENTITY
        content = json.dumps(identity, indent=1, sort_keys=True, ensure_ascii=False).encode()
        if place.is_file() and place.read_bytes() == content:
            return self._done()
        self._remove([*self.folder.glob("part-*.parquet"), *self.folder.glob(f"{_RESULT}*")])
        files.write(place, content)
        return 0

    def _hold(self) -> None:
        """Makes the folder, and locks it; nothing where it is held already."""
        if self._lock is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise BadInput(
                f"cannot be written: {error.strerror}", str(self.out), "name another file with -o"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._require_ours()
        except (BlockingIOError, FileNotFoundError) as error:
            # Held by another, or removed by another that was done just now.
            os.close(lock)
            raise BadInput(
                "another millrace predict writes this result",
                self._where,
                "wait for it, or name another place with -o",
            ) from error
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    def _require_ours(self) -> None:
        # What was killed while it wrote its first file has left that, under a hidden name.
        others = [one.name for one in self.folder.iterdir() if not one.name.startswith(f".{_IDENTITY}.")]
        if others and _IDENTITY not in others:
            raise BadInput(
                f"this folder has {others[0]}, and is none of millrace predict", str(self.folder),
                "name another file with -o, or move the folder away",
            )  # fmt: skip

    def _done(self) -> int:
        """The rows of the parts that follow each other from the first row; what is behind a gap is removed."""
        rows, parts = 0, self._parts()
        for place, part in enumerate(parts):
            numbers = _row_numbers(part)
            if part.name != _name(place) or not numbers or (numbers[0], numbers[-1]) != (rows + 1, rows + len(numbers)):
                self._remove(parts[place:])
                break
            rows += len(numbers)
        return rows

    @staticmethod
    def _remove(parts: Iterable[Path]) -> None:
        for part in parts:
            part.unlink()

    def add(self, rows: pa.Table) -> None:
        """Writes a part, whole or not at all.

        Raises:
            OSError: the disk is full, or there is another fault of it.
        """
        with files.whole(self.folder / _name(len(self._parts()))) as beside:
            pq.write_table(rows, beside)

    def finish(self, rows: int) -> None:
        """Puts the parts together, in place of what was there, and removes them.

        Args:
            rows: that the table has.

        Raises:
            OSError: as of `add`; the parts are still there.
            MillraceError: the parts have not as many rows; or what `Elsewhere.put` raises, and they are still there.
        """
        parts = self._parts()
        scored = sum(pq.read_metadata(part).num_rows for part in parts)
        if scored != rows:
            raise MillraceError(
                f"{scored:,} rows are scored, and the table has {rows:,}",
                str(self.folder),
                "give the same command again",
            )
        schema = pa.unify_schemas([pq.read_schema(part) for part in parts])
        place = self.result if self._elsewhere else self.out
        with files.whole(place) as beside:
            if place.suffix.lower() == ".csv":
                self._as_csv(beside, schema)
            else:
                self._as_parquet(beside, schema)
        if self._elsewhere:
            self._elsewhere.put(place)
        shutil.rmtree(self.folder)

    def _as_parquet(self, place: str, schema: pa.Schema) -> None:
        written = schema
        if self._elsewhere:
            # A key that no row has is of no type, which is none that a table's column may have.
            typed = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in schema]
            schema = pa.schema(typed)
            written = pa.schema([field.with_name(self._elsewhere.names[field.name]) for field in typed])
        # Lists as the format's reference has them, which is how BigQuery knows one.
        with pq.ParquetWriter(place, written, use_compliant_nested_type=True) as writer:
            for part in self._parts():
                writer.write_table(pq.read_table(part).cast(schema).rename_columns(written.names))

    def _as_csv(self, place: str, schema: pa.Schema) -> None:
        lists = [at for at, field in enumerate(schema) if pa.types.is_list(field.type)]
        for at in lists:
            schema = schema.set(at, schema.field(at).with_type(pa.string()))
        with open(place, "wb") as file, pa.csv.CSVWriter(file, schema) as writer:
            for part in self._parts():
                table = pq.read_table(part)
                for at in lists:  # CSV has no lists
                    joined = pc.binary_join(table.column(at), _BETWEEN)
                    table = table.set_column(at, table.schema.names[at], joined)
                writer.write_table(table.cast(schema))

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))


def _name(place: int) -> str:
    return f"part-{place:05d}.parquet"


def _row_numbers(part: Path) -> list[int]:
    """The numbers of a part's rows; none of a file that was cut off."""
    with contextlib.suppress(pa.ArrowInvalid, OSError, KeyError):
        numbers: list[int] = pq.read_table(part, columns=[ROW]).column(ROW).to_pylist()
        return numbers
    return []


def identity_of_files(paths: Sequence[Path]) -> list[list[Any]]:
    """What tells a file from one that was changed: its path, size and time of change."""
    return [[os.fspath(path), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]
