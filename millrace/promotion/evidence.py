"""What a version brings with it: the Evaluator's report, what its run was made from, its card, and its events.

They are files in the folder `promoted/NUMBER` of the environment that takes it in, whose ML Metadata knows nothing of
the run: `millrace models card` and `why` read them there.
"""

import json
import math
import shutil
from pathlib import Path

from millrace.base import files
from millrace.base.plain_values import plain
from millrace.components.evaluator import gate_report
from millrace.config.paths import layout
from millrace.metadata import provenance
from millrace.metadata.run_summaries import Runs
from millrace.promotion.side import Side
from millrace.registry import card as cards
from millrace.registry import card_texts
from millrace.registry.version import Version

LINEAGE, CARD = "lineage.json", "card.html"


def folder(target: Side, version: Version) -> Path:
    """Where it is brought."""
    return _folders(target) / str(version.number)


def _folders(target: Side) -> Path:
    return layout(target.config).local / "promoted"


def sweep(target: Side) -> None:
    """Deletes what was left half written of any version, by who promotes alone: nobody else writes there.

    Args:
        target: whose evidence it is.
    """
    for one in _folders(target).glob("*/"):
        files.sweep(one, math.inf)


def bring(source: Side, target: Side, version: Version) -> str:
    """Brings what is known of a version; what was brought before is written again.

    Args:
        source: where it was judged, or brought before.
        target: where it goes.
        version: of the source's registry.

    Returns:
        The folder with the Evaluator's report; empty where that is not on this machine any more.
    """
    runs, to = Runs(source.config), folder(target, version)
    to.mkdir(parents=True, exist_ok=True)
    reported = Path(version.facts.gate_report) if version.facts.gate_report else None
    run = runs.folder(version.run) if version.run else None
    has_report = reported is not None and (reported / gate_report.JSON_NAME).is_file()
    if reported and has_report:
        for name in (gate_report.JSON_NAME, gate_report.TEXT_NAME):
            if (reported / name).is_file():
                files.write(to / name, files.read_bytes(reported / name))
    for place in filter(None, (run.path if run else None, reported)):
        if (place / provenance.FILE).is_file():
            shutil.copy(place / provenance.FILE, to / provenance.FILE)
            break
    events = source.registry.events(version.number)
    made = cards.model_card(runs, version, events, card_texts.read(source.config.registry.card))
    files.write(to / CARD, cards.to_html(made))
    known = version.facts
    lineage = {
        "model": version.model,
        "number": version.number,
        "environment": source.config.environment,
        "root": layout(source.config).root,
        "run": version.run,
        "commit": known.commit,
        "schema_digest": known.schema_digest,
        "span": known.span,
        "fingerprint": known.fingerprint,
        "checksum": known.checksum,
        "events": [plain(one) for one in events],
    }
    files.write(to / LINEAGE, json.dumps(lineage, indent=2, ensure_ascii=False) + "\n")
    return str(to) if has_report else ""
