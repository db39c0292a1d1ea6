"""`python -m benchmarks.serving.hour`: an hour of a champion and a shadow behind the gateway, and how memory grows."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import click
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import report
from benchmarks.serving.load import asks_rest
from benchmarks.serving.requests import json_request, warm_up_request
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.registry.events import CHAMPION
from millrace.registry.intake import open_registry
from millrace.registry.version import VersionFacts
from millrace.serving import rollouts, state

_POLICY, _BECAUSE = "hour", "an hour of load"
_START_SECONDS = 180.0
_SAMPLE_SECONDS = 15.0
# Until then everything was used once: caches are full, and threads are there.
_WARM = 1 / 6
# Who is who, by what stands in the command line of a process that the gateway started.
_PROCESSES = {"envoy.json": "Envoy", "millrace.serving": "controller", "/1/served.config": "champion's server",
              "/2/served.config": "shadow's server"}  # fmt: skip


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--config", "config_file", default="conf/taxi.yaml", show_default=True, help="Of the model's pipeline.")
@click.option("--minutes", default=60.0, show_default=True)
@click.option("--rate", default=50.0, show_default=True, help="Requests per second, of one client.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the samples here.")
def main(model: Path, config_file: str, minutes: float, rate: float, file: Optional[Path]) -> None:
    """Ask a gateway whose champion and shadow are both the pushed MODEL (the folder of a version).

    The controller compares their answers from the log of requests meanwhile. Everything is in a folder that is removed.
    """
    console = Console(highlight=False, width=120)
    console.print("  ".join(f"{key} {value}" for key, value in report.machine().items()), soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="millrace-hour-") as folder:
        policy = {"kind": "shadow", "minutes": minutes, "hours": minutes, "requests": 1}
        policy["judged"] = {"slow": None, "disagreement": {"at_most": 0.01}}
        settings = [
            f"root={folder}",
            "registry.approval=manual",
            "rollout.port=0",
            f"rollout.policies={json.dumps({_POLICY: policy})}",
        ]
        config = load(config_file, settings)
        _register(config, model, Path(folder) / "models")
        with _gateway(config, settings) as (gateway, port):
            rollouts.start(config, "2", _POLICY, _BECAUSE)
            samples, took, failed = _load(gateway, port, config.name, model, minutes, rate)
        rollout = state.read_rollout(rollouts.places_of(config))
        assert rollout
        times = np.sort(took) * 1000
        console.print(
            f"{len(took):,} answers, {failed} failed; p50 {np.percentile(times, 50):.1f} ms, "
            f"p99 {np.percentile(times, 99):.1f} ms; the shadow: {rollout.progress.answers:,} answers, {rollout.reason}"
        )
    console.print(_table(samples))
    if file:
        file.write_text(json.dumps(samples), encoding="utf-8")


def _register(config: Config, model: Path, folder: Path) -> None:
    """Makes the model two versions of a registry, the first of them champion."""
    with open_registry(config) as registry:
        for number in (1, 2):
            shutil.copytree(model, folder / str(number))
            registry.take_in([(number, "", VersionFacts(folder=str(folder / str(number))))])
        registry.approve(registry.version("1"), _BECAUSE)
        registry.move(CHAMPION, registry.version("1"), _BECAUSE)


@contextmanager
def _gateway(config: Config, settings: Sequence[str]) -> Iterator[tuple[psutil.Process, int]]:
    """The gateway's own process, as `millrace rollout gateway` starts it, and its port."""
    sets = [part for one in settings for part in ("--set", one)]
    command = [sys.executable, "-m", "millrace.cli.main", "rollout", "gateway", "-c", config.file, *sets]
    with open(Path(config.root) / "gateway.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        ends = time.monotonic() + _START_SECONDS
        while not ((status := rollouts.standing(config).gateway) and status.port):
            if time.monotonic() > ends or process.poll() is not None:
                raise RuntimeError(Path(log.name).read_text(encoding="utf-8")[-2000:])
            time.sleep(0.5)
        yield psutil.Process(process.pid), status.port
    finally:
        process.terminate()
        process.wait()


def _load(
    gateway: psutil.Process, port: int, name: str, model: Path, minutes: float, rate: float
) -> tuple[list[dict[str, float]], list[float], int]:
    """Asks at a rate; each sample has the seconds and the resident MiB by process."""
    ask = asks_rest(port, f"/v1/models/{name}:predict", json_request(warm_up_request(model, "predict_json")))
    samples: list[dict[str, float]] = []
    took: list[float] = []
    failed, began = 0, time.monotonic()
    ends, due, sample_at = began + minutes * 60, began, began
    while (now := time.monotonic()) < ends:
        if now >= sample_at:
            samples.append({"seconds": now - began, **_memory(gateway)})
            sample_at += _SAMPLE_SECONDS
        if now < due:
            time.sleep(due - now)
        due += 1 / rate
        try:
            asked = time.perf_counter()
            ask()
            took.append(time.perf_counter() - asked)
        except (OSError, RuntimeError):
            failed += 1
    return samples, took, failed


def _memory(gateway: psutil.Process) -> dict[str, float]:
    found = {"keeper": gateway.memory_info().rss / 2**20}
    for child in gateway.children(recursive=True):
        words = " ".join(child.cmdline())
        who = next((name for part, name in _PROCESSES.items() if part in words), None)
        if who and "lifeline" not in words:
            found[who] = child.memory_info().rss / 2**20
    return found


def _table(samples: Sequence[dict[str, float]]) -> Table:
    table = Table("resident MiB", "at first", "once warm", "at the end", "most", "MiB an hour, by least squares")
    for who in sorted({name for one in samples for name in one} - {"seconds"}):
        seconds, memory = np.array([(one["seconds"], one[who]) for one in samples if who in one]).T
        warm = seconds >= _WARM * samples[-1]["seconds"]
        slope = np.polyfit(seconds[warm] / 3600, memory[warm], 1)[0]
        shown = (memory[0], memory[warm][0], memory[-1], memory.max())
        table.add_row(who, *(f"{value:.0f}" for value in shown), f"{slope:+.1f}")
    return table


if __name__ == "__main__":
    main()
