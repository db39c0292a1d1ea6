"""`millrace predict`: scores a table with a model of the pipeline."""

import time
from pathlib import Path

import click

from millrace.base.numbers import counted, seconds
from millrace.base.quiet import load_tensorflow
from millrace.cli.options import config_options
from millrace.cli.output import echo, say
from millrace.cli.serving.row_progress import RowProgress
from millrace.config.loading import load


@click.command()
@config_options
@click.argument("table", type=click.Path())
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The result: OUT.parquet or OUT.csv.")
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
    out: Path,
    model: str,
    runner: str,
    keys: tuple[str, ...],
) -> None:
    """Score a table with a model of the pipeline.

    TABLE: a CSV (also gzipped), Parquet, JSON lines, Avro or TFRecord file, or a folder of them, with the columns that
    the model reads. The result has a row for each, in the same order: its number, the key columns, and the prediction.

    The whole table is looked at before anything is scored. After an interruption the same command goes on where it was.
    """
    config = load(config_file, overrides)
    load_tensorflow()
    from millrace.prediction.chosen_model import choose
    from millrace.prediction.engines import engine_here, engine_on_vertex
    from millrace.prediction.predict import predict as predict_table

    began = time.monotonic()
    chosen = choose(config, model)
    if not keys:
        keys = ("path",) if config.data.format == "image_folders" else tuple(filter(None, [config.data.key]))
    with RowProgress() as progress:
        engine = (engine_on_vertex if runner == "vertex" else engine_here)(config, chosen, progress.show)
        rows = predict_table(table, out, chosen.folder, chosen.about, config.data, keys, progress.show, engine)
    say(f"{counted(rows, 'row')} scored by {chosen.name} in {seconds(time.monotonic() - began)} s")
    echo(f"  {out}")
