"""Runs in a task's interpreter: writes the exception that ends it, so that the rehearsal can say why.

Copied into the rehearsal's environment and imported when Python starts. It must stand alone: in the environment is only
what the package ships. The exit code and the traceback stay as they are.
"""

import json
import os
import sys
from types import TracebackType
from typing import Any, Optional

FILE_VARIABLE = "MILLRACE_REHEARSAL_FAILURE"


def _facts(error: BaseException) -> dict[str, Any]:
    facts = {name: getattr(error, name, None) for name in ("what", "where", "remedy", "exit_code", "name")}
    plain: dict[str, Any] = {name: value for name, value in facts.items() if isinstance(value, (str, int))}
    entry, file = error.__traceback__, ""
    while entry is not None:
        file = entry.tb_frame.f_code.co_filename
        entry = entry.tb_next
    # What a gate found; a component from elsewhere may mean something else by the word.
    findings = getattr(error, "findings", None)
    if isinstance(findings, list) and all(isinstance(one, dict) for one in findings):
        plain["findings"] = findings
    return {"type": type(error).__name__, "text": str(error), "file": file, **plain}


def write_down(error: Optional[BaseException]) -> None:
    """Writes the facts of an exception and of what caused it, the outermost first."""
    causes: list[dict[str, Any]] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        causes.append(_facts(error))
        error = error.__cause__ or error.__context__
    with open(os.environ[FILE_VARIABLE], "w", encoding="utf-8") as file:
        json.dump(causes, file, skipkeys=True, default=str)


def _hook(kind: type[BaseException], error: BaseException, traceback: Optional[TracebackType]) -> None:
    if os.environ.get(FILE_VARIABLE):
        write_down(error)
    sys.__excepthook__(kind, error, traceback)


sys.excepthook = _hook
