"""The options that Beam gets for the data stages: where they run, how many workers, and what the workers bring along.

The options are those of `apache_beam.options.pipeline_options`; docs/guides/beam.md shows them for each engine.
"""

from collections.abc import Sequence

from millrace.beam.local_workers import local_workers
from millrace.catalog.beam_runners import is_on_this_machine
from millrace.components.beam_engine import ON_THIS_MACHINE
from millrace.config.beam_section import Beam, Dataflow
from millrace.config.config import Config

# The options that tell TFX that workers get their code from elsewhere.
_DEPENDENCIES = ("--extra_package", "--setup_file", "--requirements_file", "--sdk_container_image")
_RUNNERS = {
    "portable": "PortableRunner",
    "flink": "FlinkRunner",
    "spark": "SparkRunner",
    "dataflow": "DataflowRunner",
}


def beam_arguments(config: Config) -> list[str]:
    """Beam's options for the data stages, the runner by its name: Beam's own choice would download and start a program.

    TFX packs an sdist of itself for every stage that is given options without a dependency among them, some seconds
    each, and Millrace would not be in it. Workers that share this environment are told of an image instead, which
    nobody looks at.
    """
    beam = config.beam
    elsewhere = beam.mode in _RUNNERS or not is_on_this_machine(_runner_option(beam))
    # On this machine the runner of `options` is another name of the one that is named here.
    options = [option for option in beam.options if elsewhere or not option.startswith("--runner=")]
    arguments = [*_place(config), *_code(beam), *options]
    if elsewhere:
        # Beam would send the main module's variables along; nothing of the stages is defined there.
        arguments.append("--no_save_main_session")
    shared = beam.worker_pool or not elsewhere
    return sharing_this_environment(arguments) if shared else arguments


def sharing_this_environment(arguments: Sequence[str]) -> list[str]:
    """Beam's options with word for TFX that the workers have the code already, unless something says what brings it."""
    if any(text.startswith(_DEPENDENCIES) for text in arguments):
        return list(arguments)
    return [*arguments, "--sdk_container_image=this-environment"]


def _runner_option(beam: Beam) -> str:
    runners = [option.partition("=")[2] for option in beam.options if option.startswith("--runner=")]
    return runners[-1] if runners else ""


def _place(config: Config) -> list[str]:
    """Which engine, and how it is reached."""
    beam = config.beam
    if beam.mode == "dataflow" and beam.dataflow:
        return ["--runner=DataflowRunner", *_dataflow(beam.dataflow)]
    if beam.mode in _RUNNERS:
        server = [f"--job_endpoint={beam.job_server}"] if beam.job_server else []
        return [f"--runner={_RUNNERS[beam.mode]}", *server, *_environment(beam)]
    if not is_on_this_machine(_runner_option(beam)):
        return []
    mode, workers = local_workers(config)
    if mode == "in_memory" and workers == 1:
        return [ON_THIS_MACHINE]
    return [ON_THIS_MACHINE, f"--direct_running_mode={mode}", f"--direct_num_workers={workers}"]


def _environment(beam: Beam) -> list[str]:
    """How a portable runner starts the processes that run Python."""
    if beam.worker_pool:
        return ["--environment_type=EXTERNAL", f"--environment_config={beam.worker_pool}"]
    return ["--environment_type=DOCKER", f"--environment_config={beam.image}"] if beam.image else []


def _code(beam: Beam) -> list[str]:
    """What brings the project to the workers."""
    setup = [f"--setup_file={beam.setup_file}"] if beam.setup_file else []
    image = [f"--sdk_container_image={beam.image}"] if beam.image else []
    return [*setup, *image]


def _dataflow(settings: Dataflow) -> list[str]:
    named = {
        "project": settings.project,
        "region": settings.region,
        "temp_location": settings.temp_location,
        "service_account_email": settings.service_account,
        "network": settings.network,
        "subnetwork": settings.subnetwork,
        "worker_machine_type": settings.machine_type,
        "disk_size_gb": settings.disk_gib,
        "num_workers": settings.start_workers,
        "max_num_workers": settings.max_workers,
        "dataflow_kms_key": settings.encryption_key,
    }
    flags = [f"--{name}={value}" for name, value in named.items() if value]
    labels = [f"--labels={key}={value}" for key, value in sorted(settings.labels.items())]
    return [*flags, *labels, *([] if settings.public_ips else ["--no_use_public_ips"])]
