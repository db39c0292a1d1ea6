"""The curator's story: the data changes, the run is blocked, an edit is proposed, accepted, and the run passes."""

import csv
import json

import pytest

pytestmark = pytest.mark.slow


def test_a_blocked_run_is_answered_and_passes(project):
    assert project.run("--to", "DataGate").code == 0
    trips = project.data / "trips.csv"
    with trips.open(newline="") as file:
        head, *rows = csv.reader(file)
    for row in rows[::50]:
        row[head.index("payment_type")] = "Bitcoin"
    with trips.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])

    blocked = project.run("--to", "DataGate")
    assert blocked.code == 3, blocked.output
    assert "millrace schema propose" in blocked.output

    proposed = project.millrace("schema", "propose", "--json")
    assert proposed.code == 0, proposed.output
    answers = json.loads(proposed.output)["proposals"]
    answer = next(proposal for proposal in answers if proposal["preferred"] and proposal["feature"] == "payment_type")
    assert answer["words"] == ["payment_type: domain gains 'Bitcoin'"]
    assert answer["rows"] == len(rows[::50])

    before = project.schema.read_text()
    accepted = project.millrace("schema", "accept", answer["number"])
    assert accepted.code == 0, accepted.output
    after = project.schema.read_text()
    assert [line for line in after.splitlines() if line not in before.splitlines()] == ['  value: "Bitcoin"']
    impact = json.loads(project.millrace("schema", "impact", "--json").output)["runs"]
    assert [run["verdict"] for run in impact] == ["passes", "now passes"]

    assert project.run("--to", "DataGate").code == 0
    assert project.millrace("schema", "undo").code == 0
    assert project.schema.read_text() == before
    assert project.run("--to", "DataGate").code == 3
