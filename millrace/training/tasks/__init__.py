"""What differs by task in training and in the exported model: one class a task, chosen here and nowhere else."""

from collections.abc import Mapping

from millrace.features.label import Output, Task
from millrace.training.tasks.multilabel import Multilabel
from millrace.training.tasks.one_class import Binary, Multiclass
from millrace.training.tasks.regression import Regression
from millrace.training.tasks.task import LearningTask

LEARNING_TASKS: Mapping[Task, type[LearningTask]] = {
    "binary": Binary,
    "multiclass": Multiclass,
    "multilabel": Multilabel,
    "regression": Regression,
}


def learning_task(output: Output) -> LearningTask:
    """How an output is learned."""
    return LEARNING_TASKS[output.task](output)
