"""Which names may be stages, known before TensorFlow is loaded: the library's, and what the project's code mentions."""

import ast
from typing import Optional

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.components import stage_ids
from millrace.project import project, python_source


def require_possible(*stages: str) -> None:
    """Checks the stages that a person names, as far as that is possible before the graph is built.

    Args:
        stages: ids of stages; empty ones are left out.

    Raises:
        BadInput: no stage of the library has that id, and the project's code has no such word.
    """
    here = project.entered()
    if here is None:
        return
    known, mentioned = set(stage_ids.ALL), set[str]()
    beginnings: list[Optional[str]] = []
    for package in here.shipped:
        for file in (here.root / package).rglob("*.py"):
            for node in ast.walk(python_source.parse(file)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    mentioned.add(node.value)
                    # What looks like an id may be meant by a word that is like it.
                    known |= {node.value} if node.value.isidentifier() and node.value[0].isupper() else set()
                elif isinstance(node, (ast.Name, ast.Attribute, ast.ClassDef, ast.FunctionDef, ast.alias)):
                    mentioned.add(getattr(node, "id", getattr(node, "attr", getattr(node, "name", ""))))
                elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "with_id":
                    beginnings += [_beginning(argument) for argument in node.args]
    for stage in filter(None, stages):
        if stage not in known | mentioned and not any(stage.startswith(one) for one in beginnings if one is not None):
            remedy = f"the stages are: {', '.join(stage_ids.ALL)}, and those of the project's own"
            raise BadInput(f"there is no stage {stage}{did_you_mean(stage, known)}", "--from, --to", remedy)


def _beginning(argument: ast.expr) -> Optional[str]:
    """How an id begins that is put together in the code; None for one that is written out or has a name."""
    if isinstance(argument, (ast.Constant, ast.Name, ast.Attribute)):
        return None
    first = argument.values[0] if isinstance(argument, ast.JoinedStr) and argument.values else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
