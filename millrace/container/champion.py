"""Never gives a model to be compared with itself, whichever way the service found the champion."""

from millrace.container.task_input import TaskInput

_CANDIDATE, _CHAMPION = "model", "baseline_model"


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
