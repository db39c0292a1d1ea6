"""The gates: what each refuses, with which reason and exit code, and that nothing is pushed."""

import pytest

pytestmark = pytest.mark.slow


def test_a_payment_type_taken_out_of_its_domain_blocks_the_run(project):
    project.edit("schema/taxi/schema.pbtxt", '  value: "Prcard"\n', "")
    finished = project.run()
    project.edit("schema/taxi/schema.pbtxt", '  value: "Pcard"\n', '  value: "Pcard"\n  value: "Prcard"\n')
    assert finished.code == 3, finished.output
    assert finished.stages["DataGate"] == "blocked"
    assert finished.stages["Transform"] == "waiting"
    for words in ("payment_type", "Prcard", "millrace schema"):
        assert words in finished.output
    assert project.pushed() == []
    assert project.runs()[-1]["state"] == "blocked"
    assert "payment_type" in project.runs()[-1]["reason"]


def test_a_threshold_above_reach_is_refused_with_a_gate_report(project):
    finished = project.run("--set", "evaluation.thresholds.0.at_least=0.9999")
    assert finished.code == 3, finished.output
    assert "not blessed" in finished.output
    assert "at least 0.9999" in finished.output
    assert finished.stages["Pusher"] == "done"
    assert project.pushed() == []
    run = project.runs()[-1]
    assert (run["state"], run["blessed"], run["infra_blessed"], run["pushed_to"]) == ("blocked", False, True, "")
    assert "AUC" in run["reason"]


def test_a_model_whose_signature_raises_is_refused_by_the_infra_validator(project):
    (project.folder / "fork").mkdir()
    (project.folder / "fork" / "__init__.py").write_text("")
    (project.folder / "fork" / "trainer.py").write_text(BROKEN_SERVING)
    finished = project.run("--set", "code.run_fn=fork.trainer.run_fn")
    assert finished.code == 3, finished.output
    assert "the signature is broken" in finished.output
    run = project.runs()[-1]
    assert run["infra_blessed"] is False
    assert run["pushed_to"] == ""
    assert project.pushed() == []


# Serves the Evaluator, whose batches are large, and breaks on a request of a few rows: what only a server would meet.
BROKEN_SERVING = '''
"""A fork's trainer whose exported signature raises when it is served."""

import tensorflow as tf

from models.trainer import run_fn as standard_run_fn


class Broken(tf.Module):
    def __init__(self, path):
        super().__init__()
        self.model = tf.saved_model.load(path)
        self.serve = self.model.signatures["serving_default"]
        self.transform = self.model.signatures["transform_features"]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(self, examples):
        check = tf.debugging.Assert(tf.shape(examples)[0] > 100, ["the signature is broken"])
        with tf.control_dependencies([check]):
            return self.serve(examples=tf.identity(examples))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform_features(self, examples):
        return self.transform(examples=examples)


def run_fn(fn_args):
    final = fn_args.serving_model_dir
    fn_args.serving_model_dir = final + "-whole"
    standard_run_fn(fn_args)
    broken = Broken(fn_args.serving_model_dir)
    signatures = {"serving_default": broken.serving_default, "transform_features": broken.transform_features}
    tf.saved_model.save(broken, final, signatures=signatures)
    tf.io.gfile.rmtree(fn_args.serving_model_dir)
    fn_args.serving_model_dir = final
'''
