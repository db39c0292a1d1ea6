"""Compiles a configured pipeline for a service: checks, graph, document. The one way in for every command."""

import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput, MillraceError, describe
from millrace.base.quiet import output_to
from millrace.components.example_gen.section import BigQuery
from millrace.config.checks import check
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.config.platform import PLATFORMS, deployed
from millrace.jobspec.job import CompiledJob, Dialect

SUFFIXES: dict[Dialect, str] = {"vertex": "-vertex.json", "kubeflow": "-kubeflow.yaml"}


def compiled_file(config: Config, runner: Dialect) -> Path:
    """Where a pipeline's compiled job goes when no file is named: ROOT/compiled/NAME-vertex.json or -kubeflow.yaml.

    Args:
        config: gives ROOT and NAME.
        runner: "vertex" or "kubeflow".
    """
    return layout(config).local / "compiled" / f"{config.name}{SUFFIXES[runner]}"


def compile_for(
    config: Config, runner: Dialect, compiler: Optional[Callable[[Config], CompiledJob]] = None
) -> CompiledJob:
    """Compiles a pipeline, without network and without credentials; what TFX prints is in the log beside the file.

    Args:
        config: the configuration as it was read.
        runner: the service.
        compiler: makes the job once the configuration is checked; by default the library's own for the service.

    Returns:
        The job; `millrace.jobspec.checks.check` says what is still to be fixed.

    Raises:
        BadInput: the configuration cannot be compiled as it is.
        MillraceError: TFX's compiler failed.
    """
    check(_to_check(config, runner))
    log = compiled_file(config, runner).with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with output_to(log):
        try:
            # TFX and TensorFlow come in with either.
            compile_job = compiler or importlib.import_module(f"millrace.cloud.{runner}.compile").compile_job
            job: CompiledJob = compile_job(config)
            return job
        except MillraceError:
            raise
        except Exception as error:
            logging.getLogger(__name__).exception("The compiler failed.")
            failure = describe(error)
            kind = BadInput if failure.exit_code == BadInput.exit_code else MillraceError
            raise kind(failure.what, where=failure.where, remedy=failure.remedy) from error


def _to_check(config: Config, runner: Dialect) -> Config:
    """The configuration to check here: data that only the service sees is not looked for on this machine."""
    section = PLATFORMS[runner].section(config)
    here = deployed(config, PLATFORMS[runner])
    if here.data.format == "bigquery" and not here.data.bigquery:
        # It may be set before the job is sent; `millrace.jobspec.checks` says so.
        later = BigQuery(project="later", temp_location="gs://later")
        return here.model_copy(update={"data": here.data.model_copy(update={"bigquery": later})})
    if section.data_path is None:
        return here
    return here.model_copy(update={"data": here.data.model_copy(update={"path": f"{runner}://{section.data_path}"})})
