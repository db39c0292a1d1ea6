"""What a cloud's events start: a span that lies whole in a bucket, an alert, somebody's wish, by the same decision.

A function that runs for each event keeps nothing. What it has to know is what the service tells of its jobs, and the id
of a job says what started it: the same span or the same event finds the job that is there, and starts no second one.
What is held back fails, so that the event is delivered again later (`--retry` of a function's trigger).
"""

import base64
import binascii
import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from millrace.base.errors import BadInput, MillraceError
from millrace.cloud.prepared_job import Progress, compiled_before, prepared
from millrace.cloud.remote.jobs import RemoteJob, Service
from millrace.cloud.services import VERTEX
from millrace.components.example_gen.section import Data
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.jobspec.job import CompiledJob
from millrace.tables.patterns import FilePattern
from millrace.triggers.deciding import AskedRun, FiringAlert, SpanPlace, TriggerState, WaitingSpan, decide
from millrace.triggers.spans import name_of

OBJECT_FINALIZED = "google.cloud.storage.object.v1.finalized"
MESSAGE_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
"""https://github.com/googleapis/google-cloudevents: the types of the events that are understood."""

_JOBS_LOOKED_AT = 100
_LETTERS_OF_A_KEY = 12


class HeldBack(MillraceError):
    """A run is to start, and not now: the event is to be delivered again."""


@dataclass(frozen=True)
class Happening:
    """What an event tells, as far as it concerns a pipeline.

    Args:
        key: names it in the id of its job; the same happening has the same.
        span: the span that has come.
        alert: the alert that fires.
        asked: who asks for a run, and why.
    """

    key: str
    span: Optional[WaitingSpan] = None
    alert: str = ""
    asked: Optional[tuple[str, str]] = None


@dataclass(frozen=True)
class EventAnswer:
    """What came of an event.

    Args:
        why: in one sentence.
        job: the id of the job that was started, or that the event had started before; empty where there is none.
    """

    why: str
    job: str = ""


def answer(config: Config, service: Service, job: CompiledJob, event: Mapping[str, Any], now: float) -> EventAnswer:
    """Starts a job where an event and the policy want one.

    Args:
        config: the pipeline's configuration; its section `triggers` is the policy, but for cron, which is a schedule's.
        service: where the job runs.
        job: what is started, ready to be sent.
        event: a CloudEvent: `id`, `source`, `type` and `data`.
        now: seconds since the epoch.

    Raises:
        BadInput: the policy cannot be kept here.
        HeldBack: a run is to start and has to wait.
        ServiceFailure: the service does not answer.
    """
    happening = happening_of(config, event)
    if happening is None:
        return EventAnswer(f"{event.get('type')} of {_subject(event)} is nothing that starts a run of {config.name}")
    jobs = service.jobs(config.name, _JOBS_LOOKED_AT)
    name = f"{_stem(config)}-{happening.key}"
    if any(one.name == name for one in jobs):
        return EventAnswer("this has started a job before", name)
    decision = decide(_state(config, happening, jobs), config.triggers.model_copy(update={"cron": ""}), now)
    if decision.start:
        return EventAnswer(decision.why, service.submit(job, name).name)
    if decision.source is None:
        return EventAnswer(decision.why)
    raise HeldBack(decision.why, where=name, remedy="the event is delivered again where its trigger has --retry")


def happening_of(config: Config, event: Mapping[str, Any]) -> Optional[Happening]:
    """What an event tells of a pipeline; None where it is nothing that its policy names.

    Args:
        config: the pipeline's configuration.
        event: a CloudEvent.

    Raises:
        BadInput: a span cannot be known to be whole, as triggers.span is.
    """
    data = event.get("data")
    data = data if isinstance(data, Mapping) else {}
    if event.get("type") == OBJECT_FINALIZED:
        return _of_object(config, f"gs://{data.get('bucket')}/{data.get('name')}")
    if event.get("type") != MESSAGE_PUBLISHED:
        return None
    message = data.get("message")
    message = message if isinstance(message, Mapping) else {}
    attributes = message.get("attributes") or {}
    if attributes.get("eventType") == "OBJECT_FINALIZE":  # a bucket's notification through Pub/Sub
        return _of_object(config, f"gs://{attributes.get('bucketId')}/{attributes.get('objectId')}")
    identity = f"{event.get('source')} {message.get('messageId') or event.get('id')}"
    return _of_message(config, _content(message), hashlib.sha256(identity.encode()).hexdigest()[:_LETTERS_OF_A_KEY])


