"""`make picture`: the README's picture of the console, photographed in Chromium from a real run that a gate stopped.

    python -m library.site.picture [ROOT]

Without ROOT the taxi pipeline is run twice below .cache/picture, the second time with a threshold that it misses.
"""

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from millrace.config.loading import load
from millrace.console.listening import HOST, answering
from millrace.metadata.run_summaries import run_summaries

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PICTURE = CHECKOUT / "docs/assets/console.png"
CONFIG = str(CHECKOUT / "conf/taxi.yaml")
_TOKEN = "picture"
_REFUSED = "evaluation.thresholds.0.at_least=0.97"


def run_twice(root: Path) -> None:
    """Runs the pipeline, and again so that the Evaluator says no.

    Args:
        root: of the pipeline.
    """
    command = [sys.executable, "-m", "millrace.cli.main", "run", "-c", CONFIG, "--set", f"root={root}"]
    subprocess.run(command, check=True)
    if subprocess.run([*command, "--set", _REFUSED], check=False).returncode != 3:
        raise SystemExit("the second run was to be stopped by the Evaluator")


def photograph(root: Path) -> None:
    """Writes the picture of the newest run that was blocked.

    Args:
        root: of a pipeline that has one.
    """
    config = load(CONFIG, [f"root={root}"])
    blocked = [run.run_id for run in run_summaries(config) if run.state == "blocked"]
    if not blocked:
        raise SystemExit(f"{root} has no run that was blocked")
    with answering(config, _TOKEN) as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1180, "height": 720}, color_scheme="light")
        page.goto(f"http://{HOST}:{port}/runs/{blocked[-1]}?token={_TOKEN}")
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT / ".cache/picture"
    if len(sys.argv) == 1:
        run_twice(place)
    photograph(place)
    print(f"{PICTURE.relative_to(CHECKOUT)}: {PICTURE.stat().st_size / 1024:.0f} KiB")
