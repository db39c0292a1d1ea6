"""A digest of the code that a stage runs, so that TFX's cache sees an edit behind an unchanged dotted path.

The digest covers the module of the dotted path and every module of the project that it imports, however indirectly.
It is taken of the syntax tree without docstrings: a changed comment makes no stage stale.
"""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Optional, Union

import millrace
from millrace.base import files
from millrace.base.errors import ConfigError
from millrace.project import python_source
from millrace.project.project import PACKAGES, entered
from millrace.project.python_source import Function


def code_digest(*code: Union[str, type, FunctionType, ModuleType], packages: Optional[Iterable[str]] = None) -> str:
    """Digests the project's code behind one or more modules, classes or functions.

    Args:
        code: a class such as a component's executor, a function or a module; what the configuration names is given by
            its dotted path, so that it is not imported.
        packages: the top packages that may be the project's; by default those of the project here.

    Returns:
        16 hexadecimal digits. They change when the code of one of these modules, or of a module of the project that
        they import, changes in anything but comments, docstrings and layout.

    Raises:
        ConfigError: a module cannot be found, or is not Python.
    """
    digest = hashlib.sha256()
    for module in sorted(_closure(map(_dotted_path, code), packages)):
        digest.update(f"{module}\0{_code(_source(module)).digest}\0".encode())
    return digest.hexdigest()[:16]


def _dotted_path(code: Union[str, type, FunctionType, ModuleType]) -> str:
    if isinstance(code, str):
        return code
    return code.__name__ if isinstance(code, ModuleType) else code.__module__


def defines(dotted_path: str) -> bool:
    """Whether the module of a dotted path defines its last name, found without importing the module."""
    module, _, name = dotted_path.rpartition(".")
    return name in defined_names(module)


def defined_names(module: str) -> list[str]:
    """The names that a module defines or imports, found without importing it; none where there is no such module."""
    source = _source_or_none(module)
    return list(_names(python_source.parse(source).body)) if source else []


def definition(dotted_path: str) -> Optional[Function]:
    """The definition of a function, found without importing its module; None when it comes from elsewhere."""
    module, _, name = dotted_path.rpartition(".")
    source = _source_or_none(module)
    if source is None:
        return None
    last = next((node for node in reversed(python_source.parse(source).body) if name in set(_names([node]))), None)
    return last if isinstance(last, (ast.FunctionDef, ast.AsyncFunctionDef)) else None


def module_file(module: str) -> Optional[Path]:
    """The file of a module, found without importing it; None when there is none that is Python."""
    return _source_or_none(module)


def _names(statements: Iterable[ast.stmt]) -> Iterator[str]:
    for node in statements:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)


def _closure(dotted_paths: Iterable[str], packages: Optional[Iterable[str]] = None) -> set[str]:
    waiting = [_module_of(path) for path in dotted_paths]
    project = entered()
    shipped = packages or (project.shipped if project else PACKAGES)
    own = {"millrace", *shipped, *(module.partition(".")[0] for module in waiting)}
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            parent = module.rpartition(".")[0]
            # Importing a module runs its packages first. The library's own says its version, which makes nothing stale.
            if parent and parent != "millrace" and _source_or_none(parent):
                waiting.append(parent)
            waiting.extend(_imports(module, own, project.root if project else None))
    return seen


def _module_of(dotted_path: str) -> str:
    for module in (dotted_path, dotted_path.rpartition(".")[0]):
        if module and _source_or_none(module):
            return module
    raise ConfigError(
        f"no module of {dotted_path} can be found",
        remedy="name a function by its module's dotted path, and install the module beside Millrace",
    )


def _imports(module: str, own: set[str], root: Optional[Path]) -> Iterator[str]:
    source = _source(module)
    for level, imported in _code(source).imports:
        # The first dot is the module's package, which of an __init__.py is the module itself.
        kept = len(module.split(".")) - level + (source.name == "__init__.py")
        name = ".".join([*module.split(".")[:kept], imported]) if level else imported
        top = name.partition(".")[0]
        if top in own or (root and _stands_in(top, root)):
            yield from (one for one in (name, name.rpartition(".")[0]) if one and _source_or_none(one))


def _stands_in(top: str, root: Path) -> bool:
    """Whether a top module is a file or a folder of the project that `setup.py` may not ship, and that is run here."""
    return (root / f"{top}.py").is_file() or (root / top).is_dir()


def _source(module: str) -> Path:
    source = _source_or_none(module)
    if source is None:
        raise ConfigError(f"the module {module} cannot be found", remedy="install it beside Millrace")
    return source


@functools.cache
def _source_or_none(module: str) -> Optional[Path]:
    """The module's file, found from its top package's folder: importing the parents would run their code."""
    top, *below = module.split(".")
    # What a job of others writes after `python -m` may be anything.
    if not all(part.isidentifier() for part in (top, *below)):
        return None
    spec = importlib.util.find_spec(top)
    if spec is None or (spec.origin is None and not spec.submodule_search_locations):
        return None
    if not below:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for location in spec.submodule_search_locations or ():
        stem = Path(location).joinpath(*below)
        for candidate in (stem.with_suffix(".py"), stem / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


@dataclass(frozen=True)
class _Code:
    """What a file is to a digest.

    Args:
        digest: of its syntax tree without docstrings.
        imports: the names that it imports, `from` and name as one, each with the number of dots before it.
    """

    digest: str
    imports: tuple[tuple[int, str], ...]


def _code(source: Path) -> _Code:
    return _code_of(source, files.read_bytes(source, ConfigError))


# A graph's stages run much of the same code: each file is parsed once in a process, and again where it was edited.
@functools.lru_cache(maxsize=4096)
def _code_of(source: Path, content: bytes) -> _Code:
    tree = python_source.parse(source, content)
    if source == Path(millrace.__file__):
        # What a release is called is not what its code does: a patch must run nothing again.
        tree.body = [node for node in tree.body if not _says_version(node)]
    imports: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.extend((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imports.extend((node.level, ".".join(filter(None, (node.module, alias.name)))) for alias in node.names)
        elif isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return _Code(hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest(), tuple(imports))


def _says_version(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__version__"]
