"""Every variant of the graph compiles for both services, and what can be known before says what is missing."""

import subprocess
import sys

import pytest

from millrace.base.errors import ConfigError
from millrace.cloud.compile import compile_for
from millrace.config.loading import load
from millrace.jobspec.checks import check
from millrace.jobspec.findings import refusing

pytestmark = pytest.mark.slow

PLACES = [
    f"{service}.{key}" for service in ("vertex", "kubeflow") for key in ("root=gs://bkt/r", "data_path=gs://bkt/d")
]


@pytest.fixture(scope="module")
def pinned(tmp_path_factory):
    file = tmp_path_factory.mktemp("pinned") / "best.json"
    file.write_text('{"space": [], "values": {"learning_rate": 0.01}}')
    return file


@pytest.mark.parametrize("service", ["vertex", "kubeflow"])
@pytest.mark.parametrize(
    ("overrides", "stage", "parameters"),
    [
        (["data.format=tfrecord"], "ExampleGen", {"data_path"}),
        (["data.format=avro", "data.pattern={YYYY}-{MM}-{DD}/*"], "ExampleGen", {"data_path", "span"}),
        (["data={path: none, format: bigquery, query: SELECT 1}"], "ExampleGen", {"query"}),
        (["data.files=[{name: train, pattern: a*}, {name: eval, pattern: b*}]"], "ExampleGen", {"data_path"}),
        (["training={epochs: 3}"], "Trainer", {"data_path", "training_epochs"}),
        (["tuning.pinned=PINNED"], "PinnedHyperparameters", {"data_path"}),
        (["schema={}"], "SchemaGen", {"data_path"}),
    ],
)
def test_it_compiles_and_nothing_is_wrong_with_it(pinned, service, overrides, stage, parameters):
    config = load("conf/taxi.yaml", [*PLACES, *(override.replace("PINNED", str(pinned)) for override in overrides)])
    job = compile_for(config, service)
    assert stage in job.tasks
    assert parameters <= set(job.parameters)
    assert refusing(check(job, config), submitting=False) == []


def test_a_mistake_is_told_before_tensorflow_is_imported():
    with pytest.raises(ConfigError, match="does not exist"):
        compile_for(load("conf/taxi.yaml", ["code.run_fn=millrace.training.fitting.run"]), "vertex")


def test_thresholds_that_say_nothing_are_bad_input():
    from millrace.base.errors import BadInput

    wrong = "evaluation.thresholds=[{metric: Calibration, worse_by_at_most: 0.1}]"
    with pytest.raises(BadInput, match="no direction in which it gets better"):
        compile_for(load("conf/taxi.yaml", [*PLACES, wrong]), "kubeflow")


def test_without_the_format_of_compiled_jobs_the_message_says_what_to_install(tmp_path):
    script = (
        "import sys; sys.modules['kfp'] = None\n"
        "sys.argv = ['millrace', 'compile', '--set', f'root={sys.argv[1]}']\n"
        "from millrace.cli.main import main; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "the format of compiled jobs is not installed" in done.stderr
    assert "pip install kfp-pipeline-spec" in done.stderr
    assert "Traceback" not in done.stderr
