"""A stock TFX pipeline for a table of counts: `python -m benchmarks.wide.stock FOLDER ROOT`.

Written as TFX's templates are: a vocabulary, an input and a one-hot layer for each column; as far as a pushed model,
without a gate. The model is written for Keras 2, which TFX's own serving layer needs.
"""

import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.wide.rows import LABEL
from millrace.components.beam_engine import ON_THIS_MACHINE

NAME = "wide"
STEPS, BATCH_SIZE = 600, 32


def main(data: str, root: str) -> None:
    """Runs the pipeline.

    Args:
        data: the folder of the CSV.
        root: an empty folder for all that is made.
    """
    from tfx import v1 as tfx

    examples = tfx.components.CsvExampleGen(input_base=data)
    statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
    schema = tfx.components.SchemaGen(statistics=statistics.outputs["statistics"], infer_feature_shape=True)
    validator = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    transform = tfx.components.Transform(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn=f"{__spec__.name}.preprocessing_fn",
    )
    trainer = tfx.components.Trainer(
        run_fn=f"{__spec__.name}.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema.outputs["schema"],
        train_args=tfx.proto.TrainArgs(num_steps=STEPS),
        eval_args=tfx.proto.EvalArgs(num_steps=10),
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=f"{root}/serving")
        ),
    )
    pipeline = tfx.dsl.Pipeline(
        pipeline_name=NAME,
        pipeline_root=f"{root}/artifacts",
        components=[examples, statistics, schema, validator, transform, trainer, pusher],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(metadata_file(Path(root)))
        ),
        beam_pipeline_args=[ON_THIS_MACHINE],
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)


def metadata_file(root: Path) -> Path:
    """The SQLite file of ML Metadata."""
    return root / "metadata.db"


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """A vocabulary for each column."""
    import tensorflow_transform as tft

    return {
        name: column
        if name == LABEL
        else tft.compute_and_apply_vocabulary(column, num_oov_buckets=1, vocab_filename=name)
        for name, column in inputs.items()
    }


def run_fn(fn_args: Any) -> None:
    """A network over a one-hot layer for each column, with a serving signature of raw examples."""
    import tensorflow as tf
    import tensorflow_transform as tft

    output = tft.TFTransformOutput(fn_args.transform_output)
    spec = output.transformed_feature_spec()

    def batches(patterns: list[str]) -> Any:
        return tf.data.experimental.make_batched_features_dataset(
            patterns, BATCH_SIZE, spec, lambda files: tf.data.TFRecordDataset(files, "GZIP"), label_key=LABEL
        )

    columns = sorted(set(spec) - {LABEL})
    inputs = {name: tf.keras.layers.Input((1,), name=name, dtype=tf.int64) for name in columns}
    hot = [
        tf.keras.layers.CategoryEncoding(output.vocabulary_size_by_name(name) + 1, "one_hot")(inputs[name])
        for name in columns
    ]
    hidden = tf.keras.layers.Dense(64, "relu")(tf.keras.layers.concatenate(hot))
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(1, "sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy")
    model.fit(batches(fn_args.train_files), steps_per_epoch=STEPS, verbose=0)
    model.transform = output.transform_features_layer()
    raw = {name: value for name, value in output.raw_feature_spec().items() if name != LABEL}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: Any) -> Any:
        features = model.transform(tf.io.parse_example(examples, raw))
        return model({name: features[name] for name in columns})

    model.save(fn_args.serving_model_dir, save_format="tf", signatures={"serving_default": serve})


if __name__ == "__main__":
    os.environ.setdefault("HOME", sys.argv[2])
    main(*sys.argv[1:])
