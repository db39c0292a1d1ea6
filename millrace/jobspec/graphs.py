"""The graphs of a pipeline spec: what a task waits for, in what order they can run, and whether they can be walked."""

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from millrace.base.shapes import DEEPEST

Task = dict[str, Any]

# Far more than anybody's job has, and few enough to walk.
MOST_TASKS = 10_000


def producers(task: Mapping[str, Any]) -> set[str]:
    """The names of the tasks whose outputs or final state a task takes, and of those that it says it waits for."""
    return set(task.get("dependentTasks", ())) | {name for name, _ in inputs_from_tasks(task)}


def inputs_from_tasks(task: Mapping[str, Any]) -> Iterator[tuple[str, Optional[tuple[str, str]]]]:
    """Every input that a task takes from another one.

    Yields:
        The producer's name, and whether it is an output of the "artifacts" or "parameters" and its key; None in place
        of the latter where the input is the producer's final state.
    """
    given = task.get("inputs", {})
    for spec in given.get("artifacts", {}).values():
        if "taskOutputArtifact" in spec:
            source = spec["taskOutputArtifact"]
            yield source.get("producerTask", ""), ("artifacts", source.get("outputArtifactKey", ""))
    for spec in given.get("parameters", {}).values():
        if "taskOutputParameter" in spec:
            source = spec["taskOutputParameter"]
            yield source.get("producerTask", ""), ("parameters", source.get("outputParameterKey", ""))
        if "taskFinalStatus" in spec:
            yield spec["taskFinalStatus"].get("producerTask", ""), None


def in_order(tasks: Mapping[str, Task]) -> dict[str, Task]:
    """A graph's tasks in an order in which they can run; names are compared where the graph leaves it open.

    A producer that is not there is passed over, and a circle is cut at its smallest name: whether a graph is sound is
    for the checks to say.
    """
    waiting = {name: producers(tasks[name]) & tasks.keys() for name in sorted(tasks)}
    consumers: dict[str, list[str]] = {name: [] for name in tasks}
    for name, needed in waiting.items():
        for producer in needed:
            consumers[producer].append(name)
    ordered: dict[str, Task] = {}
    ready = [name for name, needed in waiting.items() if not needed]
    while waiting:
        following = []
        for name in ready or list(waiting)[:1]:
            ordered[name] = tasks[name]
            del waiting[name]
            for consumer in consumers[name]:
                waiting.get(consumer, set()).discard(name)
                if consumer in waiting and not waiting[consumer]:
                    following.append(consumer)
        ready = sorted(following)
    return ordered


def unwalkable(spec: Mapping[str, Any]) -> list[str]:
    """Why the graphs cannot be walked: one holds itself, or they hold each other too often for anybody to run that.

    Args:
        spec: a pipeline spec.

    Returns:
        A sentence; nothing where they can be walked.
    """
    held = {name: [*_components_of(one)] for name, one in spec["components"].items()}
    tasks: dict[str, int] = {}
    for _ in range(DEEPEST):
        leaves = [name for name, below in held.items() if held.keys().isdisjoint(below)]
        tasks |= {name: 1 + sum(tasks.get(one, 1) for one in held.pop(name)) for name in leaves}
    if held and leaves:
        return [f"its graphs are nested more than {DEEPEST} deep"]
    if held:
        way = [min(held)]
        while way[-1] not in way[:-1]:
            way.append(min(held.keys() & held[way[-1]]))
        around = " > ".join(way[way.index(way[-1]) :])
        return [f"the graph of the component {way[-1]} holds itself: {around}"]
    many = sum(tasks.get(one, 1) for one in _components_of(spec["root"]))
    return [f"its graphs hold each other, which makes {many:,} tasks"] if many > MOST_TASKS else []


def _components_of(component: Mapping[str, Any]) -> Iterator[str]:
    for task in component.get("dag", {}).get("tasks", {}).values():
        yield task.get("componentRef", {}).get("name", "")
