"""What `millrace init` would write, worked out whole before a byte of it is written."""

import difflib
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

from millrace.base import files
from millrace.base.errors import BadInput, DataError
from millrace.config import json_schema
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.init.decisions import Decision
from millrace.init.defaults import NoModelBaseline, baseline
from millrace.init.dialect import find_dialect
from millrace.init.kinds import decide_all
from millrace.init.label import LabelPlan, plan_labels, require_label
from millrace.init.parquet_blocks import parquet_names
from millrace.init.record_blocks import read_records
from millrace.init.scan import WHOLE_BYTES, ScannedTable, scan
from millrace.init.sources import Source, find_source
from millrace.init.write_config import config_text
from millrace.init.write_schema import schema_text
from millrace.textproto.schema_text import parse as parse_schema


@dataclass(frozen=True)
class NewPipeline:
    """A pipeline for a table.

    Attributes:
        name: the pipeline's name.
        table: what was seen of the data.
        labels: what is predicted, by the name of its output, which is empty where there is one label.
        decisions: one per column, in the files' order.
        without_model: of each output, what is reached without a model, and what a model has to reach.
        files: what is to be written: the configuration and the schema, by path.
    """

    name: str
    table: ScannedTable
    labels: Mapping[str, LabelPlan]
    decisions: tuple[Decision, ...]
    without_model: Mapping[str, NoModelBaseline]
    files: dict[Path, str]

    @property
    def label(self) -> LabelPlan:
        """The label, or the first of several."""
        return next(iter(self.labels.values()))

    def existing(self) -> list[Path]:
        """The files that are there already."""
        return [path for path in self.files if path.exists()]


def column_names(data: Sequence[str], header_line: Optional[int] = None) -> tuple[str, ...]:
    """The names of a table's columns, for a person who has to choose a label.

    Args:
        data: files, or a folder of them.
        header_line: the line of a CSV file that names its columns, 0 for none; found where it is None.

    Raises:
        DataError: as `find_source` and `scan` do.
    """
    source = find_source(data)
    return find_dialect(source, header_line).names if source.format == "csv" else _names(source)


def _names(source: Source) -> tuple[str, ...]:
    """The columns of a table whose files say what they are."""
    return parquet_names(source) if source.format == "parquet" else tuple(read_records(source, 1)[0].column_names)


def make_plan(
    data: Sequence[str],
    label: Union[str, Sequence[str]],
    name: str,
    project: Path,
    header_line: Optional[int] = None,
    whole_bytes: int = WHOLE_BYTES,
) -> NewPipeline:
    """Works a pipeline out.

    Args:
        data: files, or a folder of them.
        label: the column to predict, or several.
        name: the pipeline's name; from the data's when empty.
        project: the folder with `conf` and `schema`.
        header_line: the line of a CSV file that names its columns, 0 for none; found where it is None.
        whole_bytes: how much of the data is read before it is read in parts.

    Raises:
        DataError: the data is no table, or nothing can be learned from it; nothing is written.
        BadInput: the name is none for a pipeline.
    """
    source = find_source(data)
    dialect = find_dialect(source, header_line) if source.format == "csv" else None
    columns = (label,) if isinstance(label, str) else tuple(dict.fromkeys(label))
    for column in columns:
        require_label(dialect.names if dialect else _names(source), column, str(source.files[0]))
    name = _checked(name) if name else _derived(data[0], source)
    table = scan(source, dialect, whole_bytes)
    labels = plan_labels(table, columns)
    decisions = decide_all(table.columns, list(labels.values()))
    _require_features(decisions, str(source.files[0]))
    without = {output: baseline(planned, table.rows) for output, planned in labels.items()}
    conf, schema = project / "conf" / f"{name}.yaml", project / "schema" / name / "schema.pbtxt"
    texts = {
        conf: config_text(name, table, labels, decisions, without, conf.parent, schema),
        schema: schema_text(name, table, decisions),
    }
    _require_readable(texts[conf], texts[schema])
    return NewPipeline(name, table, labels, decisions, without, texts)


def _checked(name: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        return name
    near = dashed(name)
    raise BadInput(
        f"{name!r} is no name for a pipeline",
        where="--name",
        remedy="use lower-case letters, digits and dashes, and begin with a letter or a digit"
        + (f": --name {near}" if near else ""),
    )


def _derived(given: str, source: Source) -> str:
    """A pipeline's name from the name of its file or folder."""
    path = Path(given.rstrip("/").rpartition(":")[2])
    stem = source.files[0].name.split(".")[0] if len(source.files) == 1 else path.name.split(".")[0]
    if stem in ("data", "train", ""):
        stem = source.folder.name
    return dashed(stem) or "table"


def dashed(text: str) -> str:
    """A text in lower-case letters, digits and single dashes, as names are; empty when it has none of them."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].rstrip("-")


def _require_features(decisions: Sequence[Decision], where: str) -> None:
    if any(decision.use == "feature" for decision in decisions):
        return
    others = [decision for decision in decisions if decision.use == "left out"]
    reasons = "; ".join(f"{decision.column.name}: {decision.kind}, {decision.reason}" for decision in others[:8])
    raise DataError(
        "no column can be a feature" + (f" ({reasons})" if reasons else ": the label is the only one"),
        where=where,
        remedy="add columns that vary, repeat, and are known before the label is",
    )


def _require_readable(conf: str, schema: str) -> None:
    """Reads both texts as a run would: a fault of this module must not reach the user's folders."""
    parse_schema(schema, "schema.pbtxt")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "conf.yaml")
        file.write_text(conf, encoding="utf-8")
        config: Config = load(file)
    config.feature_table()


def difference(plan: NewPipeline) -> str:
    """What writing the plan would change, as a unified diff; empty when it would change nothing."""
    parts: list[str] = []
    for path, text in plan.files.items():
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        old = str(path) if path.exists() else "/dev/null"
        parts += difflib.unified_diff(before.splitlines(True), text.splitlines(True), old, str(path), n=2)
    return "".join(parts)


def write(plan: NewPipeline) -> None:
    """Writes both files, each beside its place and then renamed; beside the configuration the schemas for editors.

    Raises:
        BadInput: the folders cannot be written.
    """
    try:
        with ExitStack() as together:
            for path, text in plan.files.items():
                Path(together.enter_context(files.whole(path))).write_bytes(text.encode("utf-8"))
            # Those of another version stay: `millrace config schema` writes them again.
            schemas = {json_schema.FILE_NAME: json_schema.text, json_schema.OVERLAY_FILE_NAME: json_schema.overlay_text}
            for name, schema_text in schemas.items():
                path = next(iter(plan.files)).with_name(name)
                if not path.exists():
                    Path(together.enter_context(files.whole(path))).write_bytes(schema_text().encode("utf-8"))
    except OSError as error:
        raise BadInput(
            f"nothing can be written here: {error.strerror}",
            where=str(error.filename or path),
            remedy="run millrace init in a folder that is yours, with space left",
        ) from error
