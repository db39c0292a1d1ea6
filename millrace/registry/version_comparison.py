"""What differs between two versions: their runs, where both are known here, and what was kept of each."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from millrace.comparison.run_comparison import MetricChange, RunComparison, compare
from millrace.components.evaluator.gate_report import EXAMPLE_COUNT, OVERALL
from millrace.metadata.run_details import run_detail
from millrace.metadata.run_summaries import Runs
from millrace.registry.version import Version


@dataclass(frozen=True)
class VersionComparison:
    """Two versions of one model.

    Args:
        before: the one that is compared with.
        after: the other.
        same_files: whether both have the very same files.
        signatures: what a client would notice, in words.
        runs: how their runs differ; None where one of them is not known here, or both were pushed by one run.
        why_no_runs: why they are not compared; empty where they are.
        metrics: of those that both keep, the ones that differ; empty where the runs are compared, which say more.
    """

    before: Version
    after: Version
    same_files: bool
    signatures: tuple[str, ...]
    runs: Optional[RunComparison]
    why_no_runs: str = ""
    metrics: tuple[MetricChange, ...] = ()


def compare_versions(runs: Runs, before: Version, after: Version) -> VersionComparison:
    """Compares two versions.

    Args:
        runs: those of the pipeline.
        before: the one that is compared with.
        after: the one that is told about.
    """
    why, of_runs = "", None
    details = [run_detail(runs, one.run, time.time()) for one in (before, after)]
    if before.run == after.run and before.run:
        why = f"run {before.run} pushed both"
    elif details[0] is None or details[1] is None:
        unknown = [str(one.number) for one, detail in zip((before, after), details, strict=True) if detail is None]
        why = f"the run of {' and of '.join(unknown)} is not known here"
    else:
        of_runs = compare(details[0], details[1])
    return VersionComparison(
        before=before,
        after=after,
        same_files=before.checksum == after.checksum,
        signatures=tuple(_signature_changes(before, after)),
        runs=of_runs,
        why_no_runs=why,
        metrics=() if of_runs else tuple(_metric_changes(before, after)),
    )


def _signature_changes(before: Version, after: Version) -> Iterator[str]:
    for name in sorted({*before.signatures, *after.signatures}):
        old, new = before.signatures.get(name), after.signatures.get(name)
        if old is None or new is None:
            yield f"{name} is {'new' if old is None else 'gone'}"
            continue
        for side, was, now in (("takes", old.inputs, new.inputs), ("gives", old.outputs, new.outputs)):
            for key in sorted({*was, *now}):
                if was.get(key) != now.get(key):
                    yield f"{name} {side} {key}: {was.get(key, 'not before')} -> {now.get(key, 'no more')}"


def _metric_changes(before: Version, after: Version) -> Iterator[MetricChange]:
    for name, value in before.facts.metrics.items():
        other = after.facts.metrics.get(name)
        if name != EXAMPLE_COUNT and other is not None and other != value:
            yield MetricChange(OVERALL, name, value, other)
