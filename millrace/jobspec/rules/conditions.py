"""Rules on the conditions of tasks. TFX writes them in CEL, and does not escape the text of a string literal."""

import re
from collections.abc import Iterator
from typing import Optional

from millrace.config.config import Config
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob, Step

_INPUT = re.compile(r"inputs\.(artifacts|parameters)\[(['\"])(.*?)\2\]")

_WRONG_ESCAPE = re.compile(r"\\[^abfnrtvxXuU0-3\\'\"`?]")


def conditions(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """A condition is CEL, and asks for inputs that its task has.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step in job.walk():
        text = step.task.get("triggerPolicy", {}).get("condition", "")
        if not text:
            continue
        mistake = _mistake(text)
        if mistake:
            yield JobFinding(
                "condition",
                "error",
                f"the condition of {step.name} is no CEL: {mistake}",
                f"{step.name}, {text}",
                "TFX does not escape text in conditions: compare with text that has no quotes and no backslashes",
            )
        yield from _missing_inputs(step, text)


def _missing_inputs(step: Step, text: str) -> Iterator[JobFinding]:
    declared = step.component.get("inputDefinitions", {})
    for kind, _, name in _INPUT.findall(text):
        if name not in declared.get(kind, {}):
            yield JobFinding(
                "condition",
                "error",
                f"the condition of {step.name} asks for {name!r}, which is none of its {kind}",
                f"{step.name}, {text}",
                "compare with an output of a task that comes before it",
            )


def _mistake(text: str) -> str:
    """Why a text is no CEL; empty when it is."""
    # The parser costs a fifth of a second, and few pipelines have a condition.
    import celpy
    from celpy.celparser import CELParseError

    try:
        celpy.Environment().compile(text)
    except CELParseError as error:
        return f"it breaks at column {error.column}"
    # This parser takes escapes that CEL's grammar does not have, and the services refuse.
    wrong = _WRONG_ESCAPE.search(text)
    return f"there is no escape {wrong[0]}" if wrong else ""
