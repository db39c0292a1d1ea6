"""What was measured while a model was tried in a server, and the verdict."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class SignatureReport:
    """The measurements of one signature.

    Args:
        requests: requests answered.
        p50_milliseconds, p95_milliseconds: latency of one-example requests after a warm-up, by protocol.
        outputs: for each output its type, its shape for the batch, and for numbers the least, mean and greatest value.
    """

    requests: int = 0
    p50_milliseconds: dict[str, float] = field(default_factory=dict)
    p95_milliseconds: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Report:
    """The whole story of a validation, written as report.json beside the blessing.

    Args:
        platform: which server was used.
        limits: the limits that the model was held to.
        examples: how many examples were sent to each signature.
        blessed: the verdict.
        reason: one sentence, empty when blessed.
        tries: how many servers were started.
        earlier_reasons: why the earlier tries failed.
        load_seconds: from the server's start until the model was available.
        peak_mib: the server's highest resident memory in MiB.
        signatures: measurements by signature.
        not_asked: signatures that could not be asked, and why.
        slowdown: how many times longer everything took on this machine than on an idle one; measured after a try that
            took too long, and 0 where none did.
        log_tail: the last lines of the server's log.
    """

    platform: str
    limits: dict[str, float]
    examples: int = 0
    blessed: bool = False
    reason: str = ""
    tries: int = 0
    earlier_reasons: list[str] = field(default_factory=list)
    load_seconds: float = 0.0
    peak_mib: float = 0.0
    signatures: dict[str, SignatureReport] = field(default_factory=dict)
    not_asked: dict[str, str] = field(default_factory=dict)
    slowdown: float = 0.0
    log_tail: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """The report as indented JSON; numbers rounded to what a reader can use."""
        return json.dumps(_rounded(dataclasses.asdict(self)), indent=2) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
