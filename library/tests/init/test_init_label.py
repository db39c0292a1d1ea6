"""The task and the classes that init tells from the label, and what it refuses."""

import numpy as np
import pytest
from init_tables import ROWS, plan_of

from millrace.base.errors import DataError
from millrace.config.loading import load
from millrace.init import report
from millrace.init.plan import write

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=ROWS).round(3)


def label_of(folder, values):
    return plan_of(folder, {"x": X[: len(values)], "y": values}).label


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        ([" <=50K", " >50K", " <=50K", " <=50K"] * 100, "binary", ("<=50K", ">50K")),
        (["yes", "no"] * 200, "binary", ("no", "yes")),
        (["good"] * 300 + ["bad"] * 100, "binary", ("bad", "good")),
        (["a"] * 100 + ["b"] * 300, "binary", ("b", "a")),
        (["True", "False", "False", "False"] * 100, "binary", ("False", "True")),
        ([0, 1, 1, 1] * 100, "binary", (0, 1)),
        ([-1, 1] * 200, "binary", (-1, 1)),
        ([1.0, 2.0] * 200, "binary", (1, 2)),
        (["setosa", "virginica", "versicolor", "setosa"] * 100, "multiclass", ("setosa", "versicolor", "virginica")),
        ([3, 1, 2, 4] * 100, "multiclass", (1, 2, 3, 4)),
        (list(range(40)) * 10, "regression", ()),
        (list(RANDOM.normal(size=ROWS)), "regression", ()),
    ],
)
def test_the_task_and_its_classes(tmp_path, values, task, classes):
    found = label_of(tmp_path, values)
    assert (found.task, found.classes) == (task, classes)


def test_classes_or_amounts_is_a_persons_decision(tmp_path):
    assert "regression" in label_of(tmp_path, [1, 2, 3, 4] * 100).doubt
    assert "multiclass" in label_of(tmp_path, list(range(20)) * 20).doubt


def test_classes_that_differ_in_capitals_are_a_persons_decision(tmp_path):
    label = label_of(tmp_path, ["Yes", "yes", "No", "no", "NO"] * 80)
    assert "differ only in capitals or spaces: NO and No and no; Yes and yes" in label.doubt
    assert "capitals" not in label_of(tmp_path, ["Yes", "no", "No idea", "yes, later"] * 80).doubt


@pytest.mark.parametrize("separator", ["|", "; ", ","])
def test_several_labels_in_a_cell_are_labels_of_their_own_and_marked(tmp_path, separator):
    rows = (["art"], ["art", "sport"], ["sport", "tech"], ["art", "sport", "tech"])
    plan = plan_of(tmp_path, {"x": X, "y": [separator.join(tags) for tags in rows] * 100})
    label = plan.label
    assert (label.task, label.separator, label.classes) == ("multilabel", separator.strip(), ("art", "sport", "tech"))
    assert (label.rows, label.shares) == ((300, 300, 200), (0.75, 0.75, 0.5))
    assert "task: multiclass, without separator" in label.doubt and not label.unlabelled
    write(plan)
    config = load(next(iter(plan.files)))
    assert (config.label.task, config.label.separator) == ("multilabel", separator.strip())
    assert config.evaluation.metrics[0] == "AUC" and config.training.class_weights == "none"
    # Other company of the same classes is no anomaly.
    schema = next(text for path, text in plan.files.items() if path.suffix == ".pbtxt")
    assert "string_domain" not in schema


def test_more_texts_of_several_labels_than_classes_may_be_are_no_error(tmp_path):
    names = [f"tag{number}" for number in range(12)]
    random = np.random.default_rng(6)
    cells = ["|".join(sorted(random.choice(names, 3, replace=False))) for _ in range(ROWS - 40)] + [""] * 40
    label = label_of(tmp_path, cells)
    assert (label.task, label.classes, label.unlabelled) == ("multilabel", tuple(sorted(names)), 0)
    assert "40 rows have none of the classes; where that means not known, leave them out" in label.doubt


@pytest.mark.parametrize("classes", [["Bolt, Ann", "Carr, Bob", "Dean, Cy"], ["low|mid", "high"], ["a", "b, c"]])
def test_a_name_with_a_comma_is_no_list_of_labels(tmp_path, classes):
    assert not label_of(tmp_path, classes * 100).doubt


def test_rare_classes_are_named(tmp_path):
    assert "fewer than 10 rows have rare" in label_of(tmp_path, ["a", "b"] * 198 + ["rare"] * 4).doubt


