"""What changed since the latest blessed data, in tables that real TFDV measures."""

import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import standard_artifacts

from millrace.components.data_gate.compared import compare_split
from millrace.components.data_gate.component import DataGateReport
from millrace.components.data_gate.executor import Executor
from millrace.components.data_gate.findings import read_split
from millrace.components.data_gate.gate import Verdict, judge
from millrace.components.data_gate.moved import moved_findings
from millrace.components.data_gate.policy import MOVED
from millrace.components.data_gate.references import Reference, References
from millrace.components.data_gate.report import Files, as_json, as_text, refusal
from millrace.components.data_gate.rules import Use
from millrace.components.data_gate.section import DataGateSection, Waiver
from millrace.features.label import Label, Output
from millrace.statistics.columns import of_all_rows
from millrace.statistics.comparison import Rows

TODAY = date(2029, 6, 1)
USE = Use((Output(column="label", task="binary", classes=(0, 1)),), ("size", "kind", "flag", "gain"))
ROWS = 3_000


def rows(seed=0, count=ROWS, **changes):
    rng = np.random.default_rng(seed)
    table = {
        "label": (rng.random(count) < 0.25).astype(int).tolist(),
        "size": rng.lognormal(2, 1, count).tolist(),
        "kind": rng.choice(["a", "b", "c"], count, p=[0.6, 0.3, 0.1]).tolist(),
        "flag": (rng.random(count) < 0.3).astype(int).tolist(),
        "gain": np.where(rng.random(count) < 0.04, rng.lognormal(7, 1, count), 0.0).tolist(),
    }
    return {**table, **changes}


def schema_text(table):
    kinds = {int: "INT", float: "FLOAT", str: "BYTES"}
    first = {name: next(value for value in values if value is not None) for name, values in table.items()}
    return "\n".join(f'feature {{ name: "{name}" type: {kinds[type(value)]} }}' for name, value in first.items())


@pytest.fixture
def verdict_of(make_split, make_schema):
    """Judges a table beside what was blessed before; both splits are of the same kind."""

    def verdict(table, before=None, use=USE, policy=None, waivers=(), eval_rows=None, eval_before=None):
        schema = make_schema(schema_text(table))
        splits = [make_split("train", table, schema), make_split("eval", eval_rows or rows(5), schema)]
        eval_before = eval_before or eval_rows or rows(6)
        blessed = [make_split("train", before or rows(1), schema), make_split("eval", eval_before, schema)]
        section = DataGateSection(policy=policy or {}, waivers=waivers)
        return judge(splits, schema, use, section=section, today=TODAY, blessed=blessed)

    return verdict


def told(verdict):
    ours = [finding for finding in verdict.findings if finding.reason in MOVED and finding.action != "ignore"]
    return [(finding.action, finding.split, finding.feature, finding.reason) for finding in ours]


def test_honest_rows_are_like_those_before(verdict_of) -> None:
    assert told(verdict_of(rows(2))) == []


def test_without_blessed_data_nothing_is_compared(make_split, make_schema) -> None:
    schema = make_schema(schema_text(rows()))
    splits = [make_split(name, rows(2), schema) for name in ("train", "eval")]
    verdict = judge(splits, schema, USE, section=DataGateSection(), today=TODAY)
    assert told(verdict) == []


def test_a_flipped_label_is_stopped_with_both_shares_and_a_way_to_take_it(verdict_of) -> None:
    flipped = [1 - label for label in rows(2)["label"]]
    verdict = verdict_of(rows(2, label=flipped))
    assert told(verdict) == [("block", "train", "label", "LABEL_MOVED")]
    [finding] = verdict.of("block")
    before, after = np.mean(rows(1)["label"]), np.mean(flipped)
    assert finding.expected == f"as last blessed: '1' in {before:.2%} of rows"
    assert finding.seen == f"'1' in {after:.2%} of rows"
    assert finding.rows == sum(flipped)
    assert verdict.exit_code == 3
    remedy = refusal(verdict, Files("schema.pbtxt", "conf/mine.yaml"), TODAY).remedy
    assert "- {feature: label, reason: LABEL_MOVED, until: 2029-07-01, because: ...}" in remedy
    assert "once a model is blessed on this data" in remedy
    assert "schema propose" not in remedy


