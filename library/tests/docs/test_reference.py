"""The reference of the configuration: each key has its meaning and an example, and each example is a configuration."""

from typing import Any

import pytest
from pydantic import BaseModel

from library.site.configuration import example_values, page
from millrace.config.config import Config
from millrace.config.reference import SectionReference, sections

# Sections by the names of their classes; a class that stands in several places is the same everywhere.
SECTIONS = {section.model: section for section in sections()}
# What only tells one kind of section from another needs no words of its own.
TAGS = {"kind", "backend", "by"}


def _classes(base: type[BaseModel]) -> dict[str, type[BaseModel]]:
    return {
        name: one for below in base.__subclasses__() for name, one in {below.__name__: below, **_classes(below)}.items()
    }


CLASSES = _classes(BaseModel)


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS.keys())
def test_an_example_shows_every_key_of_a_section_and_is_accepted(section: SectionReference) -> None:
    example: Any = example_values()[section.model]
    assert set(example) == {key.name for key in section.keys}
    CLASSES[section.model].model_validate(example)


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS.keys())
def test_every_section_and_key_says_what_it_means(section: SectionReference) -> None:
    assert section.description
    silent = [key.name for key in section.keys if not (key.description or key.sections or key.name in TAGS)]
    assert silent == []


def test_no_example_is_of_a_section_that_is_gone() -> None:
    assert set(example_values()) == set(SECTIONS)


def test_the_page_has_each_key_with_type_and_default() -> None:
    text = page()
    assert "| `batch_size` | whole number (at least 1) | `64` |" in text
    assert "| `task` | `binary` or `multiclass` or `multilabel` or `regression` | **required** |" in text
    assert "| `thresholds` | list of [sections](#evaluation-thresholds) | **required** |" in text
    for section in SECTIONS.values():
        assert all(f"\n| `{key.name}` | " in text for key in section.keys)


def test_a_key_of_several_kinds_lists_each_with_its_keys() -> None:
    [row] = [line for line in page().splitlines() if line.startswith("| `features` | mapping of names to")]
    assert "A number, scaled" not in row, "that is one kind's own description"
    assert "<br>[`kind: bucketized`](#features-bucketized): `expression`, `buckets`" in row
    kinds = dict(sections()[0].keys[[key.name for key in sections()[0].keys].index("features")].kinds)
    assert len(kinds) == 11
    for kind, keys in kinds.items():
        assert "kind" not in keys and all(f"`{key}`" in row for key in keys)
        assert f"[`{kind}`](#features-{kind.removeprefix('kind: ')})" in row
    [space] = [line for line in page().splitlines() if line.startswith("| `space` | mapping of names to")]
    assert "[`values`](#tuning-space-values): `values`<br>[`low`](#tuning-space-low): `low`, `high`" in space


def test_every_key_that_is_read_is_in_the_reference() -> None:
    assert {key.name for key in sections()[0].keys} == {
        field.alias or name for name, field in Config.model_fields.items()
    }
