"""Where a table is scored: in this process, by TFX's BulkInferrer on the engine that `beam:` names, or by Vertex AI."""

from collections.abc import Callable

from millrace.base.errors import BadInput
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


def engine_on_vertex(config: Config, model: ChosenModel, show: Callable[[Progress], None]) -> Engine:
    """A batch prediction job with the version that a model is in Vertex AI.

    Args:
        config: the pipeline's configuration; `push.vertex` says where, and on what machines.
        model: the version as it is here, which says what it reads and predicts.
        show: is told how far it is.

    Raises:
        BadInput: the model is no version there, or there is no bucket for the rows.
        ServiceFailure: there are no credentials.
    """
    if config.push.vertex is None:
        raise BadInput("no model is pushed to Vertex AI", "push.vertex", "write that section, and run the pipeline")
    if not model.vertex:
        raise BadInput(
            f"{model.name} was never pushed to Vertex AI",
            "--model",
            "name a version that was: millrace models show VERSION says it",
        )
    # Google's clients take seconds to import.
    from millrace.cloud.vertex.batch_prediction import BatchPredictions
    from millrace.prediction.vertex_batch import by_vertex

    return by_vertex(
        BatchPredictions(config.push.vertex, config.vertex),
        config.name,
        model.vertex,
        model.about,
        config.vertex.root or config.root,
        lambda doing, rows: show(Progress(doing, rows)),
    )
