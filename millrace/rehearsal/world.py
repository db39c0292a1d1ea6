"""What all tasks of one rehearsal share."""

import re
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from millrace.jobspec.job import CompiledJob
from millrace.metadata.journal import Journal
from millrace.rehearsal.cloud_folder import CloudFolder
from millrace.rehearsal.lineage import RehearsalRecord
from millrace.rehearsal.memory import Room, Watch
from millrace.rehearsal.processes import Processes
from millrace.rehearsal.sandbox import Sandbox
from millrace.rehearsal.scope import TaskOutcome
from millrace.rehearsal.view import TaskPlaces


@dataclass(frozen=True)
class RehearsalOptions:
    """How to rehearse.

    Args:
        exact: an interpreter of its own for each task, as in the cloud.
        cache: whether tasks whose spec asks for it are served from the cache.
        fail: how many tries of which tasks fail; `retries.ALWAYS` is every one.
        outputs: what a person gives in place of what tasks make: folders, or values of parameters, by task and key.
        partial: whether a rehearsal counts as done in which some tasks could not run here.
        task_seconds: after how many seconds a try of a task is ended; 0 for never.
        elsewhere: `gs://` prefixes that lie in folders of this machine.
        longest_wait: seconds between two tries that are really waited for; the report tells what the policy says.
        places: how many tasks may run side by side; 0 takes the number of processors.
    """

    exact: bool = False
    cache: bool = True
    fail: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    partial: bool = False
    task_seconds: float = 0.0
    elsewhere: Mapping[str, Path] = field(default_factory=dict)
    longest_wait: float = 2.0
    places: int = 0


@dataclass(frozen=True)
class World:
    """One rehearsal.

    Args:
        job: the job, with every `gs://` turned into a folder.
        labels: what each task is called, by its names from the root.
        options: how to rehearse.
        folder: the run's folder.
        root: where tasks put their outputs: the pipeline root and what the service adds to it.
        facts: what the service says of the job in placeholders.
        clouds: where the buckets are.
        sandbox: the stand-ins for images.
        processes: starts the tasks' processes.
        lineage: ML Metadata.
        journal: the run's journal.
        watch: follows memory.
        room: lets tasks begin.
        stopped: set when the rehearsal is interrupted.
        findings: what would be different, or refused, on the service.
        outcomes: the tasks that have ended, those of nested graphs included, in the order of their ends.
    """

    job: CompiledJob
    labels: Mapping[tuple[str, ...], str]
    options: RehearsalOptions
    folder: Path
    root: str
    facts: Mapping[str, str]
    clouds: CloudFolder
    sandbox: Sandbox
    processes: Processes
    lineage: RehearsalRecord
    journal: Journal
    watch: Watch
    room: Room
    stopped: threading.Event = field(default_factory=threading.Event)
    findings: list[str] = field(default_factory=list)
    outcomes: dict[str, TaskOutcome] = field(default_factory=dict)

    def find(self, task: str, sentence: str) -> None:
        """Adds a finding.

        Args:
            task: the task that it is about.
            sentence: how the rehearsal differs from the service there.
        """
        self.findings.append(f"{task}: {self.clouds.cloud(sentence)}")

    def log_of(self, task: str) -> Path:
        """A task's log."""
        return self.folder / "tasks" / f"{file_name(task)}.log"

    def places_of(self, task: str) -> TaskPlaces:
        """A task's own folders, outside of the project."""
        return TaskPlaces(self.folder / "work" / file_name(task))


def file_name(task: str) -> str:
    """A task's name as a file's: KFP's names may be longer than a file system takes, and hold whatever they like."""
    plain = re.sub(r"[^\w.\[\]-]", "_", task)
    return task if plain == task and len(task) < 100 else f"{plain[:100]}-{zlib.crc32(task.encode()):08x}"
