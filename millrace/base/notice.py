"""The message about the end of a run: one definition for every place that sends it."""

import json
from dataclasses import asdict, dataclass
from typing import Optional

from millrace.base.outcomes import ending
from millrace.base.secrets import cut


@dataclass(frozen=True)
class RunNotice:
    """How a run ended.

    Args:
        pipeline: the pipeline's name.
        run: the run's id; empty when it was refused before it had one.
        exit_code: 0 done, 1 a fault, 2 bad input, 3 a gate said no, 130 interrupted.
        reason: why it did not end well; empty when it did.
        where: the stage, file or key that this concerns.
        remedy: what to do next.
        model_blessed: the Evaluator's verdict; None when it did not get that far.
        model_reason: why.
        infra_blessed: the InfraValidator's verdict; None when it did not get that far.
        infra_reason: why.
        pushed_to: where the model is pushed; empty when it is not.
        newly_pushed: whether this run pushed it, and not an earlier one that it took the stage from.
    """

    pipeline: str
    run: str = ""
    exit_code: int = 0
    reason: str = ""
    where: str = ""
    remedy: str = ""
    model_blessed: Optional[bool] = None
    model_reason: str = ""
    infra_blessed: Optional[bool] = None
    infra_reason: str = ""
    pushed_to: str = ""
    newly_pushed: bool = True

    @property
    def text(self) -> str:
        """The sentence that a chat shows."""
        if self.exit_code:
            place = f"{self.where}: " if self.where else ""
            reason = self.reason or "see its log"
            return f"{self.pipeline}: {self._run} ended as {ending(self.exit_code)}. {place}{reason}"
        if self.pushed_to and self.newly_pushed:
            return f"{self.pipeline}: a new model was pushed to {self.pushed_to}"
        if self.pushed_to:
            return f"{self.pipeline}: {self._run} is done, and nothing is new; the pushed model is {self.pushed_to}"
        for judge, blessed, why in (
            ("Evaluator", self.model_blessed, self.model_reason),
            ("InfraValidator", self.infra_blessed, self.infra_reason),
        ):
            if blessed is False:
                return f"{self.pipeline}: no model was pushed. {judge}: {why or 'not blessed'}"
        return f"{self.pipeline}: {self._run} is done; no model was pushed"

    @property
    def _run(self) -> str:
        return f"run {self.run}" if self.run else "the run"

    def to_json(self) -> str:
        """The message: `text`, which Slack and most chat tools show, `ending` in a word, and every field."""
        fields = {"text": self.text, **asdict(self)}
        # A secret may be `0` or `text`: cut out of the finished JSON it would leave none.
        without = {name: cut(value) if isinstance(value, str) else value for name, value in fields.items()}
        return json.dumps({"ending": ending(self.exit_code), **without})
