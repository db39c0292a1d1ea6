"""How often a task is tried, and how long the service waits in between (`retryPolicy` of `pipeline_spec.proto`)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.base.errors import BadInput

# What the service takes where the spec is silent: pipeline_spec.proto, PipelineTaskSpec.RetryPolicy.
_BACKOFF_SECONDS, _FACTOR, _LONGEST_SECONDS = 0.0, 2.0, 3600.0

ALWAYS = 1_000_000
_FAIL = re.compile(r"(?P<task>.+?)(:(?P<tries>[0-9]+))?")


@dataclass(frozen=True)
class Retries:
    """A retry policy.

    Args:
        count: how many tries may follow the first.
        backoff: seconds before the first of them.
        factor: by which each wait grows.
        longest: seconds that no wait exceeds.
    """

    count: int = 0
    backoff: float = _BACKOFF_SECONDS
    factor: float = _FACTOR
    longest: float = _LONGEST_SECONDS

    def wait(self, retry: int) -> float:
        """Seconds before a retry; the first is number 0."""
        return min(self.backoff * self.factor**retry, self.longest)


def of(task: Mapping[str, Any]) -> Retries:
    """The retry policy of a task; none where its spec has none."""
    said = task.get("retryPolicy", {})
    return Retries(
        count=int(said.get("maxRetryCount", 0)),
        backoff=seconds(said.get("backoffDuration", _BACKOFF_SECONDS)),
        factor=float(said.get("backoffFactor") or _FACTOR),
        longest=seconds(said.get("backoffMaxDuration", _LONGEST_SECONDS)),
    )


def seconds(duration: Any) -> float:
    """A duration as protobuf's JSON has it: `"30s"`; KFP's YAML may have `{seconds: 30}`."""
    if isinstance(duration, Mapping):
        return float(duration.get("seconds", 0)) + float(duration.get("nanos", 0)) / 1e9
    return float(str(duration).removesuffix("s"))


def failing_tries(texts: Sequence[str]) -> dict[str, int]:
    """Reads which tries shall fail: `TASK`, or `TASK:TRIES` for its first tries.

    Args:
        texts: as they were given with --fail.

    Returns:
        How many tries fail, by task; `ALWAYS` for every one.

    Raises:
        BadInput: a text is not of that form.
    """
    read = {}
    for text in texts:
        parsed = _FAIL.fullmatch(text)
        if not parsed:
            raise BadInput(f"--fail {text}: expected TASK or TASK:TRIES", remedy="for instance --fail Trainer:1")
        read[parsed["task"]] = int(parsed["tries"]) if parsed["tries"] else ALWAYS
    return read
