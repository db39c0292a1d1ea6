"""Tells the configured webhook how a run ended, however it did. It never changes how the run ends."""

import dataclasses
import logging
from typing import Optional

from millrace.base import webhook
from millrace.base.errors import Failure
from millrace.base.notice import RunNotice
from millrace.base.outcomes import REFUSED, State
from millrace.components import stage_ids
from millrace.components.stage_ids import PUSHER
from millrace.config.config import Config
from millrace.metadata.run_folder import RunFolder


def notify(config: Config, folder: Optional[RunFolder], exit_code: int, failure: Optional[Failure]) -> str:
    """Posts the notice of a run's end, when the configuration names a webhook.

    Args:
        config: the configuration.
        folder: the run's folder; None when the run was refused before it had one.
        exit_code: how the run ended.
        failure: what went wrong; None when nothing did.

    Returns:
        Empty when the notice was delivered, or none is asked for; else why it was not, which is also a warning in the
        log. Nothing is raised.
    """
    if config.notify is None:
        return ""
    try:
        message = _notice(config, folder, exit_code, failure).to_json()
        trouble = webhook.post_to_variable(config.notify.webhook_env, message)
    except Exception as error:  # whatever ML Metadata or the journal hold
        trouble = f"it could not be written ({type(error).__name__})"
    if trouble:
        logging.getLogger(__name__).warning("The notice of this run's end was not delivered: %s.", trouble)
    return trouble


def _notice(config: Config, folder: Optional[RunFolder], exit_code: int, failure: Optional[Failure]) -> RunNotice:
    why = failure or Failure("", "", "", exit_code)
    events = folder.journal.events() if folder else []
    where = why.where or next((event.stage for event in reversed(events) if event.failure), "")
    run_id = folder.run_id if folder else ""
    plain = RunNotice(config.name, run_id, exit_code, reason=why.what, where=where, remedy=why.remedy)
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
