"""Rule: the split that gives the verdict has chosen nothing."""

from collections.abc import Iterator
from typing import Optional

from millrace.config.config import Config
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob


def split(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """A model that is judged on what picked its best step looks better than it is.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    # Who names eval means it.
    if config is not None and config.judging_split == "eval" and config.evaluation.split is None:
        yield JobFinding(
            "judging-split",
            "warning",
            "the Evaluator judges on eval, which also picks the best step of the training, so its metrics flatter",
            "data.splits" if not config.data.files else "data.files",
            "give it a split of its own, {train: 4, eval: 1, test: 1}; set evaluation.split: eval where it is meant",
        )
