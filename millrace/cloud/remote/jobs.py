"""A job, a task and a schedule as a service tells of them, in the same words for every service."""

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Optional, Protocol

from millrace.base.outcomes import INTERRUPTED, State
from millrace.config.cloud_sections import Schedule
from millrace.jobspec.job import CompiledJob
from millrace.metadata.journal import ENDED, Event

# How Vertex AI ("... exited with a non-zero status of 3.") and Argo ("Error (exit code 3)") tell of a task that ended.
_A_GATE_SAID_NO = re.compile(r"\b(status of|exit code) 3\b")


class JobState(str, enum.Enum):
    """What a job is doing, or how it ended."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


def ended_by_a_gate(failure: str) -> bool:
    """Whether what a service says of a failed task means that a gate said no."""
    return bool(_A_GATE_SAID_NO.search(failure))


@dataclass(frozen=True)
class RemoteTask:
    """One task of a job.

    Args:
        name: the task's name in the pipeline spec.
        state: its state, in the words of a local run.
        started: when it began, seconds since the epoch; None before.
        ended: when it ended; None before.
        note: a few words for a person, for instance where its log is.
        failure: what the service says went wrong; empty when nothing did.
        blocked: whether a gate said no: it ended with exit code 3, did not bless the model, or was not run since its
            condition did not hold.
    """

    name: str
    state: State
    started: Optional[float] = None
    ended: Optional[float] = None
    note: str = ""
    failure: str = ""
    blocked: bool = False

    def events(self) -> Iterator[Event]:
        """The task's history as a run's journal would hold it."""
        if self.started is not None:
            yield Event(self.name, State.RUNNING, self.started)
        if self.state in ENDED:
            yield Event(self.name, self.state, self.ended or self.started or 0.0, self.note)


@dataclass(frozen=True)
class RemoteJob:
    """One job.

    Args:
        name: what the other commands call it.
        pipeline: the pipeline's name; empty where the service does not tell.
        title: what the service shows to people.
        state: its state.
        created: when it was made, seconds since the epoch.
        started: when it began to run; None before.
        ended: when it ended; None before.
        link: where a person can look at it.
        tasks: its tasks; empty in a list of jobs.
        failure: what the service says went wrong; empty when nothing did.
        labels: what it was labelled with when it was made, where the service keeps that.
        template: the address of the template that it was started from; empty for none.
    """

    name: str
    pipeline: str
    title: str
    state: JobState
    created: float
    started: Optional[float]
    ended: Optional[float]
    link: str
    tasks: tuple[RemoteTask, ...] = ()
    failure: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    template: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)

    @property
    def exit_code(self) -> int:
        """0 done, 3 a gate said no and nothing else went wrong, 1 failed, 130 cancelled."""
        if self.state is JobState.CANCELLED:
            return INTERRUPTED
        broken = self.state is JobState.FAILED and any(task.state is State.FAILED for task in self.tasks)
        if any(task.blocked for task in self.tasks) and not broken:
            return 3
        return 0 if self.state is JobState.DONE else 1

    def events(self) -> list[Event]:
        """What happened so far, in the order in which it happened."""
        return sorted((event for task in self.tasks for event in task.events()), key=lambda event: event.at)


@dataclass(frozen=True)
class RemoteSchedule:
    """One schedule.

    Args:
        name: what `schedules delete` calls it.
        title: what the service shows to people.
        cron: when it starts jobs, in the service's own notation.
        state: active, paused or completed.
        next_run: when the next job starts, seconds since the epoch; None when it is not told.
        link: where a person can look at it.
    """

    name: str
    title: str
    cron: str
    state: str
    next_run: Optional[float]
    link: str


class Service(Protocol):
    """What the commands ask of a service. Every method raises `ServiceFailure` when the service does not do it."""

    name: str

    def check(self, job: CompiledJob) -> None:
        """Asks, within seconds, what the job needs and what only the service knows; raises when it is not there."""

    def submit(self, job: CompiledJob, name: str) -> RemoteJob:
        """Starts a job, once; `name` is what makes a second try find the first.

        Args:
            job: a job that is ready to be sent.
            name: the job's id where it is ours to give, else what a person sees.

        Returns:
            The job as the service made it, or found it.
        """

    def job(self, name: str) -> RemoteJob:
        """One job with its tasks."""

    def jobs(self, pipeline: str, limit: int) -> list[RemoteJob]:
        """The newest jobs, newest first; of one pipeline, or of all when it is empty.

        Args:
            pipeline: of which one; empty for all.
            limit: how many at most.
        """

    def cancel(self, name: str) -> None:
        """Asks for a job to be cancelled."""

    def create_schedule(self, job: CompiledJob, title: str, when: Schedule) -> RemoteSchedule:
        """Starts a job again and again.

        Args:
            job: a job that is ready to be sent.
            title: the schedule's name.
            when: the cron expression, its limits and its dates.

        Returns:
            The schedule as the service made it.
        """

    def schedules(self) -> list[RemoteSchedule]:
        """Every schedule, newest first."""

    def pause_schedule(self, name: str) -> None:
        """Has a schedule start nothing until it is resumed; jobs that it started go on."""

    def resume_schedule(self, name: str, catch_up: bool) -> None:
        """Has a paused schedule go on.

        Args:
            name: the schedule.
            catch_up: also start the jobs that were missed meanwhile.
        """

    def change_schedule(self, name: str, when: Schedule) -> RemoteSchedule:
        """Changes when a schedule starts its job; the job stays as it was.

        Args:
            name: the schedule.
            when: the cron expression, its limits and its dates.

        Returns:
            The schedule as it is now.
        """

    def delete_schedule(self, name: str) -> None:
        """Ends a schedule; jobs that it started go on."""
