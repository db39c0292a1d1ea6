"""What a job expects of its image: the code of the user's functions, as it was when the job was compiled.

An image is named by its digest, and nothing in that says of which checkout it was built. So a task that runs a function
of the user is told the digest of its code, and refuses to start in an image that holds another one. Only such a task is
told, since its arguments are part of its cache key: for that same code it would run again anyhow.
"""

import json
import sys

from millrace.jobspec import edit
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.rules.code import functions_of
from millrace.jobspec.runtime_inputs import CODE
from millrace.project.code_digest import code_digest
from millrace.project.project import PACKAGES, entered


def expect_code(job: CompiledJob) -> None:
    """Tells every task that runs functions of the user what their code is."""
    project = entered()
    packages = sorted(project.shipped if project else PACKAGES)
    for step in list(job.walk()):
        functions = functions_of(job, step)
        runs = edit.container(job, step.name)
        if functions and "millrace.container" in runs.get("command", ()):
            expected = {
                "code_digest": code_digest(*functions, packages=packages),
                "functions": functions,
                "packages": packages,
                "python": python_version(),
            }
            runs["args"] = [*runs["args"], CODE, json.dumps(expected, sort_keys=True)]


def python_version() -> str:
    """Python's version, as far as a digest of syntax trees depends on it."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
