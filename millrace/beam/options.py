"""What Beam itself says of the options, before a stage hands them to it: there a mistake ends the whole process."""

import contextlib
import io

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions, TestOptions
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.runner import create_runner

from millrace.base.errors import BadInput, ConfigError
from millrace.beam.arguments import beam_arguments
from millrace.catalog.beam_runners import is_dataflow
from millrace.config.config import Config

_REMEDY = "docs/guides/beam.md has each engine's settings; `beam.options` takes what Beam's own documentation names"


def option_problems(config: Config) -> list[BadInput]:
    """The mistakes that Beam finds in the options of a configuration, without network.

    Args:
        config: the configuration, laid out for where it will run (`millrace.config.platform.deployed`).
    """
    arguments = beam_arguments(config)
    messages = io.StringIO()
    try:
        with contextlib.redirect_stderr(messages):
            options = PipelineOptions([*arguments, "--dry_run=True"])
            known, given = options.get_all_options(), options.get_all_options(retain_unknown_options=True)
    except SystemExit:
        return [_problem(messages.getvalue().strip().rpartition("error: ")[2])]
    # A job server has options of its own, which only it knows.
    for_the_server = config.beam.mode in ("portable", "flink", "spark")
    unknown = sorted(given.keys() - known.keys())
    return [
        *[_problem(f"Beam knows no option --{name}") for name in unknown if not for_the_server],
        *map(_problem, _invalid(options)),
    ]


def _invalid(options: PipelineOptions) -> list[str]:
    options.view_as(TestOptions).dry_run = True
    runner = options.view_as(StandardOptions).runner or "DirectRunner"
    validator = PipelineOptionsValidator(options, create_runner(runner))
    if is_dataflow(runner):
        # For want of these Beam would ask Google: for a default region, for a bucket that it may make.
        cloud = options.view_as(GoogleCloudOptions)
        wrong = [] if cloud.region else ["Missing required option: region."]
        wrong += validator.validate_gcs_path(cloud, "temp_location")
        if wrong:
            return wrong
    return list(validator.validate())


def _problem(what: str) -> ConfigError:
    return ConfigError(what.rstrip("."), where="beam", remedy=_REMEDY)
