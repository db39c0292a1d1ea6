"""Rules of a project's own: read, tried by TFDV itself before a run, and refused with what is wrong."""

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base import tfx_versions
from millrace.base.errors import SchemaError
from millrace.components.example_validator.rules import validation_rules

SCHEMA = schema_pb2.Schema(feature=[schema_pb2.Feature(name="fare"), schema_pb2.Feature(name="tips")])
RULE = (
    'feature_validations {{ feature_path {{ step: "{0}" }} validations {{ sql_expression: "{1}" severity: ERROR }} }}'
)


needs_rules = pytest.mark.skipif(tfx_versions.custom_validations() is None, reason="TFDV 1.21 has no rules in SQL")


@pytest.fixture
def rules_of(tmp_path):
    """Reads rules from a file."""

    def read(text, schema=SCHEMA):
        file = tmp_path / "rules.pbtxt"
        file.write_text(text)
        return validation_rules(str(file), schema)

    return read


def test_where_tfdv_has_no_rules_they_are_refused_with_the_stack_that_has_them(rules_of, monkeypatch):
    monkeypatch.setattr(tfx_versions, "custom_validations", lambda: None)
    with pytest.raises(SchemaError, match=r"TFDV 1\.21 has no rules"):
        rules_of(RULE.format("fare", "feature.num_stats.min >= 0"))


@needs_rules
def test_rules_that_tfdv_can_apply_are_read(rules_of):
    assert len(rules_of(RULE.format("fare", "feature.num_stats.min >= 0")).feature_validations) == 1
    assert rules_of(RULE.format("anything", "feature.num_stats.min >= 0"), None).feature_validations


@needs_rules
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RULE.format("fair", "true"), r"a rule is of fair, which the schema does not describe; did you mean fare\?"),
        (RULE.format("fare", "feature.nu_stats.min >= 0"), "field called nu_stats; Did you mean num_stats"),
        (RULE.format("fare", "feature.num_stats.min"), "(?i)bool"),
        (RULE.replace("sql_expression", "sql").format("fare", "true"), "sql"),
        ("feature_validations {", "rules.pbtxt:1"),
        ("feature_pair_validations {}", "which ExampleValidator is not given"),
    ],
)
def test_a_rule_that_is_none_is_refused_before_a_run(rules_of, text, message):
    with pytest.raises(SchemaError, match=message):
        rules_of(text)
