"""Notifier: a Python function component that posts a run's verdicts to a webhook, where a service runs the stages.

On this machine the runner tells the end of every run by itself, also of one that got nowhere near this stage.

The URL is a secret, and execution properties are recorded in ML Metadata, so the component is given the *name* of an
environment variable and reads it where it runs.
"""

import logging

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.artifact import Artifact
from tfx.types.standard_artifacts import InfraBlessing, ModelBlessing, PushedModel, String

from millrace.base import webhook
from millrace.base.notice import RunNotice


@component
def Notifier(
    model_blessing: InputArtifact[ModelBlessing],
    infra_blessing: InputArtifact[InfraBlessing],
    pushed_model: InputArtifact[PushedModel],
    message: OutputArtifact[String],
    pipeline_name: Parameter[str],
    webhook_env: Parameter[str],
    code_digest: Parameter[str],
) -> None:
    """Posts the verdicts of a run, and records what was posted.

    Args:
        model_blessing: the Evaluator's verdict.
        infra_blessing: the InfraValidator's verdict.
        pushed_model: the Pusher's output; its `pushed_destination` is empty when nothing was pushed.
        message: gets the JSON that was posted, and in its custom property `undelivered` why it did not arrive.
        pipeline_name: the pipeline's name.
        webhook_env: the environment variable that holds the webhook's URL.
        code_digest: a digest of this component's code, for the cache.
    """
    text = RunNotice(
        pipeline_name,
        model_blessed=_blessed(model_blessing),
        model_reason=model_blessing.get_string_custom_property("reason"),
        infra_blessed=_blessed(infra_blessing),
        infra_reason=infra_blessing.get_string_custom_property("reason"),
        pushed_to=pushed_model.get_string_custom_property("pushed_destination"),
    ).to_json()
    trouble = webhook.post_to_variable(webhook_env, text)
    if trouble:
        logging.warning("The message about this run was not delivered: %s.", trouble)
    message.set_string_custom_property("undelivered", trouble)
    message.value = text


def _blessed(blessing: Artifact) -> bool:
    return blessing.get_int_custom_property("blessed") == 1
