"""Python files that are read and not run: their syntax tree, and what their functions can be called with."""

import ast
from pathlib import Path
from typing import Optional, Union

from millrace.base import files
from millrace.base.errors import ConfigError

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]


def parse(file: Path, content: Optional[bytes] = None) -> ast.Module:
    """Reads a Python file.

    Args:
        file: the file.
        content: what is in it, where it was read already.

    Returns:
        Its syntax tree.

    Raises:
        ConfigError: it cannot be read, or is not Python.
    """
    try:
        # Bytes, so that Python itself heeds a declared encoding.
        return ast.parse(files.read_bytes(file, ConfigError) if content is None else content, filename=str(file))
    except SyntaxError as error:
        where = f"{file}:{error.lineno}" if error.lineno else str(file)
        raise ConfigError(f"not Python: {error.msg}", where=where, remedy="fix that line") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not Python: {error}", where=str(file), remedy="fix the file") from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file), remedy="make it readable") from error


def takes(function: Function, count: int, keyword: str = "") -> bool:
    """Whether a function can be called with that many arguments in order.

    Args:
        function: its definition.
        count: how many arguments the caller passes in order.
        keyword: an argument that the caller passes besides, by name, where the function has it.

    Returns:
        Whether it can; True for a decorated function, since only running the decorator would tell.
    """
    if function.decorator_list:
        return True
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    required = positional[: len(positional) - len(arguments.defaults)]
    by_name = [one for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None]
    if any(one.arg != keyword for one in by_name):
        return False
    least = sum(one.arg != keyword for one in required)
    most = sum(one.arg != keyword for one in positional)
    return least <= count and (count <= most or arguments.vararg is not None)
