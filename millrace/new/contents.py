"""Which files of the checkout make a project. `library/setup.py` runs this too, before anything is installed."""

import ast
from pathlib import Path

# Beside the packages, which setup.py names. Of pipelines the taxi one alone: others name data of this checkout's place.
FOLDERS = ("deploy/terraform", "notebooks", "tests")
TAXI = ("conf/taxi.yaml", "schema/taxi/schema.pbtxt")
FILES = (
    ".dockerignore",
    "Dockerfile",
    "bootstrap/docker_image.sh",
    "bootstrap/image.sh",
    "cloudbuild.yaml",
    "conf/millrace.overlay.schema.json",
    "conf/millrace.schema.json",
    "deploy/airflow/millrace_dag.py",
    "deploy/functions/Dockerfile",
    "deploy/functions/main.py",
    "deploy/prometheus/gateway.rules.yaml",
    "deploy/prometheus/model_server.rules.yaml",
    "requirements/compatible.txt",
    "requirements/current.txt",
    "requirements/gateway.txt",
    "requirements/uv.txt",
    "setup.py",
)


def collect(root: Path) -> dict[str, Path]:
    """The files of a project with the taxi pipeline, where the checkout still has it.

    Args:
        root: the checkout, or the folder in which a wheel brings the same files.

    Returns:
        Each file by its place in a project, in the order of their names.
    """
    assigned = [node for node in ast.parse((root / "setup.py").read_bytes()).body if isinstance(node, ast.Assign)]
    [packages] = [node.value for node in assigned if ast.unparse(node.targets[0]) == "PACKAGES"]
    paths = [root / name for name in FILES] + [root / name for name in TAXI if (root / name).is_file()]
    for folder in (*FOLDERS, *ast.literal_eval(packages)):
        paths += [path for path in (root / folder).rglob("*") if path.is_file() and _kept(path.relative_to(root))]
    return {path.relative_to(root).as_posix(): path for path in sorted(paths)}


def _kept(path: Path) -> bool:
    """Whether a file is a person's: Python, editors and test tools leave theirs beside."""
    return "__pycache__" not in path.parts and not any(part.startswith(".") for part in path.parts)
