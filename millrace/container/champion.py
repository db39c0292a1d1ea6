"""Which model is a champion, where the service finds it by a query of TFX's and not by a strategy of ours.

No model is compared with itself, and what a trial blessed is none.
"""

from millrace.components.marks import APART, TRIAL_BLESSED_KEY, TRIAL_KEY
from millrace.container.task_input import TaskInput

_CANDIDATE, _CHAMPION, _BLESSING = "model", "baseline_model", "blessing"


def leave_out_candidate(task: TaskInput) -> None:
    """Takes the champion away from a task whose candidate it is.

    TFX's LatestBlessedModelStrategy, the only one that Vertex AI takes, finds the candidate itself once it was blessed
    and the Trainer is served from the cache. A threshold that asks for an improvement would then refuse it.
    """
    candidates = {artifact["uri"] for artifact in task.input_artifacts.get(_CANDIDATE, {}).get("artifacts", ())}
    champions = task.input_artifacts.get(_CHAMPION, {}).get("artifacts", ())
    if any(artifact["uri"] in candidates for artifact in champions):
        task.input_artifacts[_CHAMPION] = {
            "artifacts": [artifact for artifact in champions if artifact["uri"] not in candidates]
        }


def keep_trials_apart(task: TaskInput) -> None:
    """Has a trial's blessing say `blessed` to the trial's own stages only.

    The query that finds champions on Vertex AI asks for `blessed` and nothing else, and TFX's Pusher asks for it too:
    the Evaluator writes another property, and whichever stage is given the blessing reads it as `blessed`.
    """
    if _BLESSING in task.output_artifacts and task.value(TRIAL_KEY):
        task.put(TRIAL_KEY, APART)
    for listed in task.input_artifacts.values():
        for artifact in listed.get("artifacts", ()):
            metadata = artifact.get("metadata", {})
            if TRIAL_BLESSED_KEY in metadata:
                metadata["blessed"] = metadata[TRIAL_BLESSED_KEY]
