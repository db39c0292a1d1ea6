"""Days of trips: windows of them, and a day that is not like the day before."""

import csv

import pytest

pytestmark = pytest.mark.slow


def test_a_day_of_which_every_fare_is_four_times_as_high_is_stopped(project):
    """A good day passes; the bad one is stopped with its distance and the limit; the next good one is compared with
    the good one before, and passes."""
    [table] = project.data.iterdir()
    header, *rows = list(csv.reader(table.read_text().splitlines()))
    table.unlink()
    fare = header.index("fare")
    days = [rows[place::3] for place in range(3)]
    # Not above 1,000, which the schema's domain would stop.
    days[1] = [[*row[:fare], str(min(4 * float(row[fare]), 999.0)), *row[fare + 1 :]] for row in days[1]]
    for number, day in enumerate(days, start=1):
        (project.data / f"2024-01-0{number}").mkdir()
        with (project.data / f"2024-01-0{number}" / "trips.csv").open("w") as file:
            csv.writer(file).writerows([header, *day])
    dated = ("--set", "data.pattern={YYYY}-{MM}-{DD}/*.csv", "--to", "DataGate")

    first = project.run("--set", "data.span=2024-01-01", *dated)
    assert first.code == 0, first.output
    bad = project.run("--set", "data.span=2024-01-02", *dated)
    assert bad.code == 3, bad.output
    assert bad.stages["DataGate"] == "blocked"
    for words in ("fare", "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", "at most 0.2", "is usual"):
        assert words in bad.output
    again = project.run("--set", "data.window={last: 1}", *dated)
    reports = (project.root / "artifacts" / "DataGate" / "report").glob("*/report.txt")
    report = max(reports, key=lambda file: int(file.parent.name))
    assert again.code == 0, again.output
    assert "the span before, span 19723" in report.read_text()
