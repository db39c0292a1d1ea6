"""Schemas compared in words: every difference is told, and none that is not there."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.schema.words import changes

BASE = """
feature { name: "kind" type: BYTES domain: "kinds" presence { min_fraction: 1 } }
feature { name: "price" type: FLOAT float_domain { min: 0 max: 10 } shape { dim { size: 1 } } }
feature { name: "hour" type: INT drift_comparator { jensen_shannon_divergence { threshold: 0.1 } } }
string_domain { name: "kinds" value: "a" value: "b" }
default_environment: "TRAINING"
"""


def said(edit):
    before = text_format.Parse(BASE, schema_pb2.Schema())
    after = text_format.Parse(BASE, schema_pb2.Schema())
    edit(after, {feature.name: feature for feature in after.feature})
    return [str(change) for change in changes(before, after)]


def add_value(schema, _features):
    schema.string_domain[0].value.append("Prcard")


def lose_value(schema, _features):
    schema.string_domain[0].value.remove("a")


def reorder_values(schema, _features):
    schema.string_domain[0].value[:] = ["b", "a"]


def rename_domain(schema, features):
    schema.string_domain[0].name = features["kind"].domain = "sorts"


def presence(_schema, features):
    features["kind"].presence.min_fraction = 0.95
    features["kind"].presence.min_count = 10


def widen(_schema, features):
    features["price"].float_domain.max = 12.5


def retype(_schema, features):
    features["hour"].type = schema_pb2.BYTES


def drift(_schema, features):
    features["hour"].drift_comparator.jensen_shannon_divergence.threshold = 0.25


def shape(_schema, features):
    features["price"].value_count.max = 1


def environment(schema, features):
    schema.default_environment.append("SERVING")
    features["kind"].not_in_environment.append("SERVING")


def add_feature(schema, _features):
    schema.feature.add(name="new", type=schema_pb2.INT).int_domain.min = 3


def drop_feature(schema, features):
    schema.feature.remove(features["hour"])


def rename_feature(_schema, features):
    features["hour"].name = "Hour"


def deprecate(_schema, features):
    features["hour"].lifecycle_stage = schema_pb2.DEPRECATED


def unheard(_schema, features):
    features["hour"].annotation.tag.append("x")


def swap(schema, _features):
    first = schema_pb2.Feature()
    first.CopyFrom(schema.feature[0])
    del schema.feature[0]
    schema.feature.add().CopyFrom(first)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (add_value, ["kind: domain gains 'Prcard'"]),
        (lose_value, ["kind: domain loses 'a'"]),
        (reorder_values, ["kind: domain's values are listed in another order or number"]),
        (rename_domain, ["kind: domain kinds (2 values) is now called sorts (2 values)"]),
        (presence, ["kind: presence: in every row becomes in at least 0.95 of the rows and in at least 10 rows"]),
        (widen, ["price: range: 0 to 10 becomes 0 to 12.5"]),
        (retype, ["hour: type: INT becomes BYTES"]),
        (drift, ["hour: drift limit: jensen_shannon_divergence 0.1 becomes jensen_shannon_divergence 0.25"]),
        (shape, ["price: values per row: shape [1] becomes at most 1"]),
        (environment, ["kind: environments: nothing said becomes not in SERVING", "environments gain 'SERVING'"]),
        (add_feature, ["new: added: INT, domain at least 3"]),
        (drop_feature, ["hour: removed"]),
        (rename_feature, ["Hour: is what hour was called"]),
        (deprecate, ["hour: stage: nothing said becomes deprecated"]),
        (unheard, ["hour: annotation: nothing said becomes annotation { tag: \"x\" }"]),
        (swap, ["the order of what is said changes, and nothing else"]),
        (lambda _schema, _features: None, []),
    ],
)  # fmt: skip
def test_an_edit_is_told_in_words(edit, expected):
    assert said(edit) == expected


def test_numbers_are_told_apart_to_the_last_digit():
    def nudge(_schema, features):
        features["hour"].drift_comparator.jensen_shannon_divergence.threshold = 0.1 + 1e-12

    assert said(nudge) != []
    assert "becomes" in said(nudge)[0]
    old, new = said(nudge)[0].split("limit: ")[1].split(" becomes ")
    assert old != new
