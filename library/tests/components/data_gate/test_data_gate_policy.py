"""The table of defaults, the policy and the waivers. No TensorFlow is needed for any of it."""

import subprocess
import sys
from datetime import date

import pytest
from pydantic import ValidationError
from tensorflow_metadata.proto.v0 import anomalies_pb2

from millrace.components.data_gate import policy
from millrace.components.data_gate.section import DataGateSection

WAIVER = {"feature": "company", "reason": "SCHEMA_NEW_COLUMN", "until": "2030-01-31", "because": "being registered"}


def test_every_reason_of_the_installed_tfdv_has_a_default_with_a_reason() -> None:
    undecided = set(anomalies_pb2.AnomalyInfo.Type.keys()) - policy.DEFAULTS.keys()
    assert undecided == set()
    assert all(entry.why for entry in policy.DEFAULTS.values())


def test_no_default_is_written_twice() -> None:
    named = [reason for _, _, reasons in policy._TFDV for reason in reasons]
    assert len(named) == len(set(named))
    assert not set(named) & policy.OWN.keys()


def test_a_reason_newer_than_the_table_blocks() -> None:
    assert policy.default("REASON_512") == policy.Default("block", 3, policy.default("REASON_512").why)


def test_own_reasons_are_bad_input_unless_a_decision_about_the_contract_is_open() -> None:
    refused = {reason for reason, entry in policy.OWN.items() if entry.exit_code == 3}
    assert refused == {"LABEL_NOT_IN_SCHEMA", "WEIGHT_NOT_IN_SCHEMA", "FEATURE_NOT_IN_SCHEMA"}


def test_a_good_policy_is_accepted() -> None:
    section = DataGateSection(policy={"SCHEMA_NEW_COLUMN": "block", "FEATURE_EMPTY_IN_SPLIT": "ignore"})
    assert section.policy["SCHEMA_NEW_COLUMN"] == "block"


def test_an_unknown_reason_is_told_with_the_nearest_names() -> None:
    with pytest.raises(ValidationError) as raised:
        DataGateSection(policy={"ENUM_TYPE_UNEXPECTED_VALUES": "warn", "schema_new_colum": "warn"})
    first, second = (problem["msg"] for problem in raised.value.errors())
    assert "the nearest are ENUM_TYPE_UNEXPECTED_STRING_VALUES" in first
    assert "SCHEMA_NEW_COLUMN" in second


def test_an_unknown_action_is_told_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="'block', 'warn' or 'ignore'"):
        DataGateSection(policy={"SCHEMA_NEW_COLUMN": "blok"})


def test_every_mistake_of_a_waiver_is_told_at_once() -> None:
    waiver = {**WAIVER, "reason": "SCHEMA_NEW_COLUMS", "until": "31.01.2030", "because": ""}
    with pytest.raises(ValidationError) as raised:
        DataGateSection(waivers=[waiver])
    assert [problem["loc"][-1] for problem in raised.value.errors()] == ["reason", "until", "because"]


@pytest.mark.parametrize(("today", "held"), [("2030-01-30", 1), ("2030-01-31", 1), ("2030-02-01", 0)])
def test_a_waiver_holds_until_its_date_inclusive(today: str, held: int) -> None:
    assert len(DataGateSection(waivers=[WAIVER]).in_force(date.fromisoformat(today)).waivers) == held


def test_waivers_in_force_are_in_a_stable_order() -> None:
    other = {**WAIVER, "feature": "age", "until": date(2031, 1, 1)}
    one, two = (DataGateSection(waivers=both).in_force(date(2029, 1, 1)) for both in ([WAIVER, other], [other, WAIVER]))
    assert one == two
    assert [waiver.feature for waiver in one.waivers] == ["age", "company"]


def test_the_longest_of_two_waivers_counts() -> None:
    section = DataGateSection(waivers=[{**WAIVER, "until": "2031-01-31"}, WAIVER])
    assert section.waiver_for("company", "SCHEMA_NEW_COLUMN").until == date(2031, 1, 31)
    assert section.waiver_for("company", "INT_TYPE_BIG_INT") is None


def test_the_policy_is_checked_without_tensorflow_and_tfx() -> None:
    code = (
        "import sys; from millrace.components.data_gate.section import DataGateSection as Section;"
        "Section(policy={'DATA_EMPTY': 'warn'});"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'tfx', 'apache_beam', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
