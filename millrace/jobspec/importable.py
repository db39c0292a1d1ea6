"""Whether a dotted path can be imported in a container: found in files, without importing anything.

A container has this project as `setup.py` packs it, and the installed packages of the lock; nothing else of the folder
in which a job is compiled.
"""

from typing import Optional

from millrace.project.code_digest import defines, module_file
from millrace.project.project import entered

Trouble = Optional[tuple[str, str]]
"""What is the matter, as the end of a sentence, and the remedy; None when nothing is."""


def trouble(dotted_path: str) -> Trouble:
    """What is the matter with a class or a function in a module."""
    module, _, name = dotted_path.rpartition(".")
    if module.partition(".")[0] == "__main__":
        return "is defined in a script, which no container can import", "move it into a module of a package"
    return module_trouble(module) or _name_trouble(module, name)


def module_trouble(*names: str) -> Trouble:
    """What is the matter with a module; one of several names must be there."""
    source = next((file for file in map(module_file, names) if file), None)
    if source is None:
        return "cannot be found", "fix the dotted path, or install the package that has it"
    project = entered()
    if project is None or not source.is_relative_to(project.root) or "site-packages" in source.parts:
        return None
    below = source.relative_to(project.root)
    if below.parts[0] == "millrace":  # the library, in its own checkout
        return None
    if below.parts[0] not in project.shipped:
        return (
            f"is in {below}, which setup.py does not ship",
            f"add {below.parts[0]!r} to PACKAGES in setup.py and build the image again, or move the code into models",
        )
    for folder in list(below.parents)[:-1]:
        if not (project.root / folder / "__init__.py").is_file():
            return (
                f"is in {folder}, which is no package, so that setup.py does not ship it",
                f"add {folder}/__init__.py",
            )
    return None


def _name_trouble(module: str, name: str) -> Trouble:
    # TFX's decorator makes an executor class beside each function component, and a module may make names on demand.
    names = (name, name.removesuffix("_Executor"), "__getattr__")
    if any(defines(f"{module}.{one}") for one in names):
        return None
    return f"is not defined in {module}", "fix the dotted path"
