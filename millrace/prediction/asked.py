"""A prediction as it is asked for: of a table here, or rows of BigQuery; into a file, or a table of BigQuery.

What can be refused is refused before a query costs anything.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

from millrace.base.errors import BadInput
from millrace.cloud.bigquery.table_name import TableName, is_table_name, table_name
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.prediction.answers import answer_columns
from millrace.prediction.chosen_model import ChosenModel
from millrace.prediction.predict import Engine, predict, require_other_names
from millrace.prediction.progress import Progress
from millrace.prediction.table_to_score import ROW
from millrace.prediction.work_folder import WorkFolder

if TYPE_CHECKING:
    from millrace.cloud.bigquery.client import BigQuery
    from millrace.cloud.bigquery.load import Existing
    from millrace.prediction.bigquery_rows import AskedRows


class Asked(NamedTuple):
    """What is scored, and where the result goes.

    Attributes:
        table: a file, a folder of files, or `bq://PROJECT.DATASET.TABLE`; empty where a query is asked.
        query: of BigQuery; with neither, it is `data.query`.
        out: a file, or `bq://PROJECT.DATASET.TABLE`.
        keys: columns that are handed through.
        existing: what becomes of a table of BigQuery that has rows already.
    """

    table: str
    query: str
    out: str
    keys: Sequence[str]
    existing: "Existing" = "refuse"


def _bigquery(project: str, seconds: float) -> "BigQuery":
    # Google's clients take seconds to import.
    from millrace.cloud.bigquery.client import BigQuery

    return BigQuery(project, seconds)


def predict_asked(
    config: Config,
    asked: Asked,
    model: ChosenModel,
    show: Callable[[Progress], None],
    engine: Optional[Engine] = None,
    connect: Callable[[str, float], "BigQuery"] = _bigquery,
) -> int:
    """Scores what is asked for.

    Args:
        config: the pipeline's configuration.
        asked: what, and where to.
        model: what scores.
        show: is told how far it is.
        engine: where it scores; by default this process.
        connect: BigQuery, by the project that is billed and the seconds that an answer is waited for.

    Returns:
        How many rows there are.

    Raises:
        BadInput: of `predict`; or BigQuery's rows, or its table, cannot be used: nothing was scored.
        ServiceFailure: BigQuery says no, or says nothing; the result is not there, and what was scored is kept.
    """
    keys = tuple(dict.fromkeys(asked.keys))
    source = _source(config, asked)
    into = table_name(asked.out) if is_table_name(asked.out) else None
    if into is None and asked.existing != "refuse":
        raise BadInput("a file is replaced by the result", "--existing", "leave it out, or name bq://... with -o")
    require_other_names(keys, model.about)
    out = layout(config).local / "predictions" / f"{into.dotted}.parquet" if into else Path(asked.out)
    work = WorkFolder(out)
    table, fetched, elsewhere = asked.table, None, None
    with contextlib.ExitStack() as stack:
        if into or source:
            tables = [one for one in (source.table if source else None, into) if one]
            service = connect(_billed(config, tables), config.vertex.request_seconds)
        if into:
            from millrace.prediction.bigquery_table import bigquery_table

            columns = [ROW, *keys, *answer_columns(model.about)]
            elsewhere = bigquery_table(service, into, asked.existing, columns, work.result, show)
        if source:
            from millrace.prediction.bigquery_rows import fetched_rows

            rows = fetched_rows(service, source, model.about.columns, keys, out.parent, show)
            table, fetched = stack.enter_context(rows)
        return predict(
            table, out, model.folder, model.about, config.data, keys, show, engine,
            fetched=fetched, elsewhere=elsewhere,
        )  # fmt: skip


def _source(config: Config, asked: Asked) -> Optional["AskedRows"]:
    """The rows of BigQuery that are asked for; None where it is a table of this machine."""
    from millrace.prediction.bigquery_rows import AskedRows

    if asked.table and asked.query:
        raise BadInput("a table is named, and a query too", "--query", "leave one of them out")
    if is_table_name(asked.table):
        table = table_name(asked.table)
        return AskedRows(f"SELECT * FROM `{table.dotted}`", str(table), table)
    if asked.table:
        return None
    if asked.query:
        return AskedRows(asked.query, "--query")
    if not config.data.query:
        raise BadInput(
            "nothing is named that is to be scored",
            "TABLE",
            "name a file, a folder or bq://PROJECT.DATASET.TABLE, or give --query 'SELECT ...'",
        )
    return AskedRows(config.data.query, "data.query")


def _billed(config: Config, tables: Sequence[TableName]) -> str:
    """The project that jobs run in: the configured one, else the one of a table that is named."""
    of_dataflow = config.beam.dataflow.project if config.beam.dataflow else ""
    configured = config.data.bigquery.project if config.data.bigquery else config.vertex.project or of_dataflow
    project = next((one for one in (configured, *(table.project for table in tables)) if one), "")
    if not project:
        raise BadInput(
            "no Google Cloud project is set, and a query is billed to one",
            "vertex.project",
            "set it, or for once: --set vertex.project=PROJECT",
        )
    return project
