"""Runs that are trials by what they are: that is said of the run, in words, and is no setting that somebody changed."""

from collections.abc import Mapping
from typing import Any, Optional

from millrace.config.trials import is_made_trial, why_trial
from millrace.metadata.provenance import Provenance
from millrace.metadata.run_folder import RunRequest


def why_made_trial(made_from: Optional[Provenance], request: Optional[RunRequest]) -> str:
    """Why a run is a trial although nobody set `push.trial`, in a few words; empty where it is none, or somebody did.

    Args:
        made_from: what it recorded.
        request: how it was asked for.
    """
    overrides = made_from.overrides if made_from else ()
    repeats = request.repeats if request else ""
    return why_trial(overrides, repeats) if is_made_trial(overrides, repeats) else ""


def without_trial(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without `push.trial`, to compare it with one of another run.

    Args:
        configuration: plain values.
    """
    if not isinstance(push := configuration.get("push"), Mapping):
        return dict(configuration)
    rest = {key: value for key, value in push.items() if key != "trial"}
    return {key: value for key, value in {**configuration, "push": rest}.items() if key != "push" or value}
