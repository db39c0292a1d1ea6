"""PushedChampion's executor: finds the newest pushed model and copies it into a Model artifact."""

import logging
import os
from typing import Optional

from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from millrace.base import files
from millrace.components.executor_types import Artifacts, Properties
from millrace.components.marks import ABSENT

PUSHED_FROM = "pushed_from"


class Executor(base_executor.BaseExecutor):
    """Copies, because the services only hand on artifacts that lie below their own root."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> None:
        """Fills `model`.

        Args:
            input_dict: nothing.
            output_dict: `model`, one Model.
            exec_properties: `directory`, the folder of the numbered versions.
        """
        model = artifact_utils.get_single_instance(output_dict["model"])
        newest = newest_version(exec_properties["directory"])
        model.set_int_custom_property(ABSENT, int(newest is None))
        if newest is None:
            logging.info("No model has been pushed to %s yet: there is no champion.", exec_properties["directory"])
            # An object store has no empty folders, and the service wants to find something.
            files.write(os.path.join(model.uri, ABSENT), "no model has been pushed yet\n")
            return
        model.set_string_custom_property(PUSHED_FROM, newest)
        io_utils.copy_dir(newest, path_utils.serving_model_dir(model.uri))


def newest_version(directory: str) -> Optional[str]:
    """The folder of the newest whole model among the numbered ones; None when there is none.

    Args:
        directory: as TensorFlow Serving watches it, on any file system that TFX reads.
    """
    if not fileio.isdir(directory):
        return None
    names = (name.rstrip("/") for name in fileio.listdir(directory))
    versions = sorted((int(name), os.path.join(directory, name)) for name in names if name.isdecimal())
    whole = [path for _, path in versions if fileio.exists(os.path.join(path, "saved_model.pb"))]
    return whole[-1] if whole else None
