"""What each task is called in a report, a log's name and the metadata: by its own name where only one has it.

A graph may stand in several places, as KFP's pipelines within pipelines do, and then its tasks are told apart by the
tasks that hold them: `second-half.print`. A turn of a loop is a number in brackets: `print[2]`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from millrace.jobspec.job import CompiledJob, Spec

# From the root to the task itself, by names.
Path = tuple[str, ...]


def labels_of(job: CompiledJob) -> dict[Path, str]:
    """The label of every task, graphs included, in an order in which they can run.

    Args:
        job: the job.
    """
    paths = list(_paths(job, job.tasks, (), frozenset()))
    counts = Counter(path[-1] for path in paths)
    return {path: path[-1] if counts[path[-1]] == 1 else ".".join(path) for path in paths}


def _paths(job: CompiledJob, tasks: Mapping[str, Spec], above: Path, within: frozenset[str]) -> Iterator[Path]:
    for name, task in tasks.items():
        yield (*above, name)
        component = str(task.get("componentRef", {}).get("name", ""))
        # A graph that holds itself would never end.
        if component not in within:
            yield from _paths(job, job.graph(task), (*above, name), within | {component})


def turn_label(label: str, turns: tuple[int, ...]) -> str:
    """The label of a task in one turn of the loops around it.

    Args:
        label: the task's label.
        turns: the number of the turn in each loop, the outermost first; empty outside of loops.
    """
    return f"{label}[{'.'.join(map(str, turns))}]" if turns else label


def leaves(labels: Mapping[Path, str], below: Path = ()) -> list[str]:
    """The labels of the tasks that are no graphs.

    Args:
        labels: as `labels_of` gives them: a graph's tasks follow it.
        below: the path of a graph, for its tasks alone.
    """
    paths = [path for path in labels if len(path) > len(below) and path[: len(below)] == below]
    graphs = {path[:-1] for path in paths}
    return [labels[path] for path in paths if path not in graphs]
