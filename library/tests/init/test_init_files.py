"""The configuration and the schema that init writes: readable by the pipeline, for any names and values."""

import numpy as np
import pytest
import yaml
from google.protobuf import text_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from init_tables import plan_of, write_csv
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.config.loading import load
from millrace.init import report
from millrace.init.defaults import training_plan
from millrace.init.plan import difference, make_plan, write
from millrace.init.write_schema import LARGEST_DOMAIN

RANDOM = np.random.default_rng(5)
ROWS = 200
ODD_NAMES = [
    "hours-per-week",
    "2nd class",
    "Größe",
    "a: b",
    "yes",
    "null",
    "{x}",
    "# no",
    "'q'",
    'a "b"',
    "x\\y",
    "1",
    "%",
]
# No line ends and no quotes: how these are written is the reader's test. No control characters: not text.
NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Zs"), blacklist_characters='"'), min_size=1
)


def texts(plan):
    return {path.suffix: text for path, text in plan.files.items()}


def parsed(plan) -> schema_pb2.Schema:
    return text_format.Parse(texts(plan)[".pbtxt"], schema_pb2.Schema())


def features(plan) -> dict:
    return {feature.name: feature for feature in parsed(plan).feature}


def test_odd_names_come_back_from_both_files(tmp_path):
    columns = {name: RANDOM.normal(size=ROWS).round(3) for name in ODD_NAMES}
    plan = plan_of(tmp_path, columns)
    write(plan)
    config = load(next(iter(plan.files)))
    assert list(config.features) == ODD_NAMES
    assert set(features(plan)) == {*ODD_NAMES, "y"}


@pytest.mark.parametrize("table", ["2030", "no", "true", "null", "1e5", "0x10", "2024-01-31"])
def test_a_table_that_is_called_like_a_yaml_value_keeps_its_name(tmp_path, table):
    columns = {"a": np.random.default_rng(3).normal(size=ROWS).round(3), "y": np.resize(["no", "yes"], ROWS)}
    path = write_csv(tmp_path / f"{table}.csv", columns)
    plan = make_plan([str(path)], "y", "", tmp_path / "project")
    write(plan)
    assert load(next(iter(plan.files))).name == table


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(NAMES.map(str.strip), min_size=1, max_size=6, unique=True),
    values=st.lists(NAMES, min_size=2, max_size=9),
)
def test_any_names_and_values_come_back_from_both_files(tmp_path, names, values):
    values = [f"v{value.strip()}" for value in values]
    names = [f"c{name}" for name in names]
    columns = {name: [values[i % len(values)] for i in range(120)] for name in names}
    plan = plan_of(tmp_path, {**columns, "plain": RANDOM.normal(size=120).round(3)})
    config = yaml.safe_load(texts(plan)[".yaml"])
    described = features(plan)
    for name in names:
        decision = next(one for one in plan.decisions if one.column.name == name)
        assert name in described
        assert (name in config["features"]) == (decision.use == "feature")
        if decision.use == "feature" and described[name].domain:
            domain = next(one for one in parsed(plan).string_domain if one.name == described[name].domain)
            assert set(domain.value) == set(values)


