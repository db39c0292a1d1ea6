"""Evidence of runs that never ran: statistics by TFDV of small tables, and anomalies against a schema."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from millrace.schema import native
from millrace.schema.evidence import Evidence
from millrace.statistics.columns import of_all_rows

Table = Mapping[str, list[Any]]


def statistics(table: Table) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Of columns of numbers or texts; None is a cell without a value."""
    arrays = [_cells(values) for values in table.values()]
    batch = pa.RecordBatch.from_arrays(arrays, list(table))
    return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())


def _cells(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values} - {type(None)}
    kind = {str: pa.large_binary(), int: pa.int64()}.get(next(iter(kinds), str), pa.float32())
    cells = [[] if value is None else [value.encode() if isinstance(value, str) else value] for value in values]
    return pa.array(cells, pa.large_list(kind))


def evidence(folder: Path, run_id: str, schema: Optional[schema_pb2.Schema], **splits: Table) -> Evidence:
    """A run that saw these splits, and was validated where there is a schema."""
    for split, table in splits.items():
        seen = statistics(table)
        _write(folder / run_id / "statistics" / f"Split-{split}" / "FeatureStats.pb", seen)
        if schema is not None:
            anomalies = native.validate(of_all_rows(seen), schema)
            _write(folder / run_id / "anomalies" / f"Split-{split}" / "SchemaDiff.pb", anomalies)
    validated = folder / run_id / "anomalies" if schema is not None else None
    return Evidence(run_id, "done", folder / run_id / "statistics", validated)


def _write(file: Path, proto: Any) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(proto.SerializeToString())
