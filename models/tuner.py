"""What TFX's Tuner calls: `tuner_fn` sets up a KerasTuner search over the space that the configuration describes."""

from typing import Any

from tfx.components.tuner.component import TunerFnResult

from millrace.training.search import Trials, fit_kwargs, prepare_search, tuner_of


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """Sets up the search that TFX's Tuner then runs; the best hyperparameters reach `models.trainer.run_fn`.

    Args:
        fn_args: TFX's `FnArgs`. `custom_config` is as for `run_fn`, with `tuning` besides. `train_steps`, when above
            0, wins over `tuning.steps`.

    Raises:
        InputRefused: the space is empty or names what is not a hyperparameter, or the data cannot be learned from.
    """
    job = prepare_search(fn_args)
    trials = Trials(job, job.config.tuning["space"])
    return TunerFnResult(tuner=tuner_of(trials, job, fn_args.working_dir), fit_kwargs=fit_kwargs(job))
