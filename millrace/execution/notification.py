"""Tells how runs end, however they do: a hook of the runner, so that no stage has to be reached. It changes no end.

A run's end is told by the run itself. What no channel could deliver, and the end of a run that was killed, is told by
the run that starts next: the run's folder knows which channel has not delivered it yet, and how often it may still try.
"""

import contextlib
import dataclasses
import fcntl
import logging
from collections.abc import Mapping
from typing import Optional

from millrace.alerts.channels import Notice, channels_of
from millrace.alerts.telling import tell
from millrace.base.errors import Failure
from millrace.base.notice import RunNotice
from millrace.base.outcomes import BAD_INPUT, REFUSED, State
from millrace.components import stage_ids
from millrace.components.data_gate.report import in_words, recorded
from millrace.components.stage_ids import PUSHER
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.metadata.run_folder import RunFolder, run_folders
from millrace.project import default_configuration

_TRIES = 3
# Of a mail's line.
_COLUMNS = 72
_MOST_RUNS = 20
_LOCK_FILE = ".telling"


def untold(config: Config) -> dict[str, int]:
    """How often the end of a new run may be told, by the name of each configured channel."""
    return {channel.name: _TRIES for channel in channels_of(config.notify)}


def notify(config: Config, folder: Optional[RunFolder], exit_code: Optional[int], failure: Optional[Failure]) -> str:
    """Tells the end of a run by every configured channel that has not delivered it yet.

    Args:
        config: the configuration.
        folder: the run's folder; None when the run was refused before it had one.
        exit_code: how the run ended; None when it was killed.
        failure: what went wrong; None when nothing did.

    Returns:
        Empty when the notice was delivered, or none is asked for; else why it was not, which is also a warning in the
        log. Nothing is raised.
    """
    channels = channels_of(config.notify)
    if folder and folder.untold():
        channels = [one for one in channels if one.name in folder.untold()]
    if not channels:
        return ""
    try:
        notice = _notice(config, folder, exit_code, failure)
    except Exception as error:  # whatever ML Metadata or the journal hold
        return _warned({"": f"it could not be written ({type(error).__name__})"})
    troubles = tell(channels, notice)
    if folder:
        folder.tell(troubles)
    return _warned(troubles)


def tell_unheard(config: Config, folder: RunFolder) -> None:
    """Tells the ends of earlier runs that nobody has heard of: of killed ones, and of those whose channel was down.

    Args:
        config: the configuration.
        folder: the run that starts, whose own end is still to come.
    """
    if config.notify is None:
        return
    logs = layout(config).logs
    # Of two runs that start together one tells.
    with contextlib.suppress(OSError), (logs / _LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for earlier in run_folders(logs)[-_MOST_RUNS:]:
            if earlier.run_id == folder.run_id or not earlier.untold() or earlier.is_alive():
                continue
            request = earlier.request()
            if request is None or request.pipeline in ("", config.name):
                notify(config, earlier, earlier.exit_code(), earlier.failure())


def tell_job(config: Config, notice: Notice) -> str:
    """Tells the end of a job that somebody waited for, by every configured channel.

    Returns:
        As `notify`.
    """
    return _warned(tell(channels_of(config.notify), notice))


def _warned(troubles: Mapping[str, str]) -> str:
    for name, trouble in troubles.items():
        by = f" by {name}" if name else ""
        logging.getLogger(__name__).warning("The notice of this run's end was not delivered%s: %s.", by, trouble)
    return "; ".join(troubles.values())


def _notice(
    config: Config, folder: Optional[RunFolder], exit_code: Optional[int], failure: Optional[Failure]
) -> RunNotice:
    events = folder.journal.events() if folder else []
    why = failure or Failure("", "", "", exit_code or 0)
    if exit_code is None:
        running = {event.stage: event.state for event in events}
        where = next((stage for stage, state in running.items() if state is State.RUNNING), "")
        why = Failure("its process is gone, and did not say why", where, "", 0)
    where = why.where or next((event.stage for event in reversed(events) if event.failure), "")
    plain = RunNotice(
        config.name,
        folder.run_id if folder else "",
        exit_code,
        reason=in_words(why.what, recorded(why), _COLUMNS),
        where=where,
        remedy=why.remedy,
        next=_next_command(config, folder, exit_code),
        link=f"{config.notify.console.rstrip('/')}/runs/{folder.run_id}"
        if folder and config.notify and config.notify.console
        else "",
    )
    # Of a run that failed or was interrupted ML Metadata has no verdict, and may be held by a stage that goes on.
    if folder is None or exit_code not in (0, REFUSED):
        return plain
    from millrace.metadata.records import open_store, pushed_to, runs, verdict

    try:
        record = next((run for run in runs(open_store(config), config.name) if run.run_id == folder.run_id), None)
    except Exception:  # a store that broke after the run had ended: the end is told without the verdicts
        logging.getLogger(__name__).exception("The verdicts of this run cannot be read.")
        record = None
    if record is None:
        return plain
    states = {event.stage: event.state for event in events}
    model, infra = verdict(record, stage_ids.EVALUATOR), verdict(record, stage_ids.INFRA_VALIDATOR)
    return dataclasses.replace(
        plain,
        model_blessed=model.blessed if model else None,
        model_reason=model.reason if model else "",
        infra_blessed=infra.blessed if infra else None,
        infra_reason=infra.reason if infra else "",
        pushed_to=pushed_to(record) or "",
        newly_pushed=states.get(PUSHER) is State.DONE,
    )


def _next_command(config: Config, folder: Optional[RunFolder], exit_code: Optional[int]) -> str:
    option = default_configuration.option(config.file, config.environment)
    if folder is None:
        return f"millrace run{option}"
    if exit_code in (0, BAD_INPUT, REFUSED):
        return f"millrace runs show{option} {folder.run_id}"
    return f"millrace run{option} --resume"
