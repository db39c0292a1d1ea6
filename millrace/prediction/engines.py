"""Where a table is scored: in this process, or by TFX's BulkInferrer on the engine that `beam:` names."""

from collections.abc import Callable

from millrace.beam.arguments import beam_arguments
from millrace.components.beam_engine import runner_elsewhere
from millrace.config.config import Config
from millrace.prediction.bulk_inferrer import by_bulk_inferrer
from millrace.prediction.chosen_model import ChosenModel
from millrace.prediction.predict import Engine
from millrace.prediction.progress import Progress
from millrace.prediction.scorer import in_this_process


def engine_here(config: Config, model: ChosenModel, show: Callable[[Progress], None]) -> Engine:
    """This process, or Beam where the configuration names an engine of several machines.

    Args:
        config: the pipeline's configuration; Beam's own runners of one machine mean this process.
        model: what scores.
        show: is told how far it is.
    """
    arguments = beam_arguments(config)
    if not runner_elsewhere(arguments):
        return in_this_process(model.folder, model.about)
    return by_bulk_inferrer(
        model.folder, model.about, config.root, arguments, lambda doing, rows: show(Progress(doing, rows))
    )
