"""The message about a run's verdicts, and its delivery: plain Python, without TFX."""

import json
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Verdicts:
    """How a run ended.

    Args:
        pipeline: the pipeline's name.
        model_blessed: whether the Evaluator blessed the model.
        model_reason: why, or why not.
        infra_blessed: whether the InfraValidator blessed it.
        infra_reason: why, or why not.
        pushed_to: where the model was pushed; empty when it was not.
    """

    pipeline: str
    model_blessed: bool
    model_reason: str
    infra_blessed: bool
    infra_reason: str
    pushed_to: str


def compose(verdicts: Verdicts) -> str:
    """The message as JSON: `text`, which Slack and most chat tools show, and the verdicts field by field."""
    if verdicts.pushed_to:
        text = f"{verdicts.pipeline}: a new model was pushed to {verdicts.pushed_to}"
    elif not verdicts.model_blessed:
        text = f"{verdicts.pipeline}: no model was pushed. Evaluator: {verdicts.model_reason or 'not blessed'}"
    elif not verdicts.infra_blessed:
        text = f"{verdicts.pipeline}: no model was pushed. InfraValidator: {verdicts.infra_reason or 'not blessed'}"
    else:
        text = f"{verdicts.pipeline}: the model was blessed, and not pushed"
    return json.dumps({"text": text, **asdict(verdicts)})


def deliver(message: str, url: str, timeout: float = 10.0) -> str:
    """Posts a message.

    Args:
        message: JSON text.
        url: where to post it; it may hold a secret, so it is in no return value.
        timeout: seconds to wait.

    Returns:
        Empty when it was delivered, else why it was not. A lost message must not fail a run, so nothing is raised.
    """
    headers = {"Content-Type": "application/json"}
    try:
        request = urllib.request.Request(url, data=message.encode(), headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return "" if response.status < 300 else f"the webhook answered {response.status}"
    except urllib.error.HTTPError as error:
        return f"the webhook answered {error.code}"
    except ValueError:
        return "the webhook's URL is not a URL"
    except OSError as error:
        return f"the webhook cannot be reached: {getattr(error, 'reason', error)}"