def test_a_rare_class_weighs_more_and_accuracy_is_not_judged(tmp_path):
    plan = plan_of(tmp_path, {"x": X, "y": ["bad"] * 20 + ["fine"] * 380})
    text = next(text for path, text in plan.files.items() if path.suffix == ".yaml")
    assert plan.label.imbalanced
    assert "class_weights: balanced" in text
    assert "{metric: BinaryAccuracy, at_least" not in text
    assert "an AUCPrecisionRecall of 0.9500" in text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["same"] * ROWS, "the label has one value only, 'same'"),
        ([f"text {i}" for i in range(ROWS)], "neither classes nor numbers"),
    ],
)
def test_a_label_that_cannot_be_learned(tmp_path, values, said):
    with pytest.raises(DataError, match=said) as caught:
        label_of(tmp_path, values)
    assert caught.value.remedy


@pytest.mark.parametrize("gap", ["", "?"])
def test_rows_without_a_label_are_left_out_counted_and_said(tmp_path, gap):
    plan = plan_of(tmp_path, {"x": X, "y": ["a", "b", gap, "b"] * 100})
    assert (plan.label.unlabelled, plan.label.rows) == (100, (200, 100))
    assert "100 of 400 rows have no label and are left out" in report.summary(plan)
    write(plan)
    assert load(next(iter(plan.files))).data.where == "not is_missing(y)"


def test_a_label_that_most_rows_lack_is_doubted(tmp_path):
    assert "most rows have no label" in label_of(tmp_path, ["a", "b", "", ""] * 50 + [""] * 200).doubt


@pytest.mark.parametrize(
    "values",
    [[f"{i % 90 + 1}%" for i in range(ROWS)], [f"${value:,.2f}" for value in RANDOM.uniform(500, 90_000, ROWS)]],
    ids=["percent", "dollars"],
)
def test_numbers_as_people_write_them_are_amounts(tmp_path, values):
    found = label_of(tmp_path, values)
    assert (found.task, found.classes, found.unlabelled) == ("regression", (), 0)


def test_a_label_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="there is no column 'Y'") as caught:
        plan_of(tmp_path, {"x": X, "y": ["a", "b"] * 200}, "Y")
    assert "x, y" in caught.value.remedy


def test_an_na_value_elsewhere_that_is_a_class_here(tmp_path):
    """`none` stands for nothing among numbers, unless the label has a class of that name."""
    gaps = ["none" if i % 9 == 0 else i * 0.5 for i in range(ROWS)]
    plan = plan_of(tmp_path, {"x": X, "gaps": gaps, "y": ["none", "some"] * 200})
    assert plan.label.classes == ("none", "some")
    assert "none" not in plan.table.missing


def several(folder, **columns):
    return plan_of(folder, {"x": X, "kind": RANDOM.choice(["a", "b", "c"], ROWS), **columns}, list(columns))


def test_several_labels_are_outputs_of_one_network(tmp_path):
    """Each with its task, its classes, its bar, and a request that has none of their columns."""
    paid = [f"{value:.2f}" if place % 20 else "" for place, value in enumerate(RANDOM.gamma(2, 30, ROWS))]
    rare = ["yes" if place % 20 == 0 else "no" for place in range(ROWS)]
    plan = several(tmp_path, **{"paid in €": paid, "left?": rare, "grade_label": RANDOM.choice(["A", "B", "C"], ROWS)})
    write(plan)
    config = load(next(iter(plan.files)))
    outputs = {name: (output.column, output.task) for name, output in config.label.outputs.items()}
    assert outputs == {
        "paid_in": ("paid in €", "regression"), "left": ("left?", "binary"), "grade": ("grade_label", "multiclass")
    }  # fmt: skip
    bars = {(bar.output, bar.metric) for bar in config.evaluation.thresholds if bar.at_least is not None}
    assert bars == {("paid_in", "R2Score"), ("left", "AUC"), ("grade", "AUC")}
    assert str(config.data.where) == 'not is_missing(column("paid in €"))' and config.training.class_weights == "none"
    assert {decision.column.name for decision in plan.decisions if decision.use == "feature"} == {"x", "kind"}
    assert sum(not decision.known_when_serving for decision in plan.decisions) == 3
    shown = "\n".join(report.summary(plan))
    assert "'paid in €' is a regression label" in shown and "'left?' is a binary label: no 95.0%, yes 5.0%\n" in shown


def test_a_column_that_gives_one_of_several_labels_away_says_which(tmp_path):
    one, other = RANDOM.choice(["no", "yes"], (2, ROWS))
    hint = np.where(RANDOM.random(ROWS) < 0.995, other, "no")
    columns = {"x": X, "copy": [value.upper() + "!" for value in one], "hint": hint, "one": one, "other": other}
    plan = plan_of(tmp_path, columns, ["one", "other"])
    found = {decision.column.name: decision for decision in plan.decisions}
    assert (found["copy"].use, found["copy"].reason) == ("left out", "goes with one one to one in 100.0% of the rows")
    assert found["hint"].use == "left out" and "goes with other" in found["hint"].reason


def test_a_label_that_is_named_twice_is_one(tmp_path):
    assert list(plan_of(tmp_path, {"x": X}, ["y", "y"]).labels) == [""]
