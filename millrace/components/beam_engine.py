"""Whether Beam would work on this machine: then a stage may do its work in its own process instead."""

from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

# Beam's own names for its runners of one machine; it takes them with and without the module, in any case.
_HERE = frozenset({"", "direct", "directrunner", "bundlebaseddirectrunner", "fnapirunner", "switchingdirectrunner"})


def runner_elsewhere(beam_pipeline_args: Sequence[str]) -> str:
    """The name of the Beam runner that works elsewhere, or nothing.

    Args:
        beam_pipeline_args: Beam's options of a stage, such as `--runner=DataflowRunner`.
    """
    runner = PipelineOptions(list(beam_pipeline_args)).view_as(StandardOptions).runner or ""
    return "" if runner.rpartition(".")[2].lower() in _HERE else runner
