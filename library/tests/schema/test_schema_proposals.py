"""Each reason has an edit, and the edit ends the anomaly: on TFDV's statistics of real taxi trips."""

from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from millrace.config.loading import absolute
from millrace.schema import native
from millrace.schema.evidence import Evidence, read_binary
from millrace.schema.phrases import features
from millrace.schema.proposals import accept, propose
from millrace.schema.ways import Anomaly
from millrace.statistics.columns import of_all_rows
from millrace.textproto.rewrite import read, rewrite

STATISTICS = Path(absolute("package:tfx/components/testdata/statistics_gen", Path()))
NAME = "schema.pbtxt"


class Run:
    """A run on the stored statistics, validated against a schema that was broken on purpose."""

    def __init__(self, folder, break_schema, change=lambda _split, _found: None, previous=None):
        self.folder = folder
        fitting = schema_pb2.Schema()
        self.statistics = {}
        for split in ("train", "eval"):
            found = read_binary(
                STATISTICS / f"Split-{split}" / "FeatureStats.pb", statistics_pb2.DatasetFeatureStatisticsList
            )
            change(split, found.datasets[0])
            self.statistics[split] = of_all_rows(found)
        fitting = native.update(native.infer(self.statistics["train"]), self.statistics["eval"], 100)
        self.schema = fitting
        break_schema(self.schema, {feature.name: feature for feature in self.schema.feature})
        self.previous = previous
        self.text = rewrite("# a person's file\n", self.schema)
        for split, found in self.statistics.items():
            self._write(
                "statistics", split, "FeatureStats.pb", statistics_pb2.DatasetFeatureStatisticsList(datasets=[found])
            )
            self._write("anomalies", split, "SchemaDiff.pb", self.validate(self.schema, split))
        self.evidence = Evidence("run", "failed", folder / "statistics", folder / "anomalies")

    def _write(self, kind, split, name, proto):
        file = self.folder / kind / f"Split-{split}" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(proto.SerializeToString())

    def validate(self, schema, split):
        return native.validate(self.statistics[split], schema, "", self.previous)

    def anomalies(self, schema=None):
        found = {}
        for split in self.statistics:
            for path, info in sorted(self.validate(schema or self.schema, split).anomaly_info.items()):
                for reason in info.reason:
                    name = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
                    found.setdefault((path, name), Anomaly(path, name, None, (split,), reason.description))
        return list(found.values())

    def propose(self):
        return propose(self.text, self.schema, self.evidence, self.anomalies(), NAME)


def drop_value(schema, _features):
    next(found for found in schema.string_domain if found.name == "payment_type").value.remove("Cash")


def narrow_ints(_schema, features):
    features["trip_start_hour"].int_domain.min = 3
    features["trip_start_hour"].int_domain.max = 5


def narrow_floats(_schema, features):
    features["fare"].float_domain.min = 3
    features["fare"].float_domain.max = 5


def ask_presence(_schema, features):
    features["company"].presence.min_count = 10**6


def ask_values(_schema, features):
    features["fare"].ClearField("shape")
    features["fare"].value_count.min = 2


def ask_shape(_schema, features):
    features["fare"].ClearField("shape")
    features["fare"].shape.dim.add(size=3)


def retype_as_int(_schema, features):
    features["fare"].type = schema_pb2.INT
    features["fare"].int_domain.min = 0
    features["fare"].drift_comparator.jensen_shannon_divergence.threshold = 0.1


def retype_as_float(_schema, features):
    features["payment_type"].type = schema_pb2.FLOAT
    features["payment_type"].ClearField("domain")


def forget(schema, features):
    schema.feature.remove(features["payment_type"])
    kept = [found for found in schema.string_domain if found.name != "payment_type"]
    del schema.string_domain[:]
    schema.string_domain.extend(kept)


def expect_another(schema, _features):
    schema.feature.add(name="surge", type=schema_pb2.FLOAT).presence.min_fraction = 1


def few_distinct(_schema, features):
    features["payment_type"].unique_constraints.min = 1
    features["payment_type"].unique_constraints.max = 2


def a_boolean(_schema, features):
    features["payment_type"].ClearField("domain")
    features["payment_type"].bool_domain.true_value = "Cash"


def no_such_domain(_schema, features):
    features["payment_type"].domain = "payments"