@pytest.mark.parametrize(("share", "action"), [(0.28, None), (0.38, "warn"), (0.45, "warn"), (0.55, "block")])
def test_a_share_of_the_label_that_moves_warns_before_it_stops(verdict_of, share, action) -> None:
    moved = (np.arange(ROWS) < share * ROWS).astype(int).tolist()
    found = told(verdict_of(rows(2, label=moved)))
    assert found == ([(action, "train", "label", "LABEL_MOVED")] if action else [])


def test_nearly_even_classes_that_were_exchanged_are_stopped(verdict_of) -> None:
    before = rows(1, label=(np.arange(ROWS) < 0.44 * ROWS).astype(int).tolist())
    after = rows(2, label=(np.arange(ROWS) < 0.56 * ROWS).astype(int).tolist())
    assert told(verdict_of(after, before)) == [("block", "train", "label", "LABEL_MOVED")]


@pytest.mark.parametrize("classes", [("no", "yes"), (1, 2)])
def test_classes_of_words_and_other_numbers_are_shares_too(verdict_of, classes) -> None:
    use = Use((Output(column="label", task="binary", classes=classes),), ("size",))
    first, second = classes
    table = {seed: [second if one else first for one in rows(seed)["label"]] for seed in (1, 2, 5)}
    flipped = [first if one == second else second for one in table[2]]
    splits = {"before": rows(1, label=table[1]), "use": use, "eval_rows": rows(5, label=table[5])}
    found = told(verdict_of(rows(2, label=flipped), **splits))
    assert ("block", "train", "label", "LABEL_MOVED") in found
    assert ("block", "train", "label", "LABEL_MOVED") not in told(verdict_of(rows(2, label=table[2]), **splits))


@pytest.mark.parametrize(
    ("classes", "before", "after", "cut"),
    [
        ((0, 1, 100), (0.7, 0.2, 0.1), (0.2, 0.7, 0.1), "classes up to 0 in"),
        ((1, 2, 3, 99), (0.7, 0.1, 0.1, 0.1), (0.1, 0.1, 0.1, 0.7), "classes up to 3 in about 90% of rows"),
        (tuple(range(12)), (0.4,) + (0.6 / 11,) * 11, (0.6 / 11,) * 11 + (0.4,), "classes up to"),
        (tuple(range(11)), (0.07,) * 10 + (0.3,), (0.07,) * 9 + (0.3, 0.07), "classes up to 9 in about"),
    ],
)
def test_several_numbers_however_close_that_were_exchanged_are_told(verdict_of, classes, before, after, cut) -> None:
    """TFDV keeps a histogram of ten and deciles of numbers, in which neighbours share a bucket."""
    use = Use((Output(column="label", task="multiclass", classes=classes),), ("size",))
    draw = np.random.default_rng(3).choice
    given = {"use": use, "eval_rows": rows(5, label=draw(classes, ROWS, p=before).tolist())}
    blessed = rows(1, label=draw(classes, ROWS, p=before).tolist())
    assert told(verdict_of(rows(2, label=draw(classes, ROWS, p=before).tolist()), blessed, **given)) == []
    verdict = verdict_of(rows(2, label=draw(classes, ROWS, p=after).tolist()), blessed, **given)
    [finding] = [one for one in verdict.findings if one.reason == "LABEL_MOVED"]
    assert cut in finding.expected
    assert finding.action == "block"


