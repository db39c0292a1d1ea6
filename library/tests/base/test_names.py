"""A slip of the finger finds the name that was meant; another word finds nothing."""

import pytest

from millrace.base.names import did_you_mean, did_you_mean_file, nearest

STAGES = ["CsvExampleGen", "StatisticsGen", "Transform", "Trainer", "Evaluator", "Pusher"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Trianer", "Trainer"),
        ("trainer", "Trainer"),
        ("EVALUATR", "Evaluator"),
        ("Push", "Pusher"),
        ("Traner", "Trainer"),
    ],
)
def test_the_nearest_name_is_found_whatever_its_case(written, meant):
    assert nearest(written, STAGES) == [meant]


@pytest.mark.parametrize("written", ["", "deploy", "x", "Serving"])
def test_a_name_that_is_like_none_finds_none(written):
    assert nearest(written, STAGES, count=3) == []
    assert did_you_mean(written, STAGES) == ""


def test_several_come_with_the_nearest_first():
    assert nearest("fares", ["fare_b", "fare", "tips"], count=3) == ["fare", "fare_b"]


def test_of_names_that_differ_by_case_alone_the_first_is_reported():
    assert nearest("auc", ["Auc", "AUC"]) == ["AUC"]


def test_of_files_the_names_are_compared_and_not_their_folders_and_endings():
    known = ["conf/taxi.yaml", "conf/shop.yaml"]
    assert did_you_mean_file("elsewhere/taxy.yml", known) == "; did you mean conf/taxi.yaml?"
    assert did_you_mean_file("conf/bikes.yaml", known) == ""


def test_the_end_of_a_message():
    assert did_you_mean("stpes", ["steps", "seed"]) == "; did you mean steps?"
