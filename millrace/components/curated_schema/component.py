"""CuratedSchema: a Python function component that makes a Schema artifact of the text that it is given.

TFX's `ImportSchemaGen` knows a schema by its path, so that an edit is served from the cache. Here the text itself is
the execution property: another text is another execution, and ML Metadata keeps what each run was held to.
"""

import os

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Schema

from millrace.base import files

FILE_NAME = "schema.pbtxt"


@component
def CuratedSchema(
    schema: OutputArtifact[Schema],
    schema_text: Parameter[str],
    code_digest: Parameter[str],
) -> None:
    """Writes a curated schema where TFX's components look for one.

    Args:
        schema: the artifact; its folder gets one file, `schema.pbtxt`, with every comment kept.
        schema_text: a `tensorflow_metadata.proto.v0.Schema` in text format.
        code_digest: a digest of this component's code, for the cache.

    Raises:
        google.protobuf.text_format.ParseError: the text is not a schema.
    """
    text_format.Parse(schema_text, schema_pb2.Schema())
    files.write(os.path.join(schema.uri, FILE_NAME), schema_text)
