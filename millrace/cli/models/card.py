"""`millrace models card`: a version's model card, as HTML, Markdown or JSON."""

import json
from pathlib import Path
from typing import Optional

import click

from millrace.base import files
from millrace.cli import completing
from millrace.cli.models.models import opened, quiet
from millrace.cli.options import config_options
from millrace.cli.output import echo, echo_json, say
from millrace.config.loading import load
from millrace.metadata.run_summaries import Runs
from millrace.registry import card as cards
from millrace.registry import card_texts

_ENDINGS = {".html": "html", ".htm": "html", ".md": "markdown", ".json": "json"}


@click.command()
@click.argument("version", default="champion", shell_complete=completing.versions)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that ends in .html, .md or .json; by default Markdown on the screen.",
)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, by the Model Card Toolkit's schema.")
def card(version: str, output: Optional[Path], config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Write a version's model card: what was measured, and the texts that only people know.

    VERSION: a number or an alias; the champion when left out. The texts stand in the YAML file that registry.card
    names; what nobody has written is named as missing.
    """
    kind = _ENDINGS.get(output.suffix.lower()) if output else ""
    if kind is None:
        raise click.UsageError(f"{output} ends in none of {', '.join(_ENDINGS)}")
    config = load(config_file, overrides)
    texts = card_texts.read(config.registry.card)
    with opened(config) as registry:
        one = registry.version(version)
        with quiet(config):
            made = cards.model_card(Runs(config), one, registry.events(one.number), texts)
    if as_json and output is None:
        echo_json(cards.to_json(made))
        return
    if output is None:
        echo(cards.to_markdown(made))
        return
    text = {
        "html": lambda: cards.to_html(made),
        "markdown": lambda: cards.to_markdown(made),
        "json": lambda: json.dumps(cards.to_json(made), indent=2, ensure_ascii=False) + "\n",
    }["json" if as_json else str(kind)]()
    files.write_named(output, text)
    say(f"{output}: version {one.number} of {one.model}")
    if texts.missing():
        place = f"in {config.registry.card}" if config.registry.card else "in a YAML file that registry.card names"
        say(f"not written yet, {place}: {', '.join(texts.missing())}")
