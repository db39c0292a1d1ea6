"""Looks at a project's folder deploy/terraform whole: format, language, arguments, references, values."""

import json
from collections.abc import Iterator
from pathlib import Path

from millrace.infrastructure import tools
from millrace.infrastructure.checks import DeployFinding, check, declared_otherwise, differing, provider
from millrace.infrastructure.modules import modules

VALUES = "millrace.auto.tfvars.json"
"""What `millrace deploy vars` writes beside an environment's root module; Terraform reads such a file by itself."""


def findings(interpreter: Path, folder: Path) -> Iterator[DeployFinding]:
    """Everything that is wrong.

    Args:
        interpreter: of the environment with Terraform's reader.
        folder: with modules/ and environments/.

    Raises:
        BadInput: there is nothing to read.
    """
    read = tools.read(interpreter, folder)
    for file, words in read["broken"].items():
        yield DeployFinding(file, f"cannot be read: {words}", "put its language right")
    for file in read["format"]:
        yield DeployFinding(
            file, "is not written as terraform fmt writes it", "terraform fmt -recursive deploy/terraform"
        )
    known = modules(read["files"])
    yield from check(known, provider())
    yield from declared_otherwise(known)
    for values in sorted(folder.glob(f"environments/*/{VALUES}")):
        made = tools.read(interpreter, folder, values)["values"]
        where = values.relative_to(folder).as_posix()
        if "error" in made:
            words = " ".join(made["error"].split())
            yield DeployFinding(
                where, f"Terraform does not take it: {words[:400]}", "write it again: millrace deploy vars"
            )
            continue
        for words in differing(json.loads(values.read_text())["settings"], made["settings"]):
            yield DeployFinding(where, words, "write it again: millrace deploy vars")
