"""InfraValidator's executor: artifacts in, a verdict out. What a validation is stands in `validation`."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, path_utils

from millrace.components.executor_types import Artifacts, Properties
from millrace.components.infra_validator import blessing as blessings
from millrace.components.infra_validator.examples import read_records
from millrace.components.infra_validator.made_from import made_from
from millrace.components.infra_validator.section import InfraValidation
from millrace.components.infra_validator.validation import MODEL_NAME, validate

# A signature of single columns needs examples in which no column is missing, so more are read than are sent.
_RECORDS_TO_CHOOSE_FROM = 1000


class Executor(base_executor.BaseExecutor):
    """Tries the model and writes an InfraBlessing."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> None:
        """Runs the validation. A model that is refused is a successful execution with a reason.

        Args:
            input_dict: `model`, one Model; `examples`, one Examples.
            output_dict: `blessing`, one InfraBlessing.
            exec_properties: the component's parameters.

        Raises:
            DataError: there is nothing to ask the model with.
            CouldNotJudge: the machine, and not the model, is why there is no verdict.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        examples = artifact_utils.get_single_instance(input_dict[standard_component_specs.EXAMPLES_KEY])
        blessing = artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY])
        section = InfraValidation.model_validate_json(exec_properties["section"])
        records = read_records(examples, max(section.examples, _RECORDS_TO_CHOOSE_FROM))
        model_path = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        with _local_copy(model_path) as local_model, _local_output(blessing.uri) as output:
            log_path = output / blessings.LOG_FILE
            report, plans = validate(local_model, records, section, log_path)
        if report.blessed:
            facts = made_from(model, examples, self._context.pipeline_run_id if self._context else None)
            blessings.write_warm_model(blessing, model_path, plans, MODEL_NAME, facts)
        blessings.write_verdict(blessing, report)
        logging.info("infra validation: %s", "blessed" if report.blessed else f"not blessed: {report.reason}")


@contextlib.contextmanager
def _local_copy(uri: str) -> Iterator[Path]:
    if "://" not in uri:
        yield Path(uri)
        return
    with tempfile.TemporaryDirectory() as folder:
        io_utils.copy_dir(uri, folder)
        yield Path(folder)


@contextlib.contextmanager
def _local_output(uri: str) -> Iterator[Path]:
    fileio.makedirs(uri)
    if "://" not in uri:
        yield Path(uri)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        for path in Path(folder).iterdir():
            fileio.copy(str(path), f"{uri}/{path.name}", overwrite=True)
