"""What has been scored so far, in parts beside the result: a prediction that was cut off goes on where it was.

`OUT.partial/` has `prediction.json`, which says what is predicted of what and by what, and `part-NNNNN.parquet`, each
written whole. Once the last row is scored the parts become OUT, which is put in its place in one step, and they go.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from millrace.base import files
from millrace.base.errors import BadInput

FORMATS = (".parquet", ".csv")
_IDENTITY = "prediction.json"
_BETWEEN = "|"


class WorkFolder:
    """The parts of one result.

    Args:
        out: the result's file, `.parquet` or `.csv`.

    Raises:
        BadInput: nothing can be written there, or it is another format.
    """

    def __init__(self, out: Path) -> None:
        if out.suffix.lower() not in FORMATS:
            raise BadInput(
                "the name does not say what to write", str(out), f"name a file that ends in {' or '.join(FORMATS)}"
            )
        if out.is_dir():
            raise BadInput("this is a folder", str(out), "name a file with -o")
        self.out = out
        self.folder = out.with_name(f"{out.name}.partial")

    def begin(self, identity: dict[str, Any]) -> int:
        """Takes up what is there, if it is of the same prediction, and throws it away if it is not.

        Args:
            identity: plain values that tell one prediction from another: of the table, the model and the reading.

        Returns:
            How many rows are done already.
        """
        place = self.folder / _IDENTITY
        text = json.dumps(identity, indent=1, sort_keys=True, ensure_ascii=False)
        if place.is_file() and place.read_text(encoding="utf-8") == text:
            return sum(pq.read_metadata(part).num_rows for part in self._parts())
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise BadInput(
                f"cannot be written: {error.strerror}", str(self.out), "name another file with -o"
            ) from error
        files.write(place, text)
        return 0

    def add(self, rows: pa.Table) -> None:
        """Writes a part, whole or not at all.

        Raises:
            OSError: the disk is full, or there is another fault of it.
        """
        with files.whole(self.folder / f"part-{len(self._parts()):05d}.parquet") as beside:
            pq.write_table(rows, beside)

    def finish(self) -> None:
        """Puts the parts together, in place of what was there, and removes them.

        Raises:
            OSError: as of `add`; the parts are still there.
        """
        parts = self._parts()
        schema = pa.unify_schemas([pq.read_schema(part) for part in parts])
        with files.whole(self.out) as beside:
            if self.out.suffix.lower() == ".csv":
                self._as_csv(beside, schema)
            else:
                with pq.ParquetWriter(beside, schema) as writer:
                    for part in self._parts():
                        writer.write_table(pq.read_table(part).cast(schema))
        shutil.rmtree(self.folder)

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


def identity_of_files(paths: Sequence[Path]) -> list[list[Any]]:
    """What tells a file from one that was changed: its path, size and time of change."""
    return [[os.fspath(path), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]