def test_another_class_in_front_is_no_exchange(verdict_of) -> None:
    """Ten even classes of which one grew, and two of which the second is a little ahead now: news, and no fault."""
    names = [f"class {n}" for n in range(10)]
    even, grown = [n % 10 for n in range(ROWS)], [(n % 10 if n % 11 else 7) for n in range(ROWS)]
    table = {key: [names[n] for n in of] for key, of in (("even", even), ("grown", grown))}
    use = Use((Output(column="label", task="multiclass", classes=tuple(names)),), ("size",))
    told_of = told(
        verdict_of(
            rows(2, label=table["grown"]), rows(1, label=table["even"]), use, eval_rows=rows(5, label=table["even"])
        )
    )
    assert {action for action, *_ in told_of} <= {"warn"}
    ahead = [(np.arange(ROWS) < share * ROWS).astype(int).tolist() for share in (0.48, 0.58)]
    assert told(verdict_of(rows(2, label=ahead[1]), rows(1, label=ahead[0]))) == [
        ("warn", "train", "label", "LABEL_MOVED")
    ]


@pytest.mark.parametrize(("classes", "count"), [(50, 40), (50, 150), (10, 20), (2, 10)])
def test_a_small_honest_batch_is_no_news(verdict_of, classes, count) -> None:
    """The normal approximation of a share stopped four of ten batches of 40 rows of 50 even classes."""
    names = tuple(f"class {n}" for n in range(classes))
    share = np.full(classes, 1 / classes) if classes > 2 else [0.98, 0.02]
    use = Use((Output(column="label", task="binary" if classes == 2 else "multiclass", classes=names),), ())
    alarms = 0
    for seed in range(30):
        draw = np.random.default_rng(seed).choice
        before, after = ({"label": draw(names, n, p=share).tolist()} for n in (5_000, count))
        found = told(verdict_of(after, before, use, eval_rows=after, eval_before=before))
        alarms += any(reason == "LABEL_MOVED" for *_, reason in found)
    assert alarms <= 1


@pytest.mark.parametrize("values", [20, 60, 300])
def test_another_spelling_of_every_value_warns(verdict_of, values) -> None:
    """No value of many had a share from which it could move far."""
    names = [f"shop {n % values}" for n in range(ROWS)]
    blessed = {"before": rows(1, kind=names), "eval_rows": rows(5, kind=names)}
    assert told(verdict_of(rows(2, kind=names[7:] + names[:7]), **blessed)) == []
    verdict = verdict_of(rows(2, kind=[name.upper() for name in names]), **blessed)
    assert told(verdict) == [("warn", "train", "kind", "CATEGORY_MOVED")]
    [finding] = [one for one in verdict.findings if one.reason == "CATEGORY_MOVED"]
    assert finding.seen.startswith("'SHOP ") and finding.seen.endswith(", ... in place of those values")


@pytest.mark.parametrize("share", [0.095, 0.105, 0.12])
def test_a_unit_of_what_is_mostly_zero_is_stopped(verdict_of, share) -> None:
    """About one row in ten has a number: of the middle 80 % it is in the one half and not in the other."""
    rng = np.random.default_rng(4)
    before, after = (np.where(rng.random(ROWS) < share, rng.lognormal(3, 1, ROWS), 0.0) for _ in range(2))
    found = told(verdict_of(rows(2, gain=(after * 100).tolist()), rows(1, gain=before.tolist())))
    assert ("block", "train", "gain", "NUMBER_MOVED") in found


def test_a_positive_class_that_is_not_in_a_split_has_a_share_of_zero(verdict_of) -> None:
    use = Use((Output(column="label", task="binary", classes=("no", "yes")),), ("size",))
    before = ["yes" if n % 50 == 0 else "no" for n in range(ROWS)]
    verdict = verdict_of(
        rows(2, label=["no"] * ROWS),
        rows(1, label=before),
        use,
        eval_rows=rows(5, label=before),
        policy={"LABEL_SINGLE_CLASS": "warn"},
    )
    assert not verdict.of("block")


