"""What TFX's Trainer calls: `run_fn` trains the model on transformed examples and exports it."""

from typing import Any

from millrace.training.calibration import calibrated
from millrace.training.fitting import build, fit, prepare
from millrace.training.folds import cross_validate
from models.serving import export


def run_fn(fn_args: Any) -> None:
    """Trains, and exports the model to `fn_args.serving_model_dir`.

    Args:
        fn_args: TFX's `FnArgs`. `custom_config` holds the configuration's sections, `hyperparameters` a Tuner's result
            or None. `train_steps` and `eval_steps`, when above 0, win over the configuration. TensorBoard logs go to
            `model_run_dir`.

    Raises:
        InputRefused: the data or the configuration cannot be learned from, or the loss is no longer a finite number.
    """
    job = prepare(fn_args)
    model = build(job)
    fit(job, model, fn_args.model_run_dir)
    export(calibrated(model, job), job, fn_args.serving_model_dir)
    cross_validate(job, model, fn_args.serving_model_dir)
