"""Whether a policy has the hours that its own steps will take, by the traffic that there is."""

from typing import Optional

from millrace.base.numbers import rounded
from millrace.config.rollout_section import Ab, AnyPolicy, Bandit
from millrace.serving.decision import steps_of

# Of its hours, what steps may take without a word: answers and labels do not come by the minute.
_ROOM = 0.9


def hours_needed(policy: AnyPolicy, an_hour: Optional[float] = None) -> float:
    """How long the steps take at least, where all goes well.

    Args:
        policy: any.
        an_hour: requests an hour of all users; None where that is not known, and minutes alone are counted.
    """
    judged_by_labels = policy.judged.wrong or policy.judged.metrics
    hours = 0.0
    for step in steps_of(policy):
        waits = step.minutes / 60
        share = max(step.percent, step.mirror) / 100
        answers = step.requests
        if judged_by_labels and step.percent and not isinstance(policy, (Ab, Bandit)):
            answers = max(answers, policy.judged.labels)
        if an_hour and share:
            waits = max(waits, answers / (an_hour * share))
        hours += waits
    return hours


def warning(policy: AnyPolicy, an_hour: Optional[float] = None) -> str:
    """What to say before a rollout starts that may be sent back for want of time; empty for nothing.

    Args:
        policy: any.
        an_hour: as of `hours_needed`.
    """
    needed = hours_needed(policy, an_hour)
    if needed <= policy.hours * _ROOM:
        return ""
    by = f"at {rounded(an_hour, 3)} requests an hour, as lately, " if an_hour else ""
    return (
        f"{by}its steps take {rounded(needed, 3)} hours or more, and after {policy.hours:g} it is sent back: "
        "raise hours, or ask for fewer minutes and requests"
    )
