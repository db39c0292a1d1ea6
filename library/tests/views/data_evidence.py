"""Evidence of runs that never ran: statistics by TFDV of small tables, and anomalies against a schema."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from looked_at_runs import Table, statistics_of
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.schema import native
from millrace.schema.evidence import Evidence
from millrace.statistics.columns import of_all_rows


def evidence(
    folder: Path,
    run_id: str,
    schema: Optional[schema_pb2.Schema],
    slices: Sequence[Sequence[str]] = (),
    **splits: Table,
) -> Evidence:
    """A run that saw these splits, and was validated where there is a schema."""
    for split, table in splits.items():
        seen = statistics_of(table, slices)
        _write(folder / run_id / "statistics" / f"Split-{split}" / "FeatureStats.pb", seen)
        if schema is not None:
            anomalies = native.validate(of_all_rows(seen), schema)
            _write(folder / run_id / "anomalies" / f"Split-{split}" / "SchemaDiff.pb", anomalies)
    validated = folder / run_id / "anomalies" if schema is not None else None
    return Evidence(run_id, "done", folder / run_id / "statistics", validated)


def _write(file: Path, proto: Any) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(proto.SerializeToString())
