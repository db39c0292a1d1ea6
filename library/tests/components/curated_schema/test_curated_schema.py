"""The curated schema, carried into the pipeline by its own executor."""

from pathlib import Path

import pytest


def output(component, key, folder: Path):
    """Runs a function component's executor; gives the artifact that it filled."""
    artifact = component.outputs[key].type()
    artifact.uri = str(folder)
    folder.mkdir()
    component.executor_spec.executor_class().Do({}, {key: [artifact]}, component.exec_properties)
    return artifact


def test_the_schema_keeps_its_comments_and_is_what_tfx_reads(tmp_path):
    from tfx.utils.io_utils import SchemaReader, get_only_uri_in_dir

    from millrace.components.curated_schema.component import CuratedSchema

    text = '# why\nfeature { name: "fare" type: FLOAT }\n'
    schema = output(CuratedSchema(schema_text=text, code_digest="x"), "schema", tmp_path / "out")
    file = get_only_uri_in_dir(schema.uri)
    assert Path(file).read_text() == text
    assert SchemaReader().read(file).feature[0].name == "fare"


def test_a_text_that_is_no_schema_is_refused(tmp_path):
    from google.protobuf.text_format import ParseError

    from millrace.components.curated_schema.component import CuratedSchema

    with pytest.raises(ParseError, match="nmae"):
        output(CuratedSchema(schema_text='feature { nmae: "fare" }', code_digest="x"), "schema", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
