"""The message about the end of a run: one definition for every place that sends it."""

import json
from dataclasses import asdict, dataclass
from typing import Optional

from millrace.base.outcomes import State, ending
from millrace.base.secrets import cut


@dataclass(frozen=True)
class RunNotice:
    """How a run ended.

    Args:
        pipeline: the pipeline's name.
        run: the run's id; empty when it was refused before it had one.
        exit_code: 0 done, 1 a fault, 2 bad input, 3 a gate said no, 130 interrupted; None when it was killed.
        reason: why it did not end well; empty when it did.
        where: the stage, file or key that this concerns.
        remedy: what to do next.
        model_blessed: the Evaluator's verdict; None when it did not get that far.
        model_reason: why.
        infra_blessed: the InfraValidator's verdict; None when it did not get that far.
        infra_reason: why.
        pushed_to: where the model is pushed; empty when it is not.
        newly_pushed: whether this run pushed it, and not an earlier one that it took the stage from.
        next: the command to type next; empty when none is known.
        link: the page that shows the run; empty when none is known.
    """

    pipeline: str
    run: str = ""
    exit_code: Optional[int] = 0
    reason: str = ""
    where: str = ""
    remedy: str = ""
    model_blessed: Optional[bool] = None
    model_reason: str = ""
    infra_blessed: Optional[bool] = None
    infra_reason: str = ""
    pushed_to: str = ""
    newly_pushed: bool = True
    next: str = ""
    link: str = ""

    @property
    def ending(self) -> State:
        """How it ended, in a word."""
        return State.KILLED if self.exit_code is None else ending(self.exit_code)

    @property
    def text(self) -> str:
        """The sentence that a chat shows."""
        if self.exit_code != 0:
            # What a gate found in each column stands in the lines below.
            reason = self.reason.partition("\n")[0] or "see its log"
            place = f"{self.where}: " if self.where and not reason.startswith(f"{self.where}: ") else ""
            return f"{self.pipeline}: {self._run} ended as {self.ending}. {place}{reason}"
        if self._pushes:
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
    def title(self) -> str:
        """A mail's subject."""
        return cut(f"{self.pipeline}: {self._run} {'pushed a model' if self._pushes else self.ending}")

    @property
    def body(self) -> str:
        """A mail's text: the sentence, all that the reason says, what to do, and where to look."""
        details = self.reason.partition("\n")[2] if self.exit_code != 0 else ""
        lines = [
            self.text,
            details.rstrip(),
            f"remedy: {self.remedy}" if self.remedy else "",
            f"next: {self.next}" if self.next else "",
        ]
        return cut("\n".join(filter(None, [*lines, self.link])))

    @property
    def _pushes(self) -> bool:
        return self.exit_code == 0 and bool(self.pushed_to) and self.newly_pushed

    @property
    def _run(self) -> str:
        return f"run {self.run}" if self.run else "the run"

    def to_json(self) -> str:
        """The message: `text`, which Slack and most chat tools show, `ending` in a word, and every field."""
        fields = {"text": self.text, **asdict(self)}
        # A secret may be `0` or `text`: cut out of the finished JSON it would leave none.
        without = {name: cut(value) if isinstance(value, str) else value for name, value in fields.items()}
        return json.dumps({"ending": self.ending, **without})
