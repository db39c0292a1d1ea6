"""A card has what was measured, names what nobody has written, and fits the Model Card Toolkit's schema."""

import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import jsonschema
import pytest
from registered_versions import registry_of

from millrace.base.errors import ConfigError
from millrace.metadata.run_summaries import Runs
from millrace.registry import card_texts
from millrace.registry.card import model_card, sections, to_html, to_json, to_markdown
from millrace.registry.card_texts import CardTexts
from millrace.registry.intake import open_registry, up_to_date
from millrace.registry.version import Signature

TEXTS = """
overview: Says who tips <well>.
owners: [{name: The tips team, contact: tips@example.org}]
license: Apache-2.0
limitations: [Chicago | alone, "2013 *only*"]
ethical_considerations: [{name: It may favour districts, mitigation: Offers are capped}]
sensitive_data: [pickup_community_area]
"""


@pytest.fixture
def card(two_versions, tmp_path):
    file = tmp_path / "card.yaml"
    file.write_text(TEXTS)
    runs = Runs(two_versions)
    with open_registry(two_versions) as registry:
        up_to_date(registry, runs)
        version = registry.version("champion")
        return model_card(runs, version, registry.events(version.number), card_texts.read(str(file)))


def test_the_markdown_has_facts_and_texts_and_names_what_is_missing(card):
    text = to_markdown(card)
    assert text.startswith("# Model card: taxi 12\n")
    assert "Says who tips \\<well\\>." in text and "- Chicago \\| alone\n- 2013 \\*only\\*" in text
    assert "| overall | AUC | 0.9095 |  | at least 0.9 | 40 |" in text
    assert "- **span**: 3" in text and "- **Evaluator**: blessed: AUC is above 0.9" in text
    missing = re.findall(r"## ([^\n]+)\n\n\*Nobody has written this yet", text)
    assert missing == ["Intended users", "Use cases", "Trade-offs", "References"]


def test_the_page_asks_for_nothing_and_shows_no_text_as_markup(card):
    text = to_html(card)
    assert "Says who tips &lt;well&gt;." in text and "<well>" not in text
    assert not re.search(r"<script|src=|href=|url\(", text)
    assert text.count('class="missing"') == 4 and text.count("<section>") == text.count("</section>")


class Tags(HTMLParser):
    """The tags that are open, which must be closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.open += [] if tag == "meta" else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())


def test_each_tag_of_the_page_is_closed_and_both_forms_hold_the_same_texts(card):
    tags = Tags()
    tags.feed(to_html(card))
    assert tags.open == []
    page, text = to_html(card), re.sub(r"\\(.)", r"\1", to_markdown(card))
    for part in sections(card):
        for words in (part.title, *(word for pair in part.facts for word in pair), *part.items, *part.heads):
            assert html.escape(words) in page and " ".join(words.split()) in text, words
    # Without an empty line before it, Markdown takes a heading for a part of the list or the table above.
    lines = text.splitlines()
    assert all(before == "" for before, line in pairwise(lines) if line.startswith("## "))


@pytest.mark.parametrize(("outputs", "dots"), [(4, False), (5, True)])
def test_of_many_outputs_the_first_are_named_and_the_rest_is_not_hidden(card, outputs, dots):
    signature = Signature({"examples": "string[?]"}, {f"output{number}": "float32[?]" for number in range(outputs)})
    facts = replace(card.version.facts, signatures={"serving_default": signature})
    text = to_markdown(replace(card, version=replace(card.version, facts=facts)))
    assert "output3" in text and ("output4" in text, "output3, ..." in text) == (False, dots)


def test_the_json_fits_the_schema(card):
    values = json.loads(json.dumps(to_json(card)))
    jsonschema.validate(values, SCHEMA)
    assert values["model_details"]["version"] == {"name": "12", "date": values["model_details"]["version"]["date"]}
    assert values["quantitative_analysis"]["performance_metrics"] == [
        {"type": "AUC", "value": pytest.approx(0.9095), "slice": "overall"}
    ]
    assert "users" not in values["considerations"] and values["considerations"]["limitations"][0] == {
        "description": "Chicago | alone"
    }
    assert values["model_parameters"]["data"][0]["sensitive"] == {"sensitive_data": ["pickup_community_area"]}


def test_of_a_version_whose_run_is_not_known_the_kept_metrics_are_shown(two_versions, tmp_path):
    with registry_of(tmp_path / "other") as registry, open_registry(two_versions) as known:
        up_to_date(known, Runs(two_versions))
        version = known.version("11")
        registry.take_in_imported(11, "20200101-000000", version.facts, "x", {})
        imported = registry.version("11")
    text = to_markdown(model_card(Runs(two_versions), imported, (), CardTexts()))
    assert "| overall | auc | 0.9195 |" in text and text.count("Nobody has written") == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("overveiw: x", r"overveiw: no card has this key; did you mean overview\?"),
        ("users: Dispatchers", "users: Input should be a valid tuple"),
        ("owners: [{contact: x}]", r"owners\.0\.name: Field required"),
        ("- a list", "the file: Input should be a valid dictionary"),
        ("a: [", "not YAML"),
        ("overview: 2026-13-01", "there is no such day"),
    ],
)
def test_a_text_that_no_card_has_is_told_by_its_key(tmp_path, text, words):
    file = tmp_path / "card.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        card_texts.read(str(file))
    with pytest.raises(ConfigError, match="there is no such file"):
        card_texts.read(str(tmp_path / "none.yaml"))


def _list_of(**properties: str) -> dict:
    entry = {"type": "object", "properties": {name: {"type": kind} for name, kind in properties.items()}}
    return {"type": "array", "items": {**entry, "additionalProperties": False}}


# The fields of model_card.schema.json 0.0.2 that a card uses, closed against others.
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema_version", "model_details"],
    "properties": {
        "schema_version": {"const": "0.0.2"},
        "model_details": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string"},
                "overview": {"type": "string"},
                "owners": _list_of(name="string", contact="string"),
                "version": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "date": {"pattern": r"^\d{4}-\d\d-\d\d$"}},
                },
                "licenses": _list_of(identifier="string"),
                "references": _list_of(reference="string"),
            },
        },
        "model_parameters": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "model_architecture": {"type": "string"},
                "data": _list_of(name="string", description="string", sensitive="object"),
                "input_format": {"type": "string"},
                "output_format": {"type": "string"},
            },
        },
        "quantitative_analysis": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"performance_metrics": _list_of(type="string", value="number", slice="string")},
        },
        "considerations": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                **{name: _list_of(description="string") for name in ("users", "use_cases", "limitations", "tradeoffs")},
                "ethical_considerations": _list_of(name="string", mitigation_strategy="string"),
            },
        },
    },
}