def test_labels_that_are_no_class_have_a_finding_of_their_own(verdict_of) -> None:
    verdict = verdict_of(rows(2, label=[-5, 0, 7] * 1000))
    assert {(one.feature, one.reason) for one in verdict.of("block")} == {("label", "LABEL_CLASS_UNEXPECTED")}


def test_classes_by_number_that_were_exchanged_are_stopped(verdict_of) -> None:
    use = Use((Output(column="label", task="multiclass", classes=(0, 1, 2)),), ("size",))
    before, after = (
        [shares[i % 10] for i in range(ROWS)] for shares in ([0] * 6 + [1] * 3 + [2], [2] * 6 + [1] * 3 + [0])
    )
    found = told(verdict_of(rows(2, label=after), rows(1, label=before), use, eval_rows=rows(5)))
    assert ("block", "train", "label", "LABEL_MOVED") in found
    blocked = verdict_of(rows(2, label=after), rows(1, label=before), use).of("block")
    [finding] = [one for one in blocked if one.split == "train"]
    assert finding.expected == "as last blessed: classes up to 1 in about 90% of rows"
    assert finding.seen == "classes up to 1 in about 40% of rows"
    few = verdict_of(rows(2, count=6, label=[0, 1, 1, 1, 0, 2]), rows(1, label=before), use)
    assert "LABEL_MOVED" not in {reason for _, _, _, reason in told(few)}


@pytest.mark.parametrize("factor", [100, 0.01, 60])
def test_another_unit_is_stopped_with_both_medians(verdict_of, factor) -> None:
    sizes = [size * factor for size in rows(2)["size"]]
    verdict = verdict_of(rows(2, size=sizes))
    assert told(verdict) == [("block", "train", "size", "NUMBER_MOVED")]
    [finding] = verdict.of("block")
    assert finding.expected.startswith("as last blessed: median 7.")
    assert "times" in finding.seen


def test_the_ends_that_are_told_are_those_of_the_middle_80_of_100(verdict_of) -> None:
    sizes = [size * 100 for size in rows(2)["size"]]
    [finding] = verdict_of(rows(2, size=sizes)).of("block")
    for text, values in ((finding.expected, rows(1)["size"]), (finding.seen, sizes)):
        low, high = (float(end) for end in re.search(r", ([\d.]+) to ([\d.]+)", text).groups())
        assert (low, high) == pytest.approx(tuple(np.percentile(values, (10, 90))), rel=0.05), text


def test_another_unit_shows_where_six_of_seven_are_zero(verdict_of) -> None:
    """The middle 80 of 100 has the others yet; the middle 40 would be zero alone."""
    amounts = {seed: [size if n % 7 == 0 else 0.0 for n, size in enumerate(rows(seed)["size"])] for seed in (1, 2)}
    verdict = verdict_of(rows(2, size=[amount * 100 for amount in amounts[2]]), rows(1, size=amounts[1]))
    [finding] = verdict.of("block")
    assert (finding.feature, finding.reason) == ("size", "NUMBER_MOVED")
    assert finding.expected.startswith("as last blessed: median 0, 0 to ")


def test_another_unit_shows_where_nine_of_ten_are_zero(verdict_of) -> None:
    gains = [gain * 100 for gain in rows(2)["gain"]]
    assert told(verdict_of(rows(2, gain=gains))) == [("block", "train", "gain", "NUMBER_MOVED")]


def test_an_amount_that_grows_by_half_an_order_warns(verdict_of) -> None:
    sizes = [size * 4.48 for size in rows(2)["size"]]
    assert told(verdict_of(rows(2, size=sizes))) == [("warn", "train", "size", "NUMBER_MOVED")]