def _content(message: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        content = json.loads(base64.b64decode(message.get("data") or "", validate=True))
    except (ValueError, TypeError, binascii.Error):
        return {}
    return content if isinstance(content, Mapping) else {}


def _of_message(config: Config, content: Mapping[str, Any], key: str) -> Optional[Happening]:
    """An alert, as the webhook of section `notify` has it, or a call: `{"because": ..., "who": ...}`."""
    if content.get("kind") == "alert" and content.get("pipeline") == config.name:
        alerts = content.get("alerts")
        firing = [one for one in alerts if isinstance(one, Mapping)] if isinstance(alerts, list) else []
        keys = [str(one.get("key")) for one in firing if one.get("state") == "firing"]
        named = next((one for one in keys if config.triggers.names(one)), None)
        return Happening(f"alert-{key}", alert=named) if named else None
    because = content.get("because")
    if isinstance(because, str) and because.strip() and content.get("pipeline", config.name) == config.name:
        return Happening(f"call-{key}", asked=(str(content.get("who") or "a message"), because.strip()))
    return None


def _of_object(config: Config, uri: str) -> Optional[Happening]:
    """The span that an object makes whole; None where it does not."""
    policy, root = config.triggers.span, (config.vertex.data_path or config.data.path).rstrip("/") + "/"
    if policy is None or not uri.startswith(root):
        return None
    for text in _marks(config.data, policy.done_file):
        pattern = FilePattern.parse(text).at(version=config.data.version)
        if not re.fullmatch(_exactly(pattern), uri.removeprefix(root)):
            continue
        try:
            span, version = pattern.place(uri.removeprefix(root))
        except ValueError:  # no number, or no day
            continue
        if span is not None:
            place = (span, -1 if version is None else version)
            key = f"span-{span}" + (f"-v{version}" if version is not None else "")
            # Its rows are not counted here: DataGate does, in the job.
            return Happening(key, WaitingSpan(place, name_of(config.data, place), None, policy.rows))
    return None


def _exactly(pattern: FilePattern) -> str:
    """As a glob, in which no wildcard takes a folder's slash."""
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(letter, re.escape(letter)) for letter in pattern.glob)


def _marks(data: Data, done_file: str) -> Sequence[str]:
    """The patterns of the objects that make a span whole.

    Raises:
        BadInput: nobody waits for its other files, and nothing says that they are there.
    """
    if done_file:
        folders = sorted({text.rpartition("/")[0] for text in data.patterns})
        marks = [f"{folder}/{done_file}" for folder in folders if FilePattern.parse(folder).has_span]
        if marks:
            return marks
    elif len(data.patterns) == 1 and not set("*?") & set(data.patterns[0]):
        return data.patterns
    what = "no folder is a span's" if done_file else "a span has several files, and an event comes for each"
    raise BadInput(
        f"{what}: a function cannot know when a span is whole",
        where="triggers.span.done_file",
        remedy="name a file that lies in a span's folder once all of it is there: done_file: _SUCCESS",
    )


def _state(config: Config, happening: Happening, jobs: Sequence[RemoteJob]) -> TriggerState:
    running = next((f"job {one.name}, which goes on" for one in jobs if not one.is_over), "")
    read = max((place for one in jobs if (place := _span_of(config, one.name))), default=None)
    span = happening.span
    return TriggerState(
        cron_done=0.0,
        starts=tuple(sorted(one.created for one in jobs)),
        running=running,
        last_end=max((one.ended for one in jobs if one.ended is not None), default=None),
        # A job reads the newest span that is there, so an earlier one has nothing to start.
        spans=(span,) if span and (read is None or span.place > read) else (),
        alerts=(FiringAlert(1, happening.alert),) if happening.alert else (),
        asked=(AskedRun(1, *happening.asked),) if happening.asked else (),
    )


def _span_of(config: Config, name: str) -> Optional[SpanPlace]:
    """The span for which a job was started, by its id."""
    match = re.fullmatch(rf"{re.escape(_stem(config))}-span-([0-9]+)(?:-v([0-9]+))?", name)
    return (int(match[1]), int(match[2]) if match[2] else -1) if match else None


def _stem(config: Config) -> str:
    """What every id of a job begins with; Vertex AI wants a letter first."""
    return config.name if config.name[0].isalpha() else f"job-{config.name}"


def _subject(event: Mapping[str, Any]) -> str:
    return str(event.get("subject") or event.get("source"))


class EventFunction:
    """What a function does with each event: the configuration and the compiled job are read once.

    Args:
        config_file: the configuration; its section `vertex` says where jobs run.
        job_file: the job, as `millrace compile` wrote it.
        overrides: as those of `--set`.
    """

    def __init__(self, config_file: str, job_file: str, overrides: Sequence[str] = ()) -> None:
        self._config = load(config_file, overrides)
        self._compiled = compiled_before(Path(job_file), VERTEX)
        if self._config.triggers.span:
            _marks(self._config.data, self._config.triggers.span.done_file)

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Answers an event, and prints what came of it as Cloud Logging reads it.

        Args:
            event: a CloudEvent.

        Raises:
            MillraceError: the event is to be delivered again.
        """
        progress = Progress(say=lambda line: None, show=lambda findings: None)
        try:
            service, job = prepared(self._config, self._compiled, VERTEX, {}, progress)
            came = answer(self._config, service, job, event, time.time())
        except MillraceError as error:
            severity = "NOTICE" if isinstance(error, HeldBack) else "ERROR"
            print(json.dumps({"severity": severity, "message": str(error)}), flush=True)
            raise
        print(json.dumps({"severity": "INFO", "message": came.why, "job": came.job}), flush=True)
