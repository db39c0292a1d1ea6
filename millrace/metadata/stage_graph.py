"""Which stage waits for which: written down when a run begins, and told from ML Metadata for runs that did not."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ml_metadata import MetadataStore
from pydantic import TypeAdapter, ValidationError

from millrace.base import files
from millrace.metadata.events import is_made, is_read
from millrace.metadata.run_summaries import Runs

FILE = "graph.json"
_GRAPH = TypeAdapter(dict[str, list[str]])


def record(folder: Path, upstream: Mapping[str, Iterable[str]]) -> None:
    """Writes down the graph of a run. ML Metadata knows of artifacts alone, and a gate may hand none on.

    Args:
        folder: the run's.
        upstream: the stages that each stage waits for.
    """
    files.write(folder / FILE, json.dumps({stage: list(above) for stage, above in upstream.items()}, indent=1) + "\n")


def upstream_stages(runs: Runs, run_id: str, stages: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """The stages that each stage of a run waits for.

    Args:
        runs: those of its pipeline.
        run_id: the run's id.
        stages: the executions' ids in ML Metadata, by stage; 0 for a stage that has none.

    Returns:
        For each stage those that it waits for, of the run's stages alone. Of a run that wrote down no graph, as before
        0.2.0 and in a rehearsal, those whose artifacts it read.
    """
    folder = runs.folder(run_id)
    known = _recorded(folder.path) if folder else {}
    if not known:
        known = _of_executions(runs.store, {name: number for name, number in stages.items() if number})
    return {name: tuple(one for one in known.get(name, ()) if one in stages) for name in stages}


def _recorded(folder: Path) -> dict[str, list[str]]:
    try:
        return _GRAPH.validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return {}


def _of_executions(store: MetadataStore, executions: Mapping[str, int]) -> dict[str, list[str]]:
    if not executions:
        return {}
    stage_of = {number: name for name, number in executions.items()}
    events = store.get_events_by_execution_ids(list(stage_of))
    makers: dict[int, str] = {}
    for event in events:
        if is_made(event):
            makers.setdefault(event.artifact_id, stage_of[event.execution_id])
    read = {name: list[str]() for name in executions}
    for event in events:
        maker = makers.get(event.artifact_id)
        if is_read(event) and maker and maker != stage_of[event.execution_id]:
            read[stage_of[event.execution_id]].append(maker)
    return {name: list(dict.fromkeys(found)) for name, found in read.items()}


def layers(stages: Iterable[str], upstream: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """The stages from left to right: each stands behind all that it waits for, and close to who waits for it.

    Args:
        stages: in the order in which they are to stand within a layer.
        upstream: the stages that each waits for.

    Returns:
        The layers; a circle, which no graph of TFX has, is cut where it is met.
    """
    depth: dict[str, int] = {}

    def depth_of(stage: str, below: frozenset[str]) -> int:
        if stage not in depth:
            before = [depth_of(one, below | {stage}) for one in upstream.get(stage, ()) if one not in below | {stage}]
            depth[stage] = 1 + max(before, default=-1)
        return depth[stage]

    ordered = list(stages)
    for stage in ordered:
        depth_of(stage, frozenset())
    # What waits for nothing, such as a search for the champion, stands just before the first that needs it.
    for stage in ordered:
        below = [depth[other] for other in ordered if stage in upstream.get(other, ())]
        if below and not upstream.get(stage):
            depth[stage] = min(below) - 1
    return [[stage for stage in ordered if depth[stage] == one] for one in sorted(set(depth.values()))]


def without_detours(upstream: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The edges that a picture needs: one is left out where a longer way says the same.

    Args:
        upstream: the stages that each waits for.
    """
    above: dict[str, set[str]] = {}

    def all_above(stage: str, below: frozenset[str]) -> set[str]:
        if stage not in above:
            found: set[str] = set()
            for one in upstream.get(stage, ()):
                if one not in below:
                    found |= {one} | all_above(one, below | {stage})
            above[stage] = found
        return above[stage]

    for stage in upstream:
        all_above(stage, frozenset())
    return {
        stage: tuple(one for one in of_stage if not any(one in above[other] for other in of_stage if other != one))
        for stage, of_stage in upstream.items()
    }