@pytest.mark.parametrize("zeros", [0.0, 0.6])
def test_a_number_whose_sign_turned_is_stopped(verdict_of, zeros) -> None:
    """Also where most of them are zero, so that the median stays."""
    before, sizes = (
        [sign * size if n >= zeros * ROWS else 0.0 for n, size in enumerate(rows(seed)["size"])]
        for seed, sign in ((1, 1), (2, -1))
    )
    assert told(verdict_of(rows(2, size=sizes), rows(1, size=before))) == [("block", "train", "size", "NUMBER_MOVED")]


def test_a_number_is_stopped_by_its_sign_from_either_side(verdict_of) -> None:
    sizes, before = rows(2)["size"], [-size for size in rows(1)["size"]]
    assert told(verdict_of(rows(2, size=sizes), rows(1, size=before))) == [("block", "train", "size", "NUMBER_MOVED")]


def test_a_number_below_zero_that_grows_is_not_turned(verdict_of) -> None:
    sizes = [-size for size in rows(2)["size"]]
    assert told(verdict_of(rows(2, size=sizes), rows(1, size=[-size for size in rows(1)["size"]]))) == []


def test_a_label_that_is_a_number_is_looked_at_as_one(verdict_of) -> None:
    use = Use((Output(column="size", task="regression", classes=()),), ())
    assert told(verdict_of(rows(2), use=use)) == []
    sizes = [-size for size in rows(2)["size"]]
    found = told(verdict_of(rows(2, size=sizes), use=use))
    assert found == [("block", "train", "size", "LABEL_MOVED")]


def lists_of(shares, seed):
    """Up to four values a row, several of them the same."""
    rng = np.random.default_rng(seed)
    names = [name.encode() for name in shares]
    drawn = [rng.choice(names, rng.integers(0, 5), p=list(shares.values())).tolist() for _ in range(ROWS)]
    return {"tags": pa.array(drawn, pa.large_list(pa.large_binary()))}


FEW, MANY = {"a": 0.9, "b": 0.06, "c": 0.04}, {f"v{at}": 0.02 for at in range(50)}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (FEW, FEW, []),
        (FEW, {"a": 0.2, "b": 0.7, "c": 0.1}, [("'a' is ", "% of the values")]),
        (MANY, MANY, []),
        (MANY, {f"w{at}": 0.02 for at in range(50)}, [("'v", "in place of those values")]),
    ],
)
def test_the_values_of_lists_are_compared_with_each_other(make_split, make_schema, before, after, told) -> None:
    schema = make_schema('feature { name: "tags" type: BYTES }')
    old, new = (make_split("train", lists_of(shares, seed), schema) for seed, shares in enumerate((before, after)))
    findings = moved_findings([new], [old], Use((Output(column="label", task="binary", classes=(0, 1)),), ("tags",)))
    assert [one.reason for one in findings] == ["CATEGORY_MOVED"] * len(told)
    for finding, (expected, seen) in zip(findings, told, strict=True):
        assert expected in finding.expected and seen in finding.seen


@pytest.mark.parametrize("column", ["flag", "kind"])
def test_a_share_of_a_category_that_moved_warns(verdict_of, column) -> None:
    values = {"flag": [1] * 2700 + [0] * 300, "kind": ["c"] * 2000 + ["a"] * 1000}[column]
    verdict = verdict_of(rows(2, **{column: values}))
    assert told(verdict) == [("warn", "train", column, "CATEGORY_MOVED")]
    assert verdict.passed