def test_the_schema_describes_what_is_there(tmp_path):
    plan = plan_of(
        tmp_path,
        {
            "always": RANDOM.integers(0, 1000, ROWS),
            "sometimes": ["" if i % 3 else f"{i}.5" for i in range(ROWS)],
            "colour": ["red", "green"] * (ROWS // 2),
            "many": RANDOM.choice([f"v{i}" for i in range(LARGEST_DOMAIN + 20)], ROWS),
            "level": RANDOM.integers(3, 6, ROWS),
            "id": range(ROWS),
            "below": -RANDOM.random(ROWS).round(3),
        },
    )
    found = features(plan)
    assert found["always"].shape.dim[0].size == 1
    assert found["always"].presence.min_fraction == 1.0
    assert found["always"].int_domain.min == 0
    assert not found["always"].int_domain.HasField("max")
    assert (found["sometimes"].value_count.min, found["sometimes"].value_count.max) == (0, 1)
    assert found["sometimes"].presence.min_fraction == 0.0
    assert found["colour"].domain == "colour"
    assert not found["many"].domain
    assert found["level"].int_domain.is_categorical and not found["level"].int_domain.HasField("max")
    assert not found["id"].HasField("presence")
    assert not found["below"].float_domain.HasField("min")
    assert list(found["y"].not_in_environment) == ["SERVING"]
    assert not found["colour"].not_in_environment
    assert set(parsed(plan).default_environment) == {"TRAINING", "SERVING"}


def test_the_configuration_is_whole_and_says_how_the_table_is_read(tmp_path):
    plan = plan_of(tmp_path, {"x": ["?" if i % 9 == 0 else f" {i / 7:.2f}" for i in range(ROWS)]})
    write(plan)
    file = next(iter(plan.files))
    config = load(file)
    assert str(tmp_path) not in file.read_text(), "the table lies beside the project, and both may be moved"
    assert config.name == "table"
    assert (config.data.path, config.data.pattern) == (str(tmp_path), "table.csv")
    assert (config.data.rules, config.data.missing, config.data.strip_spaces) == ("table", ("?",), True)
    assert config.schema_.file == str(tmp_path / "project/schema/table/schema.pbtxt")
    assert config.label.classes == ("no", "yes")
    assert {threshold.metric for threshold in config.evaluation.thresholds} == {"AUC"}


def test_a_table_elsewhere_is_named_by_its_whole_path_and_found(tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    file = write_csv(away / "t.csv", {"x": RANDOM.normal(size=ROWS), "y": np.resize(["no", "yes"], ROWS)})
    plan = make_plan([str(file)], "y", "", tmp_path / "home" / "deep" / "project")
    write(plan)
    conf = next(iter(plan.files))
    assert f"path: {away}\n" in conf.read_text() and load(conf).data.path == str(away)


@pytest.mark.parametrize(
    ("mean", "metric"),
    # Keras computes R2Score in single precision, which a large mean leaves nothing of.
    [(50.0, "R2Score"), (5_000.0, "SquaredPearsonCorrelation")],
)
def test_thresholds_begin_where_no_model_ends(tmp_path, mean, metric):
    amounts = RANDOM.normal(mean, 10.0, ROWS)
    plan = plan_of(tmp_path, {"x": RANDOM.normal(size=ROWS), "y": amounts})
    write(plan)
    first, second = load(next(iter(plan.files))).evaluation.thresholds
    # Two standard errors of a correlation on a sixth of the rows, squared.
    assert (first.metric, first.at_least) == (metric, pytest.approx(4 / (ROWS / 6), rel=0.5))
    assert (second.metric, second.worse_by_at_most) == (metric, pytest.approx(1.41 / (ROWS / 6) ** 0.5, rel=0.1))


def test_a_bar_that_good_models_may_not_reach_is_said_in_both(tmp_path):
    plan = plan_of(tmp_path, {"x": RANDOM.normal(size=60), "y": ["no"] * 45 + ["yes"] * 15})
    assert "a good model may not reach that" in texts(plan)[".yaml"]
    assert any("a good model may not reach that" in line for line in report.summary(plan))


def test_larger_tables_are_learned_in_larger_batches(tmp_path):
    sizes = {}
    for rows in (60, 3_000):
        plan = plan_of(tmp_path, {"x": RANDOM.normal(size=rows), "y": RANDOM.integers(0, 2, rows)})
        sizes[rows] = yaml.safe_load(texts(plan)[".yaml"])["training"]["batch_size"]
    assert sizes[60] < sizes[3_000]


@pytest.mark.parametrize(
    ("rows", "batch", "length", "eval_steps"),
    [
        (400, 16, {"epochs": 200}, None),
        (20_000, 128, {"epochs": 60}, None),
        (200_000, 256, {"steps": 12_000, "validate_every": 300}, None),
        (1_190_000, 512, {"steps": 20_000, "validate_every": 500}, None),
        (1_210_000, 512, {"steps": 20_000, "validate_every": 500}, 390),
        (10_000_000, 1_024, {"steps": 20_000, "validate_every": 500}, 195),
    ],
)
def test_a_large_table_is_evaluated_on_some_of_its_rows(tmp_path, rows, batch, length, eval_steps):
    """A sixth of the rows is for that, and 200,000 of them are enough."""
    label = plan_of(tmp_path, {"x": RANDOM.normal(size=ROWS)}).label
    training = training_plan([label], rows).training
    assert (training["batch_size"], training.get("eval_steps")) == (batch, eval_steps)
    assert {key: training[key] for key in ("epochs", "steps", "validate_every") if key in training} == length
    assert training["patience"] and training["seed"] == 20


def test_a_left_out_column_becomes_a_feature_where_the_sign_is_taken_away(tmp_path):
    plan = plan_of(tmp_path, {"x": RANDOM.normal(size=ROWS), "key": [f"k{i}" for i in range(ROWS)]})
    write(plan)
    path = next(iter(plan.files))
    path.write_text(path.read_text().replace("  # key: {", "  key: {"))
    assert load(path).features["key"].kind == "hashed"


def test_nothing_differs_once_it_is_written(tmp_path):
    plan = plan_of(tmp_path, {"x": RANDOM.normal(size=ROWS)})
    assert difference(plan)
    write(plan)
    assert difference(plan) == ""
    conf = next(iter(plan.files))
    conf.write_text(conf.read_text().replace("patience: 12", "patience: 9"))
    assert "-  patience: 9\n+  patience: 12\n" in difference(plan)
    assert sorted(path.name for path in conf.parent.iterdir()) == [
        "millrace.overlay.schema.json",
        "millrace.schema.json",
        conf.name,
    ]


def test_a_column_that_is_mostly_filled_gets_a_floor_below_what_was_seen(tmp_path):
    """A file in which nine of ten cells are empty must not pass; one that is filled a little worse must."""
    rows = 2000
    seldom = [f"{i}.5" if i % 10 else "" for i in range(rows)]
    rare = [f"{i}.5" if i % 60 == 0 else "" for i in range(rows)]
    plan = plan_of(tmp_path, {"seldom": seldom, "rare": rare})
    found = features(plan)
    assert 0.7 < found["seldom"].presence.min_fraction < 0.8
    assert found["seldom"].presence.min_count == 1
    assert (found["rare"].presence.min_fraction, found["rare"].presence.min_count) == (0.0, 1)


@pytest.mark.parametrize(("rows", "doubt"), [(200, "test has some 33 rows"), (3_000, "")])
def test_three_splits_are_written_with_what_they_cost_a_small_table(tmp_path, rows, doubt):
    plan = plan_of(tmp_path, {"number": np.random.default_rng(1).normal(size=rows).round(3)})
    write(plan)
    config = load(next(iter(plan.files)))
    assert (config.data.splits.shares, config.judging_split) == ({"train": 4, "eval": 1, "test": 1}, "test")
    [line] = [line for line in texts(plan)[".yaml"].splitlines() if line.startswith("  splits:")]
    assert (doubt in line and "known to within 0.17" in line) if doubt else "test only judges" in line
