"""Lets a stand-in of Vertex AI do a job's work: by rehearsing the job that it received."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from fake_vertex import Tell

from millrace.base.outcomes import State
from millrace.jobspec.job import from_documents
from millrace.metadata.run_folder import RunFolder
from millrace.rehearsal.rehearse import rehearse
from millrace.rehearsal.report import Result, TaskState
from millrace.rehearsal.world import RehearsalOptions

_STATES = {
    State.RUNNING: "RUNNING",
    State.DONE: "SUCCEEDED",
    State.CACHED: "SKIPPED",
    State.FAILED: "FAILED",
    State.BLOCKED: "FAILED",
    State.SKIPPED: "NOT_TRIGGERED",
}


@dataclass
class Rehearsed:
    """Rehearses jobs, and tells of their tasks while it does.

    Args:
        folder: where the rehearsals' folders go.
        buckets: `gs://` prefixes and the folders of this machine that hold them.
        result: of the last rehearsal.
    """

    folder: Path
    buckets: Mapping[str, Path] = field(default_factory=dict)
    result: Optional[Result] = None

    def __call__(self, received: dict[str, Any], tell: Tell) -> bool:
        job = from_documents([{key: received[key] for key in ("displayName", "pipelineSpec", "runtimeConfig")}])
        over = threading.Event()
        followers = []

        def started(run: RunFolder, tasks: list[str]) -> None:
            followers.append(threading.Thread(target=_follow, args=(run, tell, over)))
            followers[0].start()

        try:
            self.result = rehearse(job, self.folder, options=RehearsalOptions(elsewhere=self.buckets), started=started)
        finally:
            over.set()
            for follower in followers:
                follower.join()
        return not any(row.state in (TaskState.FAILED, TaskState.BLOCKED) for row in self.result.tasks)


def _follow(run: RunFolder, tell: Tell, over: threading.Event) -> None:
    """Passes on what the rehearsal's journal says, until it is over and everything was passed on."""
    told = 0
    while True:
        last = over.wait(0.2)
        events = run.journal.events()
        for event in events[told:]:
            if event.state in _STATES:
                code = 3 if event.state is State.BLOCKED else 1
                words = f"The replica workerpool0-0 exited with a non-zero status of {code}."
                tell(event.stage, _STATES[event.state], words)
        told = len(events)
        if last:
            return
