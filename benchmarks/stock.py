"""TFX's own taxi pipeline, as it comes with TFX, on given rows: `python -m benchmarks.stock DATA ROOT RUNNER`.

`in_memory` is TFX's LocalDagRunner with Beam in one process, its quickest way on one machine; `as_shipped` is what
the example itself does: BeamDagRunner, and Beam with a process a core. The training work is the example's: 1,000 steps
of 40. The example's model is written for Keras 2, which `ENVIRONMENT` asks for.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from millrace.components.beam_engine import ON_THIS_MACHINE, beam_on_this_machine

NAME = "taxi"
STEPS, BATCH_SIZE, EVAL_STEPS = 1000, 40, 150
ENVIRONMENT = {"TF_USE_LEGACY_KERAS": "1"}


def metadata_file(root: Path) -> Path:
    """The SQLite file of ML Metadata."""
    return root / "metadata.db"


def main(data: str, root: str, runner: str) -> None:
    """Runs the pipeline.

    Args:
        data: the folder of the CSV.
        root: an empty folder for all that is made.
        runner: `in_memory` or `as_shipped`.
    """
    os.environ.setdefault("HOME", root)  # the example reads it when it is imported
    example = import_module("tfx.examples.chicago_taxi_pipeline.taxi_pipeline_native_keras")
    pipeline = example._create_pipeline(
        pipeline_name=NAME,
        pipeline_root=f"{root}/artifacts",
        data_root=data,
        module_file=str(_module_file(example)),
        serving_model_dir=f"{root}/serving",
        metadata_path=str(metadata_file(Path(root))),
        # Without a name Beam would download and start another runner where there is a network.
        beam_pipeline_args=[ON_THIS_MACHINE, *(example._beam_pipeline_args if runner == "as_shipped" else [])],
    )
    if runner == "as_shipped":
        from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner

        with beam_on_this_machine():
            BeamDagRunner().run(pipeline)
        return
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    LocalDagRunner().run(pipeline)


def _module_file(example: ModuleType) -> Path:
    assert example.__file__ is not None
    return Path(example.__file__).with_name("taxi_utils_native_keras.py")


if __name__ == "__main__":
    main(*sys.argv[1:])
