"""The spans of the data that no run has read yet: whether they are whole, and how many rows they have."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from millrace.base.errors import DataError
from millrace.components.example_gen.section import Data
from millrace.components.marks import REHEARSED
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.metadata.artifact_files import plain_properties
from millrace.metadata.events import artifacts_of_type, is_read
from millrace.metadata.run_summaries import Runs
from millrace.tables.files import find, opened
from millrace.tables.patterns import FilePattern
from millrace.triggers.deciding import SpanPlace, WaitingSpan

_BATCH_ROWS = 10_000
_LEARN = ("Transform", "Tuner", "Trainer")


class SpanLooker:
    """Looks for new spans again and again; what it has counted it counts once.

    Args:
        config: the pipeline's configuration, whose data is of spans.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._rows: dict[tuple[SpanPlace, float], int] = {}
        self._read: tuple[int, Optional[tuple[SpanPlace, float]]] = (-1, None)

    def waiting(self, done: Optional[SpanPlace], runs: int, now: float) -> list[WaitingSpan]:
        """The spans that no run has read, the oldest first, each in its newest version.

        Args:
            done: the greatest that a triggered run was for; None where there is none.
            runs: how many runs there were, so that ML Metadata is asked again only after a new one.
            now: seconds since the epoch.

        Raises:
            DataError: a file that matches the pattern has no number in a token's place, or cannot be read.
        """
        data, policy = self._config.data, self._config.triggers.span
        places = {place: files for place, files in _places(data).items() if done is None or place > done}
        if not places or policy is None:
            return []
        read = self._read_by_runs(runs)
        spans = []
        for place, by_split in sorted(places.items()):
            files = [file for found in by_split.values() for file in found]
            changed = max(file.stat().st_mtime for file in files)
            # A run may have read the first files of a span, and the others have come since.
            if read is not None and (place < read[0] or (place == read[0] and changed <= read[1])):
                continue
            lacks = [text for text in data.patterns if not by_split.get(text)]
            marked = bool(policy.done_file) and any((file.parent / policy.done_file).exists() for file in files)
            settled = marked or (not policy.done_file and now - changed >= policy.settled_minutes * 60)
            rows = self._counted(place, files, changed) if settled and not lacks else None
            missing = f"no file of {', '.join(lacks)}" if lacks else ""
            spans.append(WaitingSpan(place, name_of(data, place), None if marked else changed, rows, missing))
        return spans

    def all_of_them(self) -> list[tuple[float, SpanPlace, str, int]]:
        """Every span that is there: when its last file changed, its place, its name, and its rows."""
        spans = []
        for place, by_split in sorted(_places(self._config.data).items()):
            files = [file for found in by_split.values() for file in found]
            changed = max(file.stat().st_mtime for file in files)
            spans.append((changed, place, name_of(self._config.data, place), self._counted(place, files, changed)))
        return spans

    def _counted(self, place: SpanPlace, files: list[Path], changed: float) -> int:
        key = (place, changed)
        if key not in self._rows:
            self._rows[key] = sum(count_rows(file, self._config.data) for file in files)
        return self._rows[key]

    def _read_by_runs(self, runs: int) -> Optional[tuple[SpanPlace, float]]:
        """The greatest span that a run has learned from, also one that nobody triggered, and when it had read it."""
        if self._read[0] != runs:
            store = Runs(self._config).store
            examples = artifacts_of_type(store, "Examples", layout(self._config).root) if store else []
            learned = _learned_from(store, [one.id for one in examples]) if examples else set()
            places = [
                (place, one.create_time_since_epoch / 1000)
                for one in examples
                if one.id in learned
                and REHEARSED not in one.custom_properties
                and (place := place_of(plain_properties(one)))
            ]
            self._read = runs, max(places, default=None)
        return self._read[1]


def _learned_from(store: Any, examples: list[int]) -> set[int]:
    """Those examples that came to training: of a look at the data, `run --to DataGate`, nothing is learned."""
    training = {one.id for one in store.get_execution_types() if one.name.rpartition(".")[2] in _LEARN}
    read = [event for event in store.get_events_by_artifact_ids(examples) if is_read(event)]
    by_execution = {event.execution_id for event in read}
    learned = {one.id for one in store.get_executions_by_id(list(by_execution)) if one.type_id in training}
    return {event.artifact_id for event in read if event.execution_id in learned}


def name_of(data: Data, place: SpanPlace) -> str:
    """A span as people call it: its number or its day, and its version where it has one."""
    span, version = place
    name = FilePattern.parse(data.patterns[0]).span_name(span)
    return f"{name} version {version}" if version >= 0 else name


def count_rows(file: Path, data: Data) -> int:
    """How many rows a file has.

    Args:
        file: on this machine, perhaps compressed by gzip.
        data: how it is read.

    Raises:
        DataError: it cannot be read.
    """
    if data.format == "image_folders":
        return 1
    if data.format == "parquet":
        return _rows_of_parquet(file)
    with opened(file) as stream:
        return sum(_rows_of(stream, str(file), data))


def _rows_of_parquet(file: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        return int(pyarrow.parquet.read_metadata(file).num_rows)
    except (OSError, pa.ArrowException) as error:
        what = f"its rows cannot be counted: {error}"
        raise DataError(what, where=str(file), remedy="write the file again") from error


def _rows_of(stream: Any, name: str, data: Data) -> Iterator[int]:
    if data.format == "csv":
        lines = (line.decode("utf-8", errors="replace") for line in stream)
        try:
            rows = sum(bool(row) for row in csv.reader(lines, delimiter=data.delimiter))
        except csv.Error as error:
            raise DataError(
                f"its rows cannot be counted: {error}", where=name, remedy="write the file again"
            ) from error
        yield max(0, rows - data.header_line)
    elif data.format == "jsonl":
        yield sum(bool(line.strip()) for line in stream)
    elif data.format == "avro":
        from millrace.tables.avro import avro_batches

        yield from (batch.num_rows for batch in avro_batches(stream, name, _BATCH_ROWS))
    else:
        from millrace.tables.tfrecords import records

        yield from (1 for _ in records(stream, name))


def _places(data: Data) -> dict[SpanPlace, dict[str, list[Path]]]:
    """The files of each span in its newest version, by the pattern of their split."""
    folder = Path(data.path)
    by_place: dict[SpanPlace, dict[str, list[Path]]] = {}
    for text in data.patterns:
        pattern = FilePattern.parse(text).at(version=data.version)
        for file in find(folder, pattern.glob):
            try:
                span, version = pattern.place(file.relative_to(folder).as_posix())
            except ValueError:  # a file that is still being written may have any name; ExampleGen is strict
                continue
            if span is not None:
                place = (span, -1 if version is None else version)
                by_place.setdefault(place, {}).setdefault(text, []).append(file)
    newest = {span: max(one for one in by_place if one[0] == span) for span, _ in by_place}
    return {place: by_place[place] for place in newest.values()}


def place_of(properties: Any) -> Optional[SpanPlace]:
    """The span that examples are of, by the custom properties of their artifact; None where they are of none."""
    span, version = str(properties.get("span", "")), str(properties.get("version", ""))
    if not span.isdecimal():
        return None
    return int(span), int(version) if version.isdecimal() else -1
