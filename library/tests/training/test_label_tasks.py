"""Any number of classes a row: what is learned of a column, what is refused, and what the exported model answers."""

import numpy as np
import pytest
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.features.label import Label
from millrace.training.tasks import learning_task

CLASSES = ("drama", "comedy", "war")
LISTS = learning_task(Label(column="genres", task="multilabel", classes=CLASSES))
TEXTS = learning_task(Label(column="genres", task="multilabel", classes=CLASSES, separator="|"))


def test_lists_become_a_one_for_each_class():
    lists = tf.ragged.constant([["war", "drama"], [], ["noir", "comedy", "comedy"], ["noir"]])
    encoded = LISTS.encode({"genres": lists})
    np.testing.assert_array_equal(encoded, [[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0]])
    assert encoded.shape[1] == 3 and LISTS.known(encoded).numpy().all()


@pytest.mark.parametrize("sparse", [False, True])
def test_texts_are_cut_at_the_separator(sparse):
    column = tf.constant([["war| drama"], [""], ["comedy"]])
    encoded = TEXTS.encode({"genres": tf.sparse.from_dense(column) if sparse else column})
    np.testing.assert_array_equal(encoded, [[1, 0, 1], [0, 0, 0], [0, 1, 0]])


def test_numbers_may_be_classes():
    task = learning_task(Label(column="codes", task="multilabel", classes=(7, 30)))
    encoded = task.encode({"codes": tf.ragged.constant([[30, 1], [7, 30], []], dtype=tf.int64)})
    np.testing.assert_array_equal(encoded, [[0, 1], [1, 1], [0, 0]])


def test_the_rows_of_each_class_are_counted():
    batches = [np.array([[1, 0, 0], [1, 1, 0]], np.float32), np.array([[0, 1, 0]], np.float32)]
    stats = LISTS.statistics(batches, complete=True)
    assert (stats.rows, stats.class_counts) == (3, (2, 2, 0))
    assert LISTS.statistics(iter(batches), complete=False).rows == 2


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[0, 0, 0]], "no training row has a label that is one of drama, comedy, war"),
        ([[1, 0, 1], [1, 0, 1]], "every training row has the same labels: drama, war"),
    ],
)
def test_labels_that_teach_nothing_are_refused(rows, said):
    with pytest.raises(InputRefused, match=said):
        LISTS.statistics([np.array(rows, np.float32)], complete=False)


def test_the_answer_names_what_is_more_probable_than_not():
    answers = LISTS.answers(tf.constant([[0.6, 0.1, 0.9], [0.2, 0.3, 0.5], [1.0, 0.0, 0.51]]))
    assert answers["labels"].numpy().tolist() == [[b"war", b"drama", b""], [b"", b"", b""], [b"drama", b"war", b""]]
    assert answers["classes"].numpy().tolist() == [[b"drama", b"comedy", b"war"]] * 3
    assert answers["probabilities"].numpy().min() > 0 and answers["probabilities"].numpy().max() < 1
