"""TensorFlow Serving's files of options for batching and monitoring."""

import pytest

from millrace.base.errors import BadInput
from millrace.model_server.option_files import (
    METRICS_PATH,
    BatchingParameters,
    read_batching_parameters,
    read_metrics_path,
)


@pytest.fixture
def write(tmp_path):
    def written(text: str):
        file = tmp_path / "options.txt"
        file.write_text(text)
        return file

    return written


def test_batching_parameters_are_read_and_the_others_are_tensorflow_servings(write):
    text = """
        max_batch_size { value: 128 }
        batch_timeout_micros { value: 5000 }
        max_enqueued_batches { value: 7 }
        num_batch_threads { value: 3 }
        thread_pool_name { value: 'batches' }
        allowed_batch_sizes: 32
        allowed_batch_sizes: 128
    """
    assert read_batching_parameters(write(text)) == BatchingParameters(128, 5000, 7, 3, (32, 128))
    others = read_batching_parameters(write("num_batch_threads { value: 1 }"))
    assert others == BatchingParameters(1000, 0, 10, 1)
    assert read_batching_parameters(None).max_batch_size == 1000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_batch_size: 128", "no BatchingParameters: 1:17"),
        ("max_batch { value: 128 }", '"max_batch"'),
        ("max_batch_size { value: 0 }", "max_batch_size is 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros is -1"),
        ("max_enqueued_batches { value: 0 }", "max_enqueued_batches is 0"),
        ("num_batch_threads { value: 0 }", "num_batch_threads is 0"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [4]", "allowed_batch_sizes are 4"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [8, 4]", "allowed_batch_sizes are 8, 4"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [0, 8]", "allowed_batch_sizes are 0, 8"),
    ],
)
def test_batches_that_cannot_be_made_are_refused(write, text, words):
    with pytest.raises(BadInput, match=words):
        read_batching_parameters(write(text))


def test_metrics_are_shown_where_the_file_says_and_only_when_it_does(write):
    assert read_metrics_path(write("prometheus_config { enable: true, path: '/metrics' }")) == "/metrics"
    assert read_metrics_path(write("prometheus_config { enable: true }")) == METRICS_PATH
    assert read_metrics_path(write("prometheus_config { path: '/metrics' }")) == ""
    with pytest.raises(BadInput, match=r"prometheus_config\.path is 'metrics'"):
        read_metrics_path(write("prometheus_config { enable: true, path: 'metrics' }"))
    with pytest.raises(BadInput, match="there is no such file"):
        read_metrics_path(write("").with_name("none"))
