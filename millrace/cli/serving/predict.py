"""`millrace predict`: scores a table with a model of the pipeline."""

import time
from typing import Literal

import click

from millrace.base.numbers import counted, seconds
from millrace.base.quiet import load_tensorflow
from millrace.cli.options import config_options
from millrace.cli.output import echo, say
from millrace.cli.serving.row_progress import RowProgress
from millrace.config.loading import load


@click.command()
@config_options
@click.argument("table", type=click.Path(), required=False, default="")
@click.option(
    "-o", "--out", required=True, help="The result: OUT.parquet, OUT.csv, or bq://PROJECT.DATASET.TABLE of BigQuery."
)
@click.option("--query", default="", metavar="SQL", help="Of BigQuery, in place of TABLE: its rows are scored.")
@click.option(
    "--existing",
    type=click.Choice(["refuse", "replace", "append"]),
    default="refuse",
    show_default=True,
    help="What becomes of a table of BigQuery that has rows already.",
)
@click.option(
    "--model", default="", metavar="VERSION|ALIAS|PATH", help="Which model; by default the one that is served."
)
@click.option(
    "--runner",
    type=click.Choice(["local", "vertex"]),
    default="local",
    show_default=True,
    help="Where to score: here, or where beam: says; or by a job of Vertex AI, with the version that push.vertex made.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="COLUMN",
    help="A column to hand through, such as a customer's number. Repeatable; by default data.key.",
)
def predict(
    config_file: str,
    overrides: tuple[str, ...],
    table: str,
    out: str,
    query: str,
    existing: Literal["refuse", "replace", "append"],
    model: str,
    runner: str,
    keys: tuple[str, ...],
) -> None:
    """Score a table with a model of the pipeline.

    TABLE: a CSV (also gzipped), Parquet, JSON lines, Avro or TFRecord file, or a folder of them, or
    bq://PROJECT.DATASET.TABLE of BigQuery, with the columns that the model reads; without it, and without --query, it
    is data.query. The result has a row for each, in the same order: its number, the key columns, and the prediction.

    The whole table is looked at before anything is scored. After an interruption the same command goes on where it was.
    """
    config = load(config_file, overrides)
    load_tensorflow()
    from millrace.prediction.asked import Asked, predict_asked
    from millrace.prediction.chosen_model import choose
    from millrace.prediction.engines import engine_here, engine_on_vertex

    began = time.monotonic()
    chosen = choose(config, model)
    if not keys:
        keys = ("path",) if config.data.format == "image_folders" else tuple(filter(None, [config.data.key]))
    asked = Asked(table, query, out, keys, existing)
    with RowProgress() as progress:
        engine = (engine_on_vertex if runner == "vertex" else engine_here)(config, chosen, progress.show)
        rows = predict_asked(config, asked, chosen, progress.show, engine)
    say(f"{counted(rows, 'row')} scored by {chosen.name} in {seconds(time.monotonic() - began)} s")
    echo(f"  {out}")
