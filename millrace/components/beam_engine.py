"""Beam's runner of one machine, by its name, and whether a stage may work in its own process instead of by Beam."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from millrace.base.errors import Signal
from millrace.catalog.beam_runners import is_on_this_machine

ON_THIS_MACHINE = "--runner=FnApiRunner"
"""The option for every Beam pipeline of this machine. Beam's default, DirectRunner, tries PrismRunner first, a program
that it downloads, and falls back to this one where there is no network."""


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
    return "" if is_on_this_machine(runner) else runner


@contextmanager
def beam_on_this_machine() -> Iterator[None]:
    """Has pipelines that name no runner run on this machine: that of TFX's BeamDagRunner, and those of a project."""
    before = StandardOptions.DEFAULT_RUNNER
    StandardOptions.DEFAULT_RUNNER = ON_THIS_MACHINE.partition("=")[2]
    try:
        yield
    finally:
        StandardOptions.DEFAULT_RUNNER = before
