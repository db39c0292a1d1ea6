"""The picture of the flow, drawn from the compiled jobs that the tests hold equal to the graph."""

import json
import re
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "library" / "tests" / "jobspec" / "golden"
GATES = ("DataGate", "Evaluator", "InfraValidator")
# Vertex AI needs two resolvers for what is one stage of the graph: the blessing, then what it blessed.
_RESOLVER = re.compile(r"-model(-blessing)?-resolver$")
_WIDTH, _BOX, _ROW = 620, (176, 36), 74
HEAD = """\
# The flow

Each stage is a TFX component with TFX's artifacts in ML Metadata. Those with a double line are gates: they can end a
run, and say why ([the gates](gates.md)). Those with a broken line are there when the configuration asks for them.
Unchanged stages are served from the cache; what makes a stage stale is what it reads: code, schema, its own settings.

<figure markdown="0" class="flow">
"""


def page() -> str:
    """The page, as Markdown with an SVG that takes the page's colours."""
    always, every = (_tasks(name) for name in ("taxi-vertex.json", "everything-vertex.json"))
    rows = ["| stage | takes | makes |", "|---|---|---|"]
    for name in _ordered(every):
        takes = [f"{key} of {stage}" for stage, keys in every[name]["takes"].items() for key in keys]
        rows.append(f"| {name} | {', '.join(takes) or ' '} | {', '.join(every[name]['makes'])} |")
    return f"{HEAD}{_svg(every, always.keys())}\n</figure>\n\n" + "\n".join(rows) + "\n"


def _tasks(golden: str) -> dict[str, dict[str, Any]]:
    """Each stage of a compiled job with what it takes, by the stage that makes it, and what it makes."""
    job = json.loads((GOLDEN / golden).read_text(encoding="utf-8"))
    spec = job.get("pipelineSpec", job)
    result: dict[str, dict[str, Any]] = {}
    for name, task in spec["root"]["dag"]["tasks"].items():
        if task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED":
            continue  # a service's own, which comes when all others have ended
        stage = result.setdefault(_stage(name), {"takes": {}, "makes": [], "after": set()})
        for key, source in task.get("inputs", {}).get("artifacts", {}).items():
            producer = _stage(source["taskOutputArtifact"]["producerTask"])
            if producer != _stage(name):
                stage["takes"].setdefault(producer, []).append(key)
                if producer != source["taskOutputArtifact"]["producerTask"]:
                    made = result.setdefault(producer, {"takes": {}, "makes": [], "after": set()})["makes"]
                    made += {source["taskOutputArtifact"]["outputArtifactKey"]} - set(made)
        stage["after"] |= {_stage(other) for other in task.get("dependentTasks", [])} - {_stage(name)}
        outputs = spec["components"][task["componentRef"]["name"]].get("outputDefinitions", {}).get("artifacts", {})
        if not _RESOLVER.search(name):
            stage["makes"] = list(outputs)
    for stage in result.values():
        stage["after"] |= set(stage["takes"])
    return result


def _stage(task: str) -> str:
    return _RESOLVER.sub("", task)


def _levels(tasks: dict[str, dict[str, Any]]) -> dict[str, int]:
    """How many stages must come before each; a stage that nothing comes before stands just above who needs it."""
    levels: dict[str, int] = {}

    def level(name: str) -> int:
        if name not in levels:
            levels[name] = 1 + max((level(other) for other in tasks[name]["after"]), default=-1)
        return levels[name]

    for name in tasks:
        level(name)
    for name in tasks:
        needed_by = [levels[other] for other in tasks if name in tasks[other]["after"]]
        if not tasks[name]["after"] and needed_by:
            levels[name] = max(min(needed_by) - 1, 0)
    return levels


def _ordered(tasks: dict[str, dict[str, Any]]) -> list[str]:
    levels = _levels(tasks)
    return sorted(tasks, key=lambda name: (levels[name], name))


def _svg(tasks: dict[str, dict[str, Any]], always: Any) -> str:
    levels = _levels(tasks)
    rows: dict[int, list[str]] = {}
    for name in _ordered(tasks):
        rows.setdefault(levels[name], []).append(name)
    wide, high = _BOX
    middles = {
        name: (_WIDTH / 2 + (place - (len(row) - 1) / 2) * (wide + 24), 30 + level * _ROW)
        for level, row in rows.items()
        for place, name in enumerate(row)
    }
    size = f'viewBox="0 0 {_WIDTH} {60 + max(rows) * _ROW}"'
    parts = [f'<svg {size} role="img" aria-label="The stages, and what runs after what">']
    for name, task in tasks.items():
        for other in sorted(_direct(name, tasks)):
            (x1, y1), (x2, y2) = middles[other], middles[name]
            top, bottom = y1 + high / 2, y2 - high / 2
            middle = (top + bottom) / 2
            path = f"M{x1:.0f} {top:.0f} C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {bottom:.0f}"
            made = f"{other} then {name}: {', '.join(task['takes'].get(other, [])) or 'order only'}"
            parts.append(f'<path class="edge" d="{path}"><title>{escape(made)}</title></path>')
    for name, (x, y) in middles.items():
        kind = "gate" if name in GATES else "stage"
        optional = "" if name in always else " optional"
        box = f'x="{x - wide / 2:.0f}" y="{y - high / 2:.0f}" width="{wide}" height="{high}" rx="6"'
        inner = f'x="{x - wide / 2 + 3:.0f}" y="{y - high / 2 + 3:.0f}" width="{wide - 6}" height="{high - 6}" rx="4"'
        parts.append(f'<rect class="{kind}{optional}" {box}/>')
        if kind == "gate":
            parts.append(f'<rect class="inner" {inner}/>')
        parts.append(f'<text x="{x:.0f}" y="{y + 5:.0f}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"])


def _direct(name: str, tasks: dict[str, dict[str, Any]]) -> set[str]:
    """What a stage comes right after: what another of these already waits for need not be drawn."""
    after = tasks[name]["after"]
    return {one for one in after if not any(one in _before(other, tasks) for other in after)}


def _before(name: str, tasks: dict[str, dict[str, Any]]) -> set[str]:
    return {found for other in tasks[name]["after"] for found in {other, *_before(other, tasks)}}
