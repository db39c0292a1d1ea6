"""TFDV's own validation, inference and update of schemas, without TensorFlow's import.

`import tensorflow_data_validation` takes ten seconds, because it brings TensorFlow and Beam. What decides whether
statistics fit a schema is one compiled extension, which needs neither: it is loaded here from its file in 20 ms, and
given serialized protos exactly as `tensorflow_data_validation/api/validation_api.py` does. Where that does not work,
as it may not on a platform that links the extension otherwise, the package's own import is used; the answers are the
same.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

_FILE = "tensorflow_data_validation_extension"
_NAME = f"tensorflow_data_validation.pywrap.{_FILE}"
MAX_STRING_DOMAIN = 100  # TFDV's own default


@lru_cache(maxsize=1)
def _extension() -> Any:
    # Once a process: a second copy of the extension, loaded by TFDV's own import, would free what the first one freed.
    # So the first is registered under the extension's own name, where that import finds it.
    module = sys.modules.get(_NAME) or _from_file() or importlib.import_module(_NAME)
    return module.validation  # type: ignore[attr-defined]


def _from_file() -> Optional[ModuleType]:
    package = importlib.util.find_spec("tensorflow_data_validation")
    for folder in (package.submodule_search_locations or []) if package else []:
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            file = Path(folder) / "pywrap" / f"{_FILE}{suffix}"
            if file.exists():
                return _load(str(file))
    return None


def _load(file: str) -> Optional[ModuleType]:
    loader = importlib.machinery.ExtensionFileLoader(_NAME, file)
    spec = importlib.util.spec_from_file_location(_NAME, file, loader=loader)
    try:
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        loader.exec_module(module)
    except ImportError:
        return None
    sys.modules[_NAME] = module
    return module


def validate(
    statistics: statistics_pb2.DatasetFeatureStatistics,
    schema: schema_pb2.Schema,
    environment: str = "",
    previous: Optional[statistics_pb2.DatasetFeatureStatistics] = None,
) -> anomalies_pb2.Anomalies:
    """TFDV's anomalies of statistics against a schema, as `tfdv.validate_statistics` gives them.

    Args:
        statistics: one split's.
        schema: what they are held to.
        environment: one of the schema's; empty validates every feature, as TFX's ExampleValidator does.
        previous: the statistics that drift is measured from.
    """
    before = previous.SerializeToString() if previous is not None else b""
    answer = _extension().ValidateFeatureStatistics(
        statistics.SerializeToString(),
        schema.SerializeToString(),
        environment.encode(),
        before,
        b"",  # serving statistics
        b"",  # the previous version's statistics
        b"",  # features needed: all
        b"",  # validation options: the defaults
        False,  # diff regions
    )
    return anomalies_pb2.Anomalies.FromString(answer)


def update(
    schema: schema_pb2.Schema, statistics: statistics_pb2.DatasetFeatureStatistics, max_string_domain: int
) -> schema_pb2.Schema:
    """The schema as `tfdv.update_schema` would relax it until the statistics fit.

    Args:
        schema: what the statistics do not fit.
        statistics: one split's.
        max_string_domain: how many values a new string feature may have to be given a domain.
    """
    answer = _extension().UpdateSchema(schema.SerializeToString(), statistics.SerializeToString(), max_string_domain)
    return schema_pb2.Schema.FromString(answer)


def infer(
    statistics: statistics_pb2.DatasetFeatureStatistics,
    max_string_domain: int = MAX_STRING_DOMAIN,
    infer_shape: bool = True,
) -> schema_pb2.Schema:
    """The schema that `tfdv.infer_schema` would write for the statistics.

    Args:
        statistics: of one split, as TFDV computes them.
        max_string_domain: distinct values up to which a text column gets a domain.
        infer_shape: whether a column with the same number of values in each row gets a shape.
    """
    usable = statistics_pb2.DatasetFeatureStatistics()
    usable.CopyFrom(statistics)
    # A feature without common statistics (a sparse or a weighted one) is derived from others; TFDV leaves it out too.
    kept = [feature for feature in statistics.features if feature.WhichOneof("stats")]
    del usable.features[:]
    usable.features.extend(kept)
    answer = _extension().InferSchema(usable.SerializeToString(), max_string_domain, infer_shape)
    return schema_pb2.Schema.FromString(answer)