CASES = [
    (drop_value, "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "payment_type: domain gains 'Cash'"),
    (narrow_ints, "INT_TYPE_SMALL_INT", "trip_start_hour: range: 3 to 5 becomes 0 to 23"),
    (narrow_floats, "FLOAT_TYPE_BIG_FLOAT", "fare: range: 3 to 5 becomes 0 to 700.07"),
    (ask_presence, "FEATURE_TYPE_LOW_NUMBER_PRESENT", "company: presence: "),
    (ask_values, "FEATURE_TYPE_LOW_NUMBER_VALUES", "fare: values per row: at least 2 becomes exactly 1"),
    (ask_shape, "INVALID_FEATURE_SHAPE", "fare: values per row: shape [3] becomes exactly 1"),
    (retype_as_int, "UNEXPECTED_DATA_TYPE", "fare: type: INT becomes FLOAT"),
    (retype_as_float, "UNEXPECTED_DATA_TYPE", "payment_type: type: FLOAT becomes BYTES"),
    (forget, "SCHEMA_NEW_COLUMN", "payment_type: added: BYTES"),
    (expect_another, "SCHEMA_MISSING_COLUMN", "surge: stage: nothing said becomes deprecated"),
    (few_distinct, "FEATURE_TYPE_HIGH_UNIQUE", "payment_type: distinct values: 1 to 2 becomes 1 to "),
    (a_boolean, "BOOL_TYPE_UNEXPECTED_STRING", "payment_type: domain: "),
    (no_such_domain, "INVALID_DOMAIN_SPECIFICATION", "payment_type: domain: "),
]


@pytest.mark.parametrize(("break_schema", "reason", "expected"), CASES, ids=[case[0].__name__ for case in CASES])
def test_the_preferred_edit_of_each_reason_ends_the_anomaly(break_schema, reason, expected, tmp_path):
    run = Run(tmp_path, break_schema)
    proposals = [proposal for proposal in run.propose() if proposal.preferred]
    answer = next(proposal for proposal in proposals if proposal.anomaly.reason == reason)
    assert answer.words[0].startswith(expected)
    assert answer.patch.startswith(f"--- a/{NAME}\n+++ b/{NAME}\n")
    fixed = accept(run.schema, proposals, run.evidence)
    assert run.anomalies(fixed) == []
    edited = rewrite(run.text, fixed)
    assert read(edited, schema_pb2.Schema) == fixed
    assert edited.startswith("# a person's file\n")


@pytest.mark.parametrize(("break_schema", "reason", "_expected"), CASES, ids=[case[0].__name__ for case in CASES])
def test_what_was_accepted_is_done_and_keeps_its_number(break_schema, reason, _expected, tmp_path):
    run = Run(tmp_path, break_schema)
    anomalies = run.anomalies()
    before = run.propose()
    fixed = accept(run.schema, [proposal for proposal in before if proposal.preferred], run.evidence)
    again = propose(rewrite(run.text, fixed), fixed, run.evidence, anomalies, NAME)
    numbers = {p.number: p for p in again}
    for proposal in before:
        if proposal.preferred and proposal.anomaly.reason == reason:
            assert numbers[proposal.number].done


def test_the_other_way_for_strings_lets_their_share_pass(tmp_path):
    def drop_rare(schema, _features):
        next(found for found in schema.string_domain if found.name == "payment_type").value.remove("No Charge")

    run = Run(tmp_path, drop_rare)
    first, other = run.propose()
    assert (first.number, other.number, other.preferred) == ("1", "1b", False)
    fixed = accept(run.schema, [other], run.evidence)
    assert 0.99 < dict(features(fixed))["payment_type"].distribution_constraints.min_domain_mass < 1
    assert run.anomalies(fixed) == []


def test_many_unexpected_values_end_the_domain(tmp_path):
    def free_text(_split, found):
        column = next(column for column in found.features if column.path.step[0] == "company")
        for place, bucket in enumerate(column.string_stats.rank_histogram.buckets):
            bucket.label = f"free text {place}"
        for place in range(60):
            column.string_stats.rank_histogram.buckets.add(label=f"more text {place}", sample_count=1)

    def old_domain(schema, features):
        features["company"].domain = "companies"
        schema.string_domain.add(name="companies", value=["a", "b"])

    run = Run(tmp_path, old_domain, free_text)
    first = run.propose()[0]
    assert "no list of categories" in first.note
    fixed = accept(run.schema, [first], run.evidence)
    assert dict(features(fixed))["company"].WhichOneof("domain_info") is None
    assert "companies" not in {found.name for found in fixed.string_domain}
    assert run.anomalies(fixed) == []


def test_a_missing_column_may_also_become_optional(tmp_path):
    run = Run(tmp_path, expect_another)
    _, optional = run.propose()
    assert optional.words == ("surge: presence: in every row becomes nothing said",)
    assert run.anomalies(accept(run.schema, [optional], run.evidence)) == []


def test_a_new_column_may_also_be_set_aside(tmp_path):
    run = Run(tmp_path, forget)
    _, planned = run.propose()
    fixed = accept(run.schema, [planned], run.evidence)
    assert dict(features(fixed))["payment_type"].lifecycle_stage == schema_pb2.PLANNED
    assert run.anomalies(fixed) == []


def test_a_distribution_that_moved_raises_its_limit_above_what_was_measured(tmp_path):
    def limit(_schema, features):
        features["payment_type"].drift_comparator.infinity_norm.threshold = 0.001
        features["trip_start_hour"].drift_comparator.jensen_shannon_divergence.threshold = 0.00001

    yesterday = Run(tmp_path / "yesterday", lambda _schema, _features: None).statistics["eval"]
    run = Run(tmp_path / "today", limit, previous=yesterday)
    proposals = run.propose()
    assert {proposal.anomaly.reason for proposal in proposals} == {
        "COMPARATOR_L_INFTY_HIGH",
        "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
    }
    fixed = accept(run.schema, proposals, run.evidence)
    assert run.anomalies(fixed) == []
    limits = dict(features(fixed))["payment_type"].drift_comparator.infinity_norm.threshold
    assert 0.001 < limits < 0.05


@pytest.mark.parametrize(
    ("field", "environment", "words"),
    [
        ("not_in_environment", "SERVING", "not in SERVING becomes nothing said"),
        ("in_environment", "TRAINING", "only in TRAINING becomes only in TRAINING, SERVING"),
    ],
)
def test_a_feature_that_came_in_an_environment_without_it_is_expected_there(tmp_path, field, environment, words):
    def only_training(schema, features):
        schema.default_environment.extend(["TRAINING", "SERVING"] if field == "not_in_environment" else ["TRAINING"])
        getattr(features["fare"], field).append(environment)

    run = Run(tmp_path, only_training)
    for split, found in run.statistics.items():
        told = native.validate(found, run.schema, "SERVING")
        (tmp_path / "anomalies" / f"Split-{split}" / "SchemaDiff.pb").write_bytes(told.SerializeToString())
    anomaly = Anomaly("fare", "SCHEMA_NEW_COLUMN", None, ("train",), "")
    (proposal,) = propose(run.text, run.schema, run.evidence, [anomaly], NAME)
    assert proposal.words == (f"fare: environments: {words}",)
    fixed = accept(run.schema, [proposal], run.evidence)
    assert "fare" not in native.validate(run.statistics["train"], fixed, "SERVING").anomaly_info


def test_a_feature_that_is_expected_everywhere_is_not_bound_to_the_environment_in_which_it_came(tmp_path):
    """Or it would no longer be expected in any other."""
    run = Run(tmp_path, lambda schema, _features: schema.default_environment.append("TRAINING"))
    for split, found in run.statistics.items():
        told = native.validate(found, run.schema, "SERVING")
        (tmp_path / "anomalies" / f"Split-{split}" / "SchemaDiff.pb").write_bytes(told.SerializeToString())
    anomaly = Anomaly("fare", "SCHEMA_NEW_COLUMN", None, ("train",), "")
    for proposal in propose(run.text, run.schema, run.evidence, [anomaly], NAME):
        after = dict(features(proposal.after or run.schema))["fare"]
        assert (list(after.in_environment), list(after.not_in_environment)) == ([], [])


def test_the_size_of_the_data_moves_its_limit(tmp_path):
    def ask(schema, _features):
        schema.dataset_constraints.min_examples_count = 10**6

    run = Run(tmp_path, ask)
    anomaly = Anomaly("", "DATASET_LOW_NUM_EXAMPLES", None, ("train", "eval"), "")
    fixed = accept(run.schema, propose(run.text, run.schema, run.evidence, [anomaly], NAME), run.evidence)
    assert not any(native.validate(found, fixed).HasField("dataset_anomaly_info") for found in run.statistics.values())


def test_what_no_edit_answers_is_said(tmp_path):
    run = Run(tmp_path, lambda _schema, _features: None)
    anomaly = Anomaly("tips", "LABEL_CONSTANT", None, ("train",), "")
    (proposal,) = propose(run.text, run.schema, run.evidence, [anomaly], NAME)
    assert proposal.after is None
    assert "fix the data" in proposal.note
    assert accept(run.schema, [proposal], run.evidence) == run.schema


def dried_up(split, statistics):
    """A column as a CSV file with empty cells leaves it: there in every row, with a value in every tenth."""
    column = next(one for one in statistics.features if one.path.step[0] == "payment_type")
    common = column.string_stats.common_stats
    common.min_num_values, common.tot_num_values = 0, int(statistics.num_examples) // 10


def ask_for_a_fraction(_schema, features):
    features["payment_type"].presence.min_fraction = 0.8
    features["payment_type"].ClearField("shape")


def ask_for_a_value(_schema, features):
    features["payment_type"].shape.dim.add(size=1)


def test_a_column_that_dried_up_keeps_a_floor_and_what_is_given_up_is_said(tmp_path):
    run = Run(tmp_path, ask_for_a_fraction, dried_up)
    anomaly = Anomaly("payment_type", "FEATURE_TYPE_LOW_FRACTION_PRESENT", None, ("train", "eval"), "")
    [proposal] = propose(run.text, run.schema, run.evidence, [anomaly], NAME)
    after = dict(features(proposal.after))["payment_type"].presence
    assert (round(after.min_fraction, 2), after.min_count) == (0.08, 1)
    assert proposal.gives_up == ("payment_type: a value in at least 0.8 of the rows; 0.08 now",)


@pytest.mark.parametrize(("share", "count"), [(10, 1), (None, 0)])
def test_a_count_that_is_asked_for_becomes_one_while_there_is_a_value_somewhere(tmp_path, share, count):
    def change(_split, found):
        column = next(one for one in found.features if one.path.step[0] == "payment_type")
        common = column.string_stats.common_stats
        filled = found.num_examples // share if share else 0
        common.num_missing, common.num_non_missing = found.num_examples - filled, filled
        common.min_num_values = common.max_num_values = common.tot_num_values = 1 if filled else 0

    def asks(_schema, of_name):
        of_name["payment_type"].ClearField("shape")
        of_name["payment_type"].presence.min_count = 10**6

    run = Run(tmp_path, asks, change)
    anomaly = Anomaly("payment_type", "FEATURE_TYPE_LOW_NUMBER_PRESENT", None, ("train", "eval"), "")
    [proposal] = [one for one in propose(run.text, run.schema, run.evidence, [anomaly], NAME) if one.preferred]
    assert dict(features(proposal.after))["payment_type"].presence.min_count == count


def test_a_shape_that_goes_leaves_a_floor_under_the_rows_with_a_value(tmp_path):
    """It was replaced by 0 to 1 values: the one thing that protected the column was given away without a word."""
    run = Run(tmp_path, ask_for_a_value, dried_up)
    proposal = next(one for one in run.propose() if one.anomaly.feature == "payment_type")
    after = dict(features(proposal.after))["payment_type"]
    assert (after.WhichOneof("shape_type"), round(after.presence.min_fraction, 2)) == ("value_count", 0.08)
    assert proposal.gives_up == (
        "payment_type: a value in each row",
        "payment_type: a value in at least 1 of the rows; 0.08 now",
    )
    assert accept(run.schema, [proposal], run.evidence) == proposal.after


def test_a_column_that_the_schema_names_or_that_not_every_split_has_is_no_new_name(tmp_path):
    def lose(split, statistics):
        column = next(one for one in statistics.features if one.path.step[0] == "payment_type")
        column.path.step[0] = "payment_kind" if split == "train" else "else"

    run = Run(tmp_path, lambda _schema, of_name: setattr(of_name["payment_kind"], "name", "payment_type"), lose)
    ways = [one for one in run.propose() if one.anomaly.reason == "SCHEMA_MISSING_COLUMN"]
    assert ways and not any("was renamed" in one.note for one in ways)


def test_a_column_that_was_renamed_is_renamed_first(tmp_path):
    def rename(_split, statistics):
        next(one for one in statistics.features if one.path.step[0] == "payment_type").path.step[0] = "payment_kind"

    run = Run(tmp_path, lambda _schema, features: setattr(features["payment_kind"], "name", "payment_type"), rename)
    first, *others = [one for one in run.propose() if one.anomaly.reason == "SCHEMA_MISSING_COLUMN"]
    assert "payment_kind" in dict(features(first.after)) and "payment_type" not in dict(features(first.after))
    assert "must say payment_kind" in first.note
    assert [one.preferred for one in (first, *others)] == [True, False, False]
