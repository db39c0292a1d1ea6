"""The page of the configuration's keys: from the sections' classes, with examples that a test reads."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from millrace.config.reference import ANY_NAME, Key, SectionReference, sections

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "reference" / "examples.yaml"
# The same sections stand in several places: they are shown where they come first.
HEAD = """\
# Every key of the configuration

One file, `conf/NAME.yaml`, is a pipeline's configuration. An unknown key, a wrong value and a missing one are refused
before anything runs, with the nearest right name. Paths are relative to the file. `millrace run --set KEY=VALUE`
overrides a value for one run, by the dotted keys below; `0` stands for an entry of a list, `NAME` for a name that you
choose. A message names the line and the column, or the `--set`, what is written there and what may have been meant.

What YAML 1.1 would read as something else than it looks like is refused: `1:30` (90, in base 60), `010` (8), a key that
is no text (`NO`, `1`), a key that is written twice, `yes` where a number belongs, `<<`, and characters that YAML takes
for line breaks and editors do not. Put in quotes, each is a text. `1e-3` is a number. The value after `--set KEY=` is
YAML too, and a text where it is none, such as `*.csv`.

Secrets are never values: a key that ends in `_env` holds the name of an environment variable.

`millrace config keys` prints these tables in a terminal. Editors with a YAML language server complete and check the
file by the JSON schema that its first line names; `millrace config schema` writes that again after an upgrade.
"""


def examples() -> dict[str, str]:
    """An example for each class of a section: YAML, as the value of the key where the section stands."""
    text = EXAMPLES.read_text(encoding="utf-8")
    result = {}
    for document in text.split("\n---\n"):
        name, _, example = document.removeprefix("---\n").partition("\n")
        result[name.removeprefix("# ").strip()] = example.strip("\n")
    return result


def page() -> str:
    """The page, as Markdown."""
    every, shown = sections(), examples()
    first: dict[tuple[str, str], SectionReference] = {}
    for section in every:
        first.setdefault((section.model, section.variant), section)
    anchors = {section.path: _anchor(first[section.model, section.variant]) for section in reversed(every)}
    lines = [HEAD]
    for section in first.values():
        also = [other.path for other in every if other.model == section.model and other.path != section.path]
        lines += _section(section, first, also, anchors, shown[section.model])
    return "\n".join(lines)


def _section(
    section: SectionReference,
    first: dict[tuple[str, str], SectionReference],
    also: list[str],
    anchors: dict[str, str],
    example: str,
) -> Iterator[str]:
    title = f"`{section.path}`" if section.path else "The whole file"
    variant = f", `{section.variant}`" if section.variant else ""
    depth = "##" if "." not in section.path else "###"
    yield f"{depth} {title}{variant} {{#{_anchor(section)}}}\n"
    yield f"{section.description}\n"
    if also:
        yield f"The same keys stand under {', '.join(f'`{path}`' for path in also)}.\n"
    yield "| key | type | default | means |\n|---|---|---|---|"
    for key in section.keys:
        below = [one for one in first.values() if one.path in key.sections]
        meaning = key.description or (below[0].description.split("\n\n")[0] if below and not key.kinds else "")
        meaning += _kinds(key, below)
        cells = (f"`{key.name}`", _type(key, anchors), _default(key), meaning.replace("|", "\\|").replace("\n", " "))
        yield f"| {' | '.join(cells)} |"
    yield f"\n```yaml\n{example}\n```\n"


def _kinds(key: Key, below: list[SectionReference]) -> str:
    """Each kind of section that may stand there, with its keys, a line each."""
    anchors = {one.variant: _anchor(one) for one in below}
    lines = [
        f"[`{variant}`](#{anchors[variant]}): {', '.join(f'`{name}`' for name in keys)}" for variant, keys in key.kinds
    ]
    return "<br>".join(["; one of:" if key.description else "One of:", *lines]) if lines else ""


def _anchor(section: SectionReference) -> str:
    path = (section.path or "file").replace(f".{ANY_NAME}", "").replace(".0", "")
    return re.sub(r"\W+", "-", f"{path} {section.variant.rpartition(': ')[2]}".strip())


def _type(key: Key, anchors: dict[str, str]) -> str:
    for path in key.sections:
        return re.sub(r"sections?", rf"[\g<0>](#{anchors[path]})", key.type, count=1)
    return key.type


def _default(key: Key) -> str:
    if key.default is None:
        return "**required**"
    return f"`{key.default}`" if key.default not in ("", "''", "[]", "{}") else ""


def example_values() -> dict[str, object]:
    """The examples read as YAML, by the name of the section's class."""
    return {name: yaml.safe_load(text) for name, text in examples().items()}
