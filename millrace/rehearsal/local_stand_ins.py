"""What of a command asks Google Cloud itself to do the work, and what stands in for it on this machine.

Everything else in a command stays exactly as it is. Each stand-in is a finding of the rehearsal.
"""

import re
from collections.abc import Sequence
from typing import Any

from millrace.catalog.beam_runners import is_on_this_machine, is_prism
from millrace.rehearsal.failures import NotRehearsed

# Executors that ask Vertex AI, and those that do their work, or what of it is no request, in the task itself.
_IN_PROCESS = {
    "tfx.extensions.google_cloud_ai_platform.trainer.executor.GenericExecutor": (
        "tfx.components.trainer.executor.GenericExecutor",
        "the training ran in its own task in place of a Vertex AI custom job",
    ),
    "tfx.extensions.google_cloud_ai_platform.tuner.executor.Executor": (
        "tfx.components.tuner.executor.Executor",
        "the search ran in its own task in place of a Vertex AI custom job",
    ),
    "millrace.components.vertex_pusher.executor.Executor": (
        "tfx.components.pusher.executor.Executor",
        "the model was pushed to its folder alone, and nothing was sent to Vertex AI, neither a version nor a monitor",
    ),
}
# Executors whose work is a request to Google Cloud: there is nothing to stand in for them.
_CLOUD_ONLY = re.compile(r"tfx\.extensions\.google_cloud_\w+\..+")


def stand_in(line: Sequence[str]) -> tuple[list[str], list[str]]:
    """A command as this machine can run it.

    Args:
        line: the program and its arguments.

    Returns:
        The command, and a sentence for each stand-in.

    Raises:
        NotRehearsed: its work is Google Cloud's alone.
    """
    words, differences = list(line), []
    for index, word in enumerate(words):
        if word in _IN_PROCESS:
            words[index], sentence = _IN_PROCESS[word]
            differences.append(sentence)
        elif _CLOUD_ONLY.fullmatch(word):
            raise NotRehearsed(f"{word} asks Google Cloud, which a rehearsal never does")
    return _with_local_beam(words, differences), differences


def _with_local_beam(words: list[str], differences: list[str]) -> list[str]:
    # Beam takes seconds to import, and a job without Beam stages needs none of it.
    from millrace.components.beam_engine import ON_THIS_MACHINE

    for index, word in enumerate(words):
        value = word.partition("=")[2] if word.startswith("--runner=") else ""
        if word == "--runner" and index + 1 < len(words):
            value, place = words[index + 1], index + 1
        else:
            place = index
        if not value or value in ("BundleBasedDirectRunner", "FnApiRunner"):
            continue
        # On this machine it is the same work without the program that Beam would download first.
        words[place] = "FnApiRunner" if place != index else ON_THIS_MACHINE
        if not (is_on_this_machine(value) or is_prism(value)):
            differences.append(f"Beam's work was done in the task's own process in place of {value}")
    return words


def container_of(executor: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The container that an executor starts, and a sentence for each stand-in.

    A custom job (`customJob`) stands for the container of its first worker pool, in one replica.

    Raises:
        NotRehearsed: the executor starts none.
    """
    if "container" in executor:
        return executor["container"], []
    job = executor.get("customJob", {}).get("customJob", executor.get("customJob", {}))
    pools = job.get("jobSpec", {}).get("workerPoolSpecs", [])
    if not pools or "containerSpec" not in pools[0]:
        raise NotRehearsed(f"an executor of this kind is not rehearsed: {', '.join(executor) or 'none is given'}")
    spec = pools[0]["containerSpec"]
    replicas = sum(int(pool.get("replicaCount", 1)) for pool in pools)
    container = {
        "image": spec.get("imageUri", ""),
        **{key: spec[key] for key in ("command", "args", "env") if key in spec},
    }
    return container, [f"the custom job of {replicas} replica(s) ran as one process on this machine"]
