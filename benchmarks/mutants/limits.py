"""`python -m benchmarks.mutants.limits`: constants that only large data reach, and that no test names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
LARGE = 1000
"""Data of tests are smaller than this in rows, columns and pieces."""


def limits(module: Path) -> Iterator[tuple[int, str, int]]:
    """The large whole numbers that a module names at its top.

    Args:
        module: a Python file.

    Yields:
        The line, the name and the value of each.
    """
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            try:
                # Arithmetic of numbers alone: 1 << 20, 64 * 2**20.
                value = eval(compile(ast.Expression(node.value), "", "eval"), {"__builtins__": {}})
            except Exception:
                continue
            if isinstance(value, int) and not isinstance(value, bool) and value >= LARGE:
                yield node.lineno, target.id, value


def main() -> None:
    """Prints each such constant whose name stands in no test."""
    tests = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("tests", "library/tests")
        for file in (REPOSITORY / folder).rglob("*.py")
    )
    for module in sorted((REPOSITORY / "millrace").rglob("*.py")):
        for line, name, value in limits(module):
            if not re.search(rf"\b{name}\b", tests):
                print(f"{module.relative_to(REPOSITORY)}:{line}  {name} = {value:,}")


if __name__ == "__main__":
    main()
