"""Whether a stage may do its work in its own process instead of by Beam."""

from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from millrace.base.errors import Signal

# Beam's own names for its runners of one machine; it takes them with and without the module, in any case.
_HERE = frozenset({"", "direct", "directrunner", "bundlebaseddirectrunner", "fnapirunner", "switchingdirectrunner"})


class NeedsBeam(Signal):
    """This process cannot do it as TFX's own executor would, with Beam; nothing was written.

    The message says why, without a full stop.
    """


def runner_elsewhere(beam_pipeline_args: Sequence[str]) -> str:
    """The name of the Beam runner that works elsewhere, or nothing.

    Args:
        beam_pipeline_args: Beam's options of a stage, such as `--runner=DataflowRunner`.
    """
    runner = PipelineOptions(list(beam_pipeline_args)).view_as(StandardOptions).runner or ""
    return "" if runner.rpartition(".")[2].lower() in _HERE else runner
