"""The task of a Vertex AI job that tells of a failure: it runs when all others have ended, however they have.

The Notifier is a stage, and stands behind the Pusher: of a job that fails before it nobody would be told. TFX's exit
handler puts the whole graph into a graph of its own, where no machine can be set and no parameter handed on, so the
task stands beside the others here and is given the final state of each of them, as `pipeline_spec.proto` has it.
"""

from millrace.config.config import Config
from millrace.jobspec import edit
from millrace.jobspec.job import CompiledJob, Spec

FAILURE_NOTICE = "FailureNotice"
_COMMAND = ("python", "-m", "millrace.container.failure_notice")


def add_failure_notice(job: CompiledJob, config: Config, image: str) -> None:
    """Adds the task where the configuration names a channel.

    Args:
        job: is changed.
        config: names the pipeline, and the channels with the variables that hold their secrets.
        image: the image of the project.
    """
    if config.notify is None:
        return
    others = sorted(job.tasks)
    job.executors[f"{FAILURE_NOTICE}_executor"] = {
        "container": {"image": image, "command": list(_COMMAND), "args": ["{{$}}"]}
    }
    kind = {"type": "STRING"} if edit.is_2_0(job) else {"parameterType": "STRING"}
    component: Spec = {
        "executorLabel": f"{FAILURE_NOTICE}_executor",
        "inputDefinitions": {"parameters": {name: dict(kind) for name in others}},
    }
    job.spec["components"][FAILURE_NOTICE] = component
    job.spec["root"]["dag"]["tasks"][FAILURE_NOTICE] = {
        "taskInfo": {"name": FAILURE_NOTICE},
        "componentRef": {"name": FAILURE_NOTICE},
        "inputs": {"parameters": {name: {"taskFinalStatus": {"producerTask": name}} for name in others}},
        "dependentTasks": others,
        "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
    }
    if config.notify.webhook_env:
        edit.pass_constant(job, FAILURE_NOTICE, "webhook_env", config.notify.webhook_env)
    if config.notify.email or config.notify.apprise_env:
        edit.pass_constant(job, FAILURE_NOTICE, "notify", config.notify.model_dump_json(exclude_defaults=True))
    # By their names the check of a job knows which variables the task reads.
    if config.notify.apprise_env:
        edit.pass_constant(job, FAILURE_NOTICE, "apprise_env", config.notify.apprise_env)
    if config.notify.email and config.notify.email.password_env:
        edit.pass_constant(job, FAILURE_NOTICE, "password_env", config.notify.email.password_env)
    edit.pass_constant(job, FAILURE_NOTICE, "pipeline_name", config.name)
