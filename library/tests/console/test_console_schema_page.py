"""The schema in a browser: a blocked run, its proposals, their impact, accept, take back; the text, and two writers."""

import html
import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from curation import SCHEMA, Curation

from millrace.config.loading import load
from millrace.metadata.run_folder import REQUEST_FILE


@pytest.fixture
def curation(tmp_path):
    return Curation(tmp_path)


@pytest.fixture
def asked(curation, console):
    return console(curation.config)


def hidden(text: str) -> dict[str, str]:
    """The fields of a form that a person does not see."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))


def send(asked, place, *more, **fields):
    """Sends the form of a page as a browser does."""
    own = hidden(asked.ask(place).text)
    return asked.ask(place, "POST", urlencode([*{**own, **fields}.items(), *more]))


def typed(text: str) -> str:
    """What stands in the field of the text."""
    return html.unescape(re.search(r"<textarea[^>]*>\n(.*)</textarea>", text, re.DOTALL)[1])


def test_the_contract_stands_beside_what_was_seen(asked, curation):
    answer = asked.ask("/schema")
    assert answer.status == 200 and " style=" not in answer.text
    page = asked.ask("/schema?format=json").json
    assert [one["feature"]["row"]["name"] for one in page["rows"]] == ["fare", "payment", "tip"], "in its own order"
    assert page["rows"][0]["asked"]["domain"] == "0 to 100" and page["run"] == curation.blocked
    assert [one["what"] for one in page["issues"]] == ["in train the values are 5 to 500"]
    assert asked.ask("/schema?format=csv").text.splitlines()[1].startswith("fare,FLOAT,in every row,0 to 100")
    assert "tip" not in re.findall(r'class="key name"><a[^>]*>(\w+)', asked.ask("/schema?q=fare").text)
    assert asked.faults == []


def test_a_blocked_run_is_answered_its_impact_seen_accepted_and_taken_back(asked, curation):
    offered = asked.ask("/schema/proposals")
    assert "ENUM_TYPE_UNEXPECTED_STRING_VALUES" in offered.text and "<script>" not in offered.text.replace(
        "<script src", ""
    )
    page = asked.ask("/schema/proposals?format=json").json
    numbers = {one["feature"]: one["number"] for one in page["proposals"] if not one["alternative"]}
    chosen = [("number", numbers["fare"]), ("number", numbers["payment"])]
    seen = send(asked, "/schema/proposals", *chosen, do="review")
    assert seen.status == 200 and seen.text.count(" checked") == 2
    assert "domain gains &#39;&lt;script&gt;&#39;" in seen.text and "now passes" in seen.text
    assert curation.schema.read_text() == SCHEMA, "nothing is written by looking"
    made = send(asked, "/schema/proposals", *chosen, do="accept")
    assert (made.status, made.headers["location"]) == (303, "/schema")
    written = curation.schema.read_text()
    assert (
        '"<script>"' in written and "max: 500" in written and "# notes and coins" in written and "# dollars" in written
    )
    assert "domain gains" in asked.ask("/schema").text, "the last edit is shown"
    back = send(asked, "/schema")
    assert back.status == 303 and curation.schema.read_text() == SCHEMA


@pytest.mark.parametrize(
    "fields, why",
    [
        ({"do": "accept"}, "none was chosen"),
        ({"do": "accept", "number": "99"}, "no proposal 99"),
        ({"do": "review", "number": "1", "run": "another"}, "another run has ended since these were shown"),
        ({"do": "accept", "number": "1", "digest": "0"}, "the file changed since this page was shown"),
    ],
)
def test_what_cannot_be_accepted_is_said_and_changes_nothing(asked, curation, fields, why):
    answer = send(asked, "/schema/proposals", **fields)
    assert answer.status == 422 and why in answer.text and curation.schema.read_text() == SCHEMA


def test_two_answers_to_one_anomaly_are_not_both_accepted(asked, curation):
    """An edit and its alternative could both be ticked: the review showed one of them, the history both."""
    offered = asked.ask("/schema/proposals?format=json").json["proposals"]
    alternative = next(one["number"] for one in offered if one["alternative"] and one["can_be_made"])
    first = next(one["number"] for one in offered if alternative.startswith(one["number"]))
    for do in ("review", "accept"):
        answer = send(asked, "/schema/proposals", ("number", first), ("number", alternative), do=do)
        assert answer.status == 422 and f"{first} and {alternative} are two answers to one anomaly" in answer.text
    assert curation.schema.read_text() == SCHEMA


def test_a_run_that_the_data_ended_leads_to_the_edits_and_to_the_values_that_it_was_asked_with(asked, curation):
    """The commands of a page ran other data: they lacked its --set and its -c."""
    folder = Path(curation.config.root) / "logs" / curation.blocked
    values = json.loads((folder / REQUEST_FILE).read_text())
    values["request"]["overrides"] = ["data.pattern=shop 2.csv", "push.trial=true"]
    values["failure"] = {"what": "DataGate: 1 finding stops it.", "where": "", "remedy": "", "exit_code": 3}
    (folder / REQUEST_FILE).write_text(json.dumps(values))
    again = "--set &#39;data.pattern=shop 2.csv&#39;"
    shown = asked.ask(f"/runs/{curation.blocked}").text
    assert '<a href="/schema/proposals"' in shown and again in shown and f"{again} --set" not in shown
    assert re.search(rf"millrace run -c \S+/trips.yaml {again}", shown)
    number = ("number", asked.ask("/schema/proposals?format=json").json["proposals"][0]["number"])
    assert again in send(asked, "/schema/proposals", number, do="review").text


def test_a_text_is_looked_at_and_kept_with_its_line_ends(asked, curation):
    shown = typed(asked.ask("/schema/edit").text)
    assert shown == SCHEMA
    wider = SCHEMA.replace("max: 100 }", "max: 500 }  # to the airport")
    # A browser sends every line end as two characters.
    seen = send(asked, "/schema/edit", text=wider.replace("\n", "\r\n"), do="review")
    assert (
        seen.status == 200 and "range: 0 to 100 becomes 0 to 500" in seen.text and curation.schema.read_text() == SCHEMA
    )
    made = send(asked, "/schema/edit", text=wider.replace("\n", "\r\n"), do="keep")
    assert made.status == 303 and curation.schema.read_bytes() == wider.encode()
    send(asked, "/schema")
    assert curation.schema.read_text() == SCHEMA


def test_what_is_given_up_is_said_before(asked):
    seen = send(asked, "/schema/edit", text=SCHEMA.replace("  float_domain { min: 0 max: 100 }\n", ""), do="review")
    assert "Gives up" in seen.text and "fare: its domain, 0 to 100" in seen.text


def test_a_mistake_is_shown_at_its_line_and_what_was_typed_stays(asked, curation):
    broken = SCHEMA.replace("type: FLOAT", "type: FLOTA")
    answer = send(asked, "/schema/edit", text=broken, do="keep")
    assert answer.status == 422 and typed(answer.text) == broken and curation.schema.read_text() == SCHEMA
    assert re.search(r'<tr class="stops"><td class="n">7</td><td><pre>  type: FLOTA</pre>', answer.text)
    later = asked.ask("/schema/edit").text
    assert "An edit was interrupted" in later and typed(later) == broken, "also after the browser was closed"
    assert send(asked, "/schema/edit", text=broken, do="revert").status == 303
    assert typed(asked.ask("/schema/edit").text) == SCHEMA


def test_two_writers_lose_nothing(asked, curation):
    mine = SCHEMA.replace("max: 100", "max: 500")
    began = hidden(asked.ask("/schema/edit").text)
    theirs = SCHEMA.replace('value: "Card"', 'value: "Card"\n  value: "Coin"')
    curation.schema.write_text(theirs)
    answer = asked.ask("/schema/edit", "POST", urlencode({**began, "text": mine, "do": "keep"}))
    assert answer.status == 422 and "the file changed since you began" in answer.text
    assert curation.schema.read_text() == theirs and typed(answer.text) == mine
    assert "domain loses &#39;Coin&#39;" in answer.text, "what mine would do to theirs"
    both = theirs.replace("max: 100", "max: 500")
    fields = {**hidden(answer.text), "text": both, "do": "keep"}
    assert asked.ask("/schema/edit", "POST", urlencode(fields)).status == 303
    assert curation.schema.read_text() == both


def test_an_edit_by_hand_is_not_undone_unless_it_is_asked_for(asked, curation):
    send(asked, "/schema/edit", text=SCHEMA.replace("max: 100", "max: 200"), do="keep")
    by_hand = curation.schema.read_text().replace("max: 200", "max: 300")
    curation.schema.write_text(by_hand)
    answer = send(asked, "/schema")
    assert answer.status == 422 and "Take it back all the same" in answer.text
    assert curation.schema.read_text() == by_hand
    assert asked.ask("/schema", "POST", urlencode(hidden(answer.text))).status == 303
    assert curation.schema.read_text() == SCHEMA


def test_letters_that_hide_stay_as_they_are_in_the_text(asked, curation):
    odd = SCHEMA.replace('"Card"', '"Ca\u200brd\u202e"')
    curation.schema.write_text(odd)
    assert typed(asked.ask("/schema/edit").text) == odd
    assert "\u202e" not in asked.ask("/schema").text


def test_line_ends_of_two_kinds_are_for_an_editor(asked, curation):
    curation.schema.write_bytes(SCHEMA.replace("\n", "\r\n", 3).encode())
    answer = asked.ask("/schema/edit")
    assert "its lines end in more than one way" in answer.text and "millrace schema edit" in answer.text
    curation.schema.write_bytes(SCHEMA.replace("\n", "\r\n").encode())
    edited = SCHEMA.replace("max: 100", "max: 500").replace("\n", "\r\n")
    assert send(asked, "/schema/edit", text=edited, do="keep").status == 303
    assert curation.schema.read_bytes() == edited.encode()


def test_without_a_schema_file_the_page_says_how_to_write_one(tmp_path, console):
    curation = Curation(tmp_path)
    config = load(curation.config.file, ["schema.file=null"])
    answer = console(config).ask("/schema")
    assert answer.status == 200 and "millrace schema infer" in answer.text


def test_nothing_is_changed_by_looking(asked, curation):
    for place in ("/schema?do=accept", "/schema/proposals?number=1&do=accept", "/schema/edit?text=x&do=keep"):
        assert asked.ask(place).status == 200
    assert curation.schema.read_text() == SCHEMA


def test_a_form_without_its_text_empties_nothing(asked, curation):
    fields = {**hidden(asked.ask("/schema/edit").text), "do": "keep"}
    answer = asked.ask("/schema/edit", "POST", urlencode(fields))
    assert answer.status == 503 and "sent without a text" in answer.text and curation.schema.read_text() == SCHEMA


def test_who_lets_an_edit_go_lets_no_other_ones_go(asked, curation):
    first, second = SCHEMA.replace("max: 100", "max: 200"), SCHEMA.replace("max: 100", "max: 300")
    mine = send(asked, "/schema/edit", text=first, do="review").text
    send(asked, "/schema/edit", text=second, do="review")
    fields = {**hidden(mine), "text": first, "do": "revert"}
    assert asked.ask("/schema/edit", "POST", urlencode(fields)).status == 303
    assert typed(asked.ask("/schema/edit").text) == second, "it is somebody else's"
