"""Functions of a project by dotted path: imports what a configuration names, and says where it is."""

import importlib
import importlib.util
import inspect
from pathlib import Path
from traceback import walk_tb
from typing import Any, Optional

from millrace.base.errors import ConfigError, MillraceError


def load(dotted_path: str, key: str) -> Any:
    """Imports a function or a class.

    Args:
        dotted_path: its module's dotted path and its name, for instance `models.model.build_model`.
        key: the configuration's key that names it, for the message.

    Raises:
        ConfigError: there is no such module, nothing of that name in it, or the module fails while it is imported.
    """
    module, _, name = dotted_path.rpartition(".")
    try:
        imported = importlib.import_module(module)
    except MillraceError:
        raise
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
            raise _named_wrongly(dotted_path, key, error) from error
        words = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"{key}: {dotted_path} cannot be imported: {words}",
            where=raised_at(error, module),
            remedy=f"install {error.name}, or take the import out"
            if isinstance(error, ModuleNotFoundError)
            else "fix that line",
        ) from error
    try:
        return getattr(imported, name)
    except AttributeError as error:
        raise _named_wrongly(dotted_path, key, error) from error


def raised_at(error: BaseException, module: str) -> str:
    """Where an exception came out of the project's own code.

    Args:
        error: as caught.
        module: the dotted path of a module of that code; what lies in one folder with its top package counts as own.

    Returns:
        `FILE:LINE`, of the innermost frame in own code; the module's name when no frame is.
    """
    root = _root(module)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{error.filename}:{error.lineno}"
    own = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in walk_tb(error.__traceback__)
        if root and _is_below(Path(frame.f_code.co_filename), root)
    ]
    return own[-1] if own else module


def defined_at(value: Any, dotted_path: str) -> str:
    """Where a value of the project's code is defined.

    Args:
        value: what was loaded.
        dotted_path: by which name.

    Returns:
        `FILE:LINE` of a function or a class, else the file of the module, else the dotted path.
    """
    try:
        plain = inspect.unwrap(value)
        return f"{inspect.getsourcefile(plain)}:{inspect.getsourcelines(plain)[1]}"
    except (TypeError, OSError):
        spec = importlib.util.find_spec(dotted_path.rpartition(".")[0])
        return str(spec.origin) if spec and spec.origin else dotted_path


def _named_wrongly(dotted_path: str, key: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"{dotted_path} cannot be imported: {error}",
        where=key,
        remedy="name a function by its module's dotted path, in a package that setup.py ships",
    )


def _root(module: str) -> Optional[Path]:
    spec = importlib.util.find_spec(module.partition(".")[0])
    if spec is None or not spec.origin:
        return None
    origin = Path(spec.origin)
    return origin.parent.parent if origin.name == "__init__.py" else origin.parent


def _is_below(file: Path, root: Path) -> bool:
    # An environment may lie in the project's folder, and what is installed there is not the project's.
    return file.is_relative_to(root) and "site-packages" not in file.relative_to(root).parts