def test_a_category_that_is_new_or_gone_has_a_share_of_nothing(verdict_of) -> None:
    blessed, now = ["a", "b"] * (ROWS // 2), ["d"] * 2000 + ["a"] * 500 + ["b"] * 500
    for before, after, texts in (
        (blessed, now, ("as last blessed: 'd' in 0.00% of rows", "'d' in 66.67% of rows")),
        (now, blessed, ("as last blessed: 'd' in 66.67% of rows", "'d' in 0.00% of rows")),
    ):
        verdict = verdict_of(rows(2, kind=after), rows(1, kind=before))
        [finding] = [one for one in verdict.findings if one.reason == "CATEGORY_MOVED"]
        assert (finding.expected, finding.seen) == texts
        assert finding.rows == after.count("d")


def test_a_column_that_dries_up_and_rows_that_are_gone_warn(verdict_of) -> None:
    kinds = [kind if n % 10 == 0 else None for n, kind in enumerate(rows(2)["kind"])]
    [(action, _, _, reason)] = told(verdict_of(rows(2, kind=kinds)))
    assert (action, reason) == ("warn", "FILLED_SHARE_FELL")
    [finding] = verdict_of(rows(2, count=90), rows(1, count=9_000), eval_rows=rows(5, count=100)).of("warn")
    assert (finding.reason, finding.split) == ("ROWS_FELL", "train, eval")
    assert (finding.expected, finding.seen) == ("as last blessed: 9,100 rows", "190 rows, 98% fewer")


def test_a_few_rows_are_not_told_that_luck_is_a_change(verdict_of) -> None:
    """Six of eight rows are of the rare class: as it happens in small tables."""
    few = rows(2, count=8, label=[1] * 6 + [0] * 2)
    assert "LABEL_MOVED" not in {reason for _, _, _, reason in told(verdict_of(few, rows(1, count=8)))}


def test_a_waiver_takes_the_new_world_until_a_day(verdict_of) -> None:
    table = rows(2, label=[1 - label for label in rows(2)["label"]])
    waiver = Waiver(feature="label", reason="LABEL_MOVED", until=TODAY, because="labels are counted anew")
    assert verdict_of(table, waivers=(waiver,)).passed
    assert not verdict_of(table, waivers=(waiver.model_copy(update={"until": date(2029, 5, 31)}),)).passed
    assert told(verdict_of(table, policy={"LABEL_MOVED": "warn"}))[0][0] == "warn"


def test_a_cause_that_is_told_already_is_not_told_twice(verdict_of) -> None:
    verdict = verdict_of(rows(2, label=[1] * ROWS))
    assert told(verdict) == []
    assert {finding.reason for finding in verdict.of("block")} == {"LABEL_SINGLE_CLASS"}
    assert "explained by LABEL_SINGLE_CLASS" in {finding.note for finding in verdict.of("ignore")}


def test_a_cause_in_one_split_explains_nothing_in_another(verdict_of) -> None:
    """One class in train says nothing about labels that were exchanged in eval."""
    flipped = rows(5, label=[1 - label for label in rows(5)["label"]])
    verdict = verdict_of(rows(2, label=[1] * ROWS), eval_rows=flipped, eval_before=rows(6))
    assert told(verdict) == [("block", "eval", "label", "LABEL_MOVED")]


def test_the_report_says_with_what_it_was_compared(verdict_of, make_split, make_schema) -> None:
    verdict = verdict_of(rows(2))
    schema = make_schema("")
    splits = [make_split("train", rows(2), schema)]
    assert "no blessed data before it" in as_text(verdict, splits)
    assert "compared with the latest blessed data: train 3,000 rows" in as_text(verdict, splits, splits)
    assert '"baseline": {\n    "train": 3000\n  }' in as_json(verdict, splits, {}, TODAY, splits)


def test_a_blessing_without_statistics_is_told_from_none(make_statistics, make_schema, tmp_path) -> None:
    """One of a release that kept none, or one that lost them: the report said that there was no blessed data."""
    table = rows(count=100)
    schema = make_schema(schema_text(table))
    split = tmp_path / "statistics/Split-train"
    for folder, name, message in (
        (split, "FeatureStats.pb", make_statistics(table)),
        (tmp_path / "anomalies/Split-train", "SchemaDiff.pb", anomalies_pb2.Anomalies()),
    ):
        folder.mkdir(parents=True)
        (folder / name).write_bytes(message.SerializeToString())
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema/schema.pbtxt").write_text(str(schema))
    (tmp_path / "blessing").mkdir()

    def artifact(kind, name):
        made = kind()
        made.uri = str(tmp_path / name)
        if name in ("statistics", "anomalies"):
            made.split_names = '["train"]'
        return [made]

    inputs = {
        "statistics": artifact(standard_artifacts.ExampleStatistics, "statistics"),
        "anomalies": artifact(standard_artifacts.ExampleAnomalies, "anomalies"),
        "schema": artifact(standard_artifacts.Schema, "schema"),
    }
    label = Label(column="label", task="binary", classes=(0, 1)).model_dump_json()
    policy = json.dumps(dict.fromkeys(("SPLIT_MISSING", "LABEL_SINGLE_CLASS"), "ignore"))
    parameters = {"policy": policy, "waivers": "[]", "label": label, "feature_columns": "[]"}
    for blessings, sentence, recorded in (
        ([], "no blessed data before it", ""),
        (
            artifact(standard_artifacts.ModelBlessing, "blessing"),
            f"its blessing {tmp_path / 'blessing'} holds no statistics",
            str(tmp_path / "blessing"),
        ),
    ):
        report = artifact(DataGateReport, f"report-{len(blessings)}")
        Executor().Do({**inputs, "blessing": blessings}, {"report": report}, parameters)
        assert sentence in (Path(report[0].uri) / "report.txt").read_text()
        document = json.loads((Path(report[0].uri) / "report.json").read_text())
        assert (document["baseline"], document["baseline_without_statistics"]) == ({}, recorded)


def test_a_jump_from_the_span_before_stops_and_a_distance_from_blessed_data_warns(make_schema, make_statistics) -> None:
    """A flag from 30 to 90 of 100, under a limit; of ten rows the same jump may be chance."""
    schema = make_schema("""
        feature { name: "kind" type: BYTES drift_comparator { infinity_norm { threshold: 0.1 } } }
        feature { name: "size" type: FLOAT skew_comparator { jensen_shannon_divergence { threshold: 0.01 } } }
    """)
    use = Use((Output(column="label", task="binary", classes=(0, 1)),), ())

    def judged(what, times):
        tables = [{"kind": (["a"] * many + ["b"] * (10 - many)) * times, "size": [1.0] * 10 * times} for many in (3, 9)]
        old, new = (Rows(of_all_rows(make_statistics(table))) for table in tables)
        reference = Reference(what, "span 3", {"train": old})
        anomalies = anomalies_pb2.Anomalies()
        found = compare_split("train", new, anomalies, References(drift=reference), schema, DataGateSection(), [])
        split = read_split("train", new.statistics, anomalies, found, what == "the span before")
        findings = judge([split], schema, use, section=DataGateSection(), today=TODAY).findings
        [distance] = [one for one in findings if one.reason == "COMPARATOR_L_INFTY_HIGH"]
        assert (distance.feature, distance.expected) == ("kind", "at most 0.1 from the data before")
        assert distance.seen.startswith("0.6, where 0.")
        assert dict(found[1].unmeasured) == {"size": "there is no data to compare with"}
        return distance.action

    assert judged("the span before", 10) == "block"
    assert judged("the latest blessed data", 10) == "warn"
    assert judged("the span before", 1) == "warn"


def test_where_no_column_has_a_limit_of_drift_that_is_said(make_schema, make_statistics) -> None:
    rows_before = Rows(of_all_rows(make_statistics({"kind": ["a", "b"] * 50})))
    references = References(drift=Reference("the span before", "span 3", {"train": rows_before}))
    for comparator, is_said in (("", True), ("drift_comparator { infinity_norm { threshold: 0.1 } }", False)):
        schema = make_schema(f'feature {{ name: "kind" type: BYTES {comparator} }}')
        anomalies = anomalies_pb2.Anomalies()
        found = compare_split("train", rows_before, anomalies, references, schema, DataGateSection(), [])
        split = read_split("train", rows_before.statistics, anomalies, found)
        text = as_text(Verdict(()), [split], references=references)
        assert ("No column has a limit of drift" in text) == is_said
        assert "No column" not in as_text(Verdict(()), [split], references=References())


def test_news_of_the_world_is_a_warning_and_a_flipped_label_an_error(make_split, make_schema) -> None:
    emptied = [size if place % 2 else None for place, size in enumerate(rows(2)["size"])]
    kinds = np.random.default_rng(9).choice(["a", "b", "c"], ROWS, p=[0.1, 0.1, 0.8]).tolist()
    table = rows(2, size=emptied, kind=kinds, label=[1 - label for label in rows(2)["label"]])
    schema = make_schema(schema_text(rows()))
    new, old = [make_split("train", table, schema)], [make_split("train", rows(1), schema)]
    severities = {finding.reason: finding.severity for finding in moved_findings(new, old, USE)}
    assert severities == {"LABEL_MOVED": "ERROR", "FILLED_SHARE_FELL": "WARNING", "CATEGORY_MOVED": "WARNING"}
    few = [make_split("train", {name: values[:900] for name, values in rows(2).items()}, schema)]
    assert [(one.reason, one.severity) for one in moved_findings(few, old, USE)] == [("ROWS_FELL", "WARNING")]


def odd_column(rng, count):
    """A column as nobody wants it."""
    kinds = [
        lambda: [None] * count,
        lambda: [float("nan")] * count,
        lambda: [float("inf"), 1.0, -float("inf"), None] * (count // 4),
        lambda: [1e308, -1e308, 0.0, 5e-324] * (count // 4),
        lambda: [2**62, -(2**62), 0, 1] * (count // 4),
        lambda: [7] * count,
        lambda: [0.0] * (count - 1) + [1e9],
        lambda: rng.choice(["", "a", "\x1b[8m"], count).tolist(),
        lambda: [str(n) for n in range(count)],
        lambda: rng.integers(0, 2, count).tolist(),
        lambda: rng.normal(0, 1, count).tolist(),
        lambda: rng.integers(-3, 4, count).tolist(),
    ]
    return kinds[rng.integers(len(kinds))]()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # TFDV's own sums over infinite numbers
@pytest.mark.parametrize("seed", range(25))
def test_no_two_tables_are_too_odd_to_be_compared(seed, make_statistics) -> None:
    """Whatever stands in either, as label too: what fails here would be a fault of the gate."""

    rng = np.random.default_rng(seed)
    tasks = [("binary", (0, 1)), ("binary", ("a", "b")), ("multiclass", (0, 1, 2)), ("regression", ())]
    names = ["label", *"abcdef"]
    splits = []
    for _ in range(2):
        count = int(rng.choice([4, 40, 400]))
        table = {name: odd_column(rng, count) for name in names if rng.random() > 0.1}
        splits.append([read_split("train", of_all_rows(make_statistics(table)))])
    for task, classes in tasks:
        use = Use((Output(column="label", task=task, classes=classes),), tuple("abcdef"))
        for finding in moved_findings(splits[0], splits[1], use):
            assert finding.reason in MOVED and finding.expected and finding.seen


@pytest.mark.parametrize("name", ["living area", "a name that is long enough, to be cut", "a: b", "x\x1b[8m", "größe"])
def test_the_waiver_that_is_offered_is_yaml_whatever_the_column_is_called(name) -> None:
    import yaml

    from millrace.components.data_gate.findings import Finding

    verdict = Verdict((Finding(name, "train", "NUMBER_MOVED", "as last blessed: median 1", "median 100"),))
    remedy = refusal(verdict, Files("schema.pbtxt", "conf/mine.yaml"), TODAY).remedy
    waiver_text = remedy.partition("data_gate.waivers")[2].partition("\n")[2].partition("  the world changed")[0]
    [waiver] = yaml.safe_load(waiver_text.replace("...", "another unit"))
    assert Waiver.model_validate(waiver).feature == name
    assert "\x1b" not in remedy
