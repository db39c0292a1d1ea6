"""How long the console takes to answer each page, with a few runs and with hundreds.

    python -m benchmarks.console_pages ROOT --runs 500

ROOT is the root of a pipeline whose newest run came from the cache. It is copied, and that run recorded again and
again, as for `benchmarks.many_runs`. Each page is asked for over HTTP: once, and then for its median.
"""

import argparse
import contextlib
import http.client
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.many_runs import repeat
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.console.listening import answering
from millrace.metadata.run_summaries import Runs

_TOKEN = "benchmark"
_TIMES = 5


def paths(config: Config) -> list[str]:
    """The pages of a pipeline, with its newest runs where one is named."""
    runs = Runs(config)
    ids = [run_id for run_id in runs.ids() if runs.summary(run_id)][:2]
    of_run = [f"/runs/{ids[0]}", f"/runs/{ids[0]}/log", f"/compare?runs={','.join(ids)}", f"/models/{ids[0]}"]
    return [
        "/",
        "/runs",
        "/runs?sort=-seconds",
        "/compare",
        "/models",
        "/schema",
        "/data/latest",
        *of_run,
        "/search?q=fare",
    ]


def milliseconds(port: int, path: str) -> tuple[float, float]:
    """How long one answer takes.

    Args:
        port: of the console.
        path: of the page.

    Returns:
        By the clock, and of the processor: the number to trust on a machine that does other things too.

    Raises:
        RuntimeError: the page is not shown.
    """
    began, worked = time.perf_counter(), time.process_time()
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {_TOKEN}"})
        answer = connection.getresponse()
        answer.read()
    if answer.status not in (200, 303):
        raise RuntimeError(f"{path}: {answer.status}")
    return (time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000


def main() -> None:
    """Prints a line for each page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("-c", "--config", default="conf/taxi.yaml")
    parser.add_argument("--runs", type=int, default=500)
    chosen = parser.parse_args()
    for count in (5, chosen.runs):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "root"
            shutil.copytree(chosen.root, root, symlinks=True)
            repeat(root, count)
            config = load(chosen.config, [f"root={root}"])
            print(f"{f'{count} runs more':<34}{'first':>8}{'median':>8}{'processor':>11}  ms")
            with answering(config, _TOKEN) as port:
                for path in paths(config):
                    (first, _), *others = [milliseconds(port, path) for _ in range(_TIMES + 1)]
                    clock, processor = (statistics.median(column) for column in zip(*others, strict=True))
                    print(f"  {path:<32.32}{first:>8.0f}{clock:>8.0f}{processor:>11.0f}", flush=True)


if __name__ == "__main__":
    main()
