"""Transform in the executor's process beside TFX's own executor, on the same examples."""

import json
import logging
import pickle
import random
import shutil
from collections import Counter
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.example_gen import utils
from tfx.components.transform import executor as tfx_executor
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts, standard_component_specs
from tfx.utils import proto_utils

from millrace.components.example_gen import executor as columnar
from millrace.components.example_gen.options import Options, to_custom_config
from millrace.components.transform import in_process, reading
from millrace.components.transform.executor import Executor
from millrace.components.transform.request import SplitFiles

SAMPLES = "preprocessing_samples"
SCHEMA = """
feature { name: "number" type: FLOAT presence { min_fraction: 1 min_count: 1 } shape { dim { size: 1 } } }
feature { name: "whole" type: INT presence { min_count: 1 } }
feature { name: "word" type: BYTES presence { min_count: 1 } }
feature { name: "other" type: BYTES presence { min_count: 1 } }
feature { name: "unread" type: BYTES presence { min_count: 1 } }
"""


def _table(rows: int, seed: int) -> str:
    """Numbers, words with a skewed frequency, and cells without a value."""
    chance = random.Random(seed)
    lines = ["number,whole,word,other,unread"]
    for _ in range(rows):
        word = f"w{int(chance.expovariate(0.4))}" if chance.random() > 0.1 else ""
        whole = str(chance.randrange(9)) if chance.random() > 0.2 else ""
        other = chance.choice(["é", "long words", "x", "y", ""]) + ("!" if chance.random() < 0.02 else "")
        lines.append(f"{chance.gauss(3, 10):.3f},{whole},{word},{other},u")
    return "\n".join(lines) + "\n"


def _examples(folder: Path, text: str) -> standard_artifacts.Examples:
    (folder / "csv").mkdir(parents=True)
    (folder / "csv" / "data.csv").write_text(text, encoding="utf-8")
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder / "artifacts" / "ExampleGen" / "examples" / "1")
    config = utils.make_default_input_config()
    properties = {
        "input_base": str(folder / "csv"),
        "input_config": proto_utils.proto_to_json(config),
        "output_config": proto_utils.proto_to_json(utils.make_default_output_config(config)),
        "output_data_format": 6,
        "custom_config": proto_utils.proto_to_json(to_custom_config(Options(), "")),
    }
    columnar.Executor().Do({}, {"examples": [artifact]}, properties)
    return artifact


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> standard_artifacts.Examples:
    """Some hundred rows with their Arrow sidecar."""
    return _examples(tmp_path_factory.mktemp("examples"), _table(700, 1))


@pytest.fixture(scope="module")
def schema(tmp_path_factory) -> standard_artifacts.Schema:
    """The schema of the rows."""
    artifact = standard_artifacts.Schema()
    artifact.uri = str(tmp_path_factory.mktemp("schema"))
    parsed = text_format.Parse(SCHEMA, schema_pb2.Schema())
    (Path(artifact.uri) / "schema.pbtxt").write_text(text_format.MessageToString(parsed))
    return artifact


def _transform(kind, examples, schema, out: Path, function: str, cache: bool = True, **more) -> Path:
    outputs = {"transform_graph": [standard_artifacts.TransformGraph()]}
    outputs["transformed_examples"] = [standard_artifacts.Examples()]
    if cache:
        outputs["updated_analyzer_cache"] = [standard_artifacts.TransformCache()]
    for key, (artifact,) in outputs.items():
        artifact.uri = str(out / key)
        Path(artifact.uri).mkdir(parents=True)
    properties = {
        standard_component_specs.PREPROCESSING_FN_KEY: f"{SAMPLES}.{function}",
        standard_component_specs.DISABLE_STATISTICS_KEY: 1,
        standard_component_specs.CUSTOM_CONFIG_KEY: "null",
        **more,
    }
    context = BaseBeamExecutor.Context(beam_pipeline_args=[], tmp_dir=str(out / "tmp"), unique_id="1")
    kind(context).Do({"examples": examples, "schema": [schema]}, outputs, properties)
    return out


def _rows(out: Path, split: str) -> list[tuple]:
    """The transformed examples in the order of what is passed on as it is."""
    spec = tft.TFTransformOutput(str(out / "transform_graph")).transformed_feature_spec()
    files = sorted(str(path) for path in out.glob(f"transformed_examples/**/Split-{split}/*"))
    rows = []
    for record in tf.data.TFRecordDataset(files, "GZIP"):
        parsed = tf.io.parse_single_example(record, spec)
        rows.append(_plain(parsed))
    return sorted(rows, key=lambda row: repr([row.get(name) for name in ("pair", "sparse", "number", "doubled")]))


def _same(seen: list[dict], expected: list[dict]) -> None:
    """Equal, but for what the order of a sum changes in single precision."""
    assert len(seen) == len(expected)
    for one, other in zip(seen, expected, strict=True):
        assert one.keys() == other.keys()
        for name, values in one.items():
            sums = bool(values) and isinstance(values[0], float)
            assert values == (pytest.approx(other[name], rel=1e-4, abs=1e-6) if sums else other[name]), name


def _cache(out: Path) -> dict[str, dict[bytes, list[bytes]]]:
    """The cache of analyzers: entries by data set and key."""
    found: dict[str, dict[bytes, list[bytes]]] = {}
    for folder in (out / "updated_analyzer_cache").iterdir():
        manifest = pickle.loads((folder / "MANIFEST").read_bytes())
        found[folder.name] = {
            key: sorted(r.numpy() for r in tf.data.TFRecordDataset(str(folder / f"{place}-00000-of-00001.gz"), "GZIP"))
            for key, place in manifest.items()
        }
    return found


@pytest.fixture(scope="module")
def ours(examples, schema, tmp_path_factory) -> Path:
    """Our outputs."""
    return _transform(Executor, [examples], schema, tmp_path_factory.mktemp("ours"), "many_analyzers")


@pytest.fixture(scope="module")
def both(ours, examples, schema, tmp_path_factory) -> tuple[Path, Path]:
    """TFX's outputs and ours."""
    return _transform(tfx_executor.Executor, [examples], schema, tmp_path_factory.mktemp("tfx"), "many_analyzers"), ours


@pytest.fixture(scope="module")
def raw(examples) -> dict[str, dict[tuple[float, int], dict]]:
    """Of each split the rows by their two numbers, which no two share; what lacks a value has `many_analyzers`' own."""
    spec = {name: tf.io.VarLenFeature(tf.string) for name in ("word", "other")}
    spec |= {"number": tf.io.FixedLenFeature([], tf.float32), "whole": tf.io.VarLenFeature(tf.int64)}
    rows: dict[str, dict[tuple[float, int], dict]] = {"train": {}, "eval": {}}
    for split, by_numbers in rows.items():
        for record in tf.data.TFRecordDataset(sorted(map(str, Path(examples.uri).glob(f"Split-{split}/*.gz"))), "GZIP"):
            parsed = {name: values[0] if values else None for name, values in _raw_values(record, spec).items()}
            whole = -1 if parsed["whole"] is None else parsed["whole"]
            row = {**parsed, "word": parsed["word"] or b"", "other": parsed["other"] or b"", "whole": whole}
            by_numbers[row["number"], whole] = row
    return rows


def _raw_values(record, spec) -> dict[str, list]:
    return _plain(tf.io.parse_single_example(record, spec))


def _ranked(tokens, most=None, least=1) -> dict:
    """The ids that TFT gives: the most frequent first, and of equally frequent ones the larger."""
    counts = Counter(token for token in tokens if token not in (b"", "")).items()
    order = sorted(((count, token) for token, count in counts if count >= least), reverse=True)[:most]
    return {token: place for place, (_, token) in enumerate(order)}


@pytest.mark.parametrize("split", ["train", "eval"])
def test_what_is_learned_from_the_train_split_is_applied_to_each(ours, raw, split):
    """Beside plain arithmetic."""
    train = list(raw["train"].values())
    numbers, wholes = (np.array([row[name] for row in train], np.float64) for name in ("number", "whole"))
    words = _ranked((row["word"] for row in train), 5)
    others = _ranked((row["other"] for row in train), least=3)
    letters = _ranked(letter for row in train for letter in row["other"].decode())
    most = _ranked((str(row["whole"]).encode() for row in train), 4)
    seen = _ranked(str(row["whole"]).encode() for row in train)
    lines = _ranked(row["word"] for row in train if row["number"] <= 5)
    table = {b"x": 1.0, b"y": 2.0}
    rows = _rows(ours, split)
    assert len(rows) == len(raw[split]) > 200
    for row in rows:
        before = raw[split][tuple(row["pair"])]
        number, word, other, whole = (before[name] for name in ("number", "word", "other", "whole"))
        assert row["pair"] == [number, whole] and row["sparse"] == ([other] if other else [])
        assert row["zscore"] == pytest.approx([(number - numbers.mean()) / numbers.std()], rel=1e-3, abs=1e-4)
        share = (number - numbers.min()) / (numbers.max() - numbers.min())
        assert row["in_range"] == pytest.approx([share], rel=1e-3, abs=1e-5)
        assert row["total"] == [wholes.sum()]
        assert row["together"] == pytest.approx([np.cov(numbers, wholes, bias=True)[0, 1]], rel=1e-3, abs=1e-3)
        assert row["looked_up"] == pytest.approx([(table.get(other, -1.0) + 1) / 3])
        assert row["letters"] == [letter.encode() for letter in other.decode()]
        assert row["letter_ids"] == [letters.get(letter, -1) for letter in other.decode()]
        assert row["other_id"] == [others.get(other, -9)]
        assert row["most"] == [most.get(str(whole).encode(), -1)] and row["whole_id"] == [seen[str(whole).encode()]]
        assert row["word_id"] == [words[word]] if word in words else row["word_id"][0] in (5, 6)
        assert row["line_id"] == [lines.get(word, -1) if number <= 5 else -1]
        assert row["never"] == [-1]
    buckets = Counter(row["bucket"][0] for row in rows)
    assert set(buckets) == set(range(7)) and max(buckets.values()) < 2 * min(buckets.values())


def test_the_graph_is_what_tft_reads(ours, raw):
    """Schemas, vocabularies under the names that the function gave them, and a SavedModel for rows never seen."""
    output = tft.TFTransformOutput(str(ours / "transform_graph"))
    assert set(output.raw_feature_spec()) == {"number", "whole", "word", "other", "unread"}
    assert {"zscore", "word_id", "letters"} <= set(output.transformed_feature_spec())
    train = list(raw["train"].values())
    words = list(_ranked((row["word"] for row in train), 5))
    assert output.vocabulary_by_name("words") == words
    counts = Counter(row["whole"] for row in train)
    lines = [
        b"%d %d" % (counts[int(value)], int(value))
        for value in _ranked((str(n).encode() for n in counts.elements()), 4)
    ]
    assert output.vocabulary_by_name("most") == lines
    assert output.vocabulary_size_by_name("never") == 1
    one = {
        "number": tf.constant([[4.5]]),
        **{
            name: tf.SparseTensor([[0, 0]], tf.stack([value]), [1, 1])
            for name, value in (("whole", tf.constant(3, tf.int64)), ("word", words[1]), ("other", "x"), ("unread", ""))
        },
    }
    made = _plain(output.transform_raw_features(one))
    assert (made["word_id"], made["looked_up"]) == ([1], pytest.approx([2 / 3]))
    assert not (ours / "transform_graph" / "transform_fn" / ".tft_metadata").exists()


def test_the_cache_has_an_entry_of_each_analyzer_and_the_size_of_the_data(ours):
    [folder] = (ours / "updated_analyzer_cache").iterdir()
    manifest = pickle.loads((folder / "MANIFEST").read_bytes())
    assert sorted(manifest.values()) == list(range(len(manifest))) and len(manifest) > 10
    entries = _cache(ours)[folder.name]
    assert all(len(records) == 1 for key, records in entries.items() if b"Vocabulary" not in key)
    [size] = tf.data.TFRecordDataset(str(folder / "METADATA-00000-of-00001"))
    assert 10_000 < pickle.loads(size.numpy())["dataset_size"] < 100_000


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "eval"])
def test_the_examples_are_the_same(both, split):
    expected, seen = (_rows(out, split) for out in both)
    assert len(seen) > 200
    _same(seen, expected)


@pytest.mark.slow
def test_the_graph_is_the_same(both):
    """Schemas, vocabularies and the names of files; and the SavedModel gives the same for a row that was never seen."""
    expected, seen = (out / "transform_graph" for out in both)
    names = [sorted(str(p.relative_to(base)) for p in base.rglob("*")) for base in (expected, seen)]
    assert names[1] == names[0]
    texts = [n for n in names[0] if n.endswith(("pbtxt", "asset_map")) or ("assets/" in n)]
    assert len(texts) >= 6
    for name in texts:
        assert (seen / name).read_bytes() == (expected / name).read_bytes(), name
    raw = {
        "number": tf.constant([[4.5]]),
        **{
            name: tf.SparseTensor([[0, 0]], tf.stack([value]), [1, 1])
            for name, value in (("whole", tf.constant(3, tf.int64)), ("word", "new"), ("other", "x"), ("unread", ""))
        },
    }
    one, two = (tft.TFTransformOutput(str(base)).transform_raw_features(dict(raw)) for base in (expected, seen))
    _same([_plain(two)], [_plain(one)])


def _plain(tensors: dict) -> dict[str, list]:
    dense = {name: getattr(t, "flat_values", getattr(t, "values", t)) for name, t in tensors.items()}
    return {name: np.ravel(tensor.numpy()).tolist() for name, tensor in dense.items()}


@pytest.mark.slow
def test_the_cache_of_analyzers_is_the_same(both):
    expected, seen = (_cache(out) for out in both)
    assert seen.keys() == expected.keys()
    for dataset, entries in expected.items():
        assert seen[dataset].keys() == entries.keys()
        for key, records in entries.items():
            for one, other in zip(seen[dataset][key], records, strict=True):
                numbers = _numbers(other)
                assert _numbers(one) == (other if numbers is other else pytest.approx(numbers, rel=1e-4)), key


def _numbers(record: bytes):
    """A record of sums as numbers, any other as it is."""
    try:
        return [float(number) for number in tf.nest.flatten(json.loads(record))]
    except (ValueError, TypeError):
        return record


@pytest.mark.thorough
@pytest.mark.slow
def test_tfx_reads_our_cache(both, examples, schema, tmp_path, caplog):
    cache = standard_artifacts.TransformCache()
    cache.uri = str(both[1] / "updated_analyzer_cache")
    out = tmp_path / "again"
    inputs = {"examples": [examples], "schema": [schema], "analyzer_cache": [cache]}
    outputs = {"transform_graph": [standard_artifacts.TransformGraph()]}
    outputs["transformed_examples"] = [standard_artifacts.Examples()]
    for key, (artifact,) in outputs.items():
        artifact.uri = str(out / key)
        Path(artifact.uri).mkdir(parents=True)
    context = BaseBeamExecutor.Context(beam_pipeline_args=[], tmp_dir=str(tmp_path / "tmp"), unique_id="1")
    properties = {"preprocessing_fn": f"{SAMPLES}.many_analyzers", "disable_statistics": 1, "custom_config": "null"}
    with caplog.at_level(logging.INFO):
        Executor(context).Do(inputs, outputs, properties)
    assert "goes through Beam: there is a cache of analyzers to read" in caplog.text
    _same(_rows(out, "eval"), _rows(both[1], "eval"))


def test_without_a_sidecar_the_records_are_read(both_ways, tmp_path):
    examples, schema, expected = both_ways
    bare = standard_artifacts.Examples()
    bare.uri, bare.split_names = str(tmp_path / "bare"), examples.split_names
    shutil.copytree(examples.uri, bare.uri, ignore=shutil.ignore_patterns(".arrow"))
    seen = _transform(Executor, [bare], schema, tmp_path / "out", "no_analyzers")
    _same(_rows(seen, "train"), _rows(expected, "train"))


@pytest.fixture
def both_ways(examples, schema, tmp_path):
    """The examples, their schema, and what becomes of them where a sidecar is read."""
    return examples, schema, _transform(Executor, [examples], schema, tmp_path / "with", "no_analyzers", cache=False)


def test_small_batches_give_the_same(both_ways, tmp_path, monkeypatch):
    examples, schema, expected = both_ways
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 7)
    seen = _transform(Executor, [examples], schema, tmp_path / "out", "no_analyzers", cache=False)
    _same(_rows(seen, "train"), _rows(expected, "train"))
    assert len(_rows(seen, "train")) > 200


@pytest.mark.parametrize(("rows", "size", "largest"), [(7, 1 << 30, 7), (8192, 1, 1), (8192, 1 << 30, 8192)])
def test_batches_are_bounded_in_rows_and_in_bytes(examples, raw, monkeypatch, rows, size, largest):
    """A row is never cut, however large it is."""
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", rows)
    monkeypatch.setattr(reading, "BYTES_AT_ONCE", size)
    source = SplitFiles(examples, "train", f"{examples.uri}/Split-train/*")
    parsed = text_format.Parse(SCHEMA, schema_pb2.Schema())
    sizes = [batch.num_rows for batch in reading.batches(source, reading.tfxio_of(source, parsed), ["number", "word"])]
    assert sum(sizes) == len(raw["train"]) and min(sizes) >= 1
    assert max(sizes) == min(largest, len(raw["train"]))


def test_several_spans_are_analyzed_together(examples, schema, tmp_path):
    """Each artifact gets transformed examples of its own and an entry of its own in the cache."""
    other = _examples(tmp_path / "other", _table(300, 2))
    out = _transform(Executor, [examples, other], schema, tmp_path / "out", "many_analyzers")
    spans = sorted(path.name for path in (out / "transformed_examples").iterdir())
    assert len(spans) == 2 and len(_cache(out)) == 2
    rows = _rows(out, "train") + _rows(out, "eval")
    assert len(rows) == 1000
    zscores = [row["zscore"][0] for row in _rows(out, "train")]
    assert np.mean(zscores) == pytest.approx(0, abs=1e-4) and np.std(zscores) == pytest.approx(1, abs=1e-4)


def test_a_second_phase_builds_on_the_first(examples, schema, tmp_path):
    """Beside numpy: TFT's own way to a second phase fails on the Beam of the compatible stack."""
    out = _transform(Executor, [examples], schema, tmp_path / "out", "two_phases")
    in_range, number = ([row[name][0] for row in _rows(out, "train")] for name in ("in_range", "number"))
    distance = np.abs(np.array(number) - np.mean(number))
    assert len(number) > 200
    expected = (distance - distance.min()) / (distance.max() - distance.min())
    np.testing.assert_allclose(in_range, expected, atol=1e-4)


@pytest.mark.slow
def test_what_beam_alone_can_do_goes_through_beam(examples, schema, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        out = _transform(Executor, [examples], schema, tmp_path / "out", "of_keys")
    assert "Transform goes through Beam: the analysis has a CacheableCombinePerKeyAccumulate" in caplog.text
    assert len(_rows(out, "eval")) > 100
    assert not list(out.rglob(".temp_path"))


@pytest.fixture
def asked(monkeypatch) -> list[list[str]]:
    """The Beam options of what TFX's executor is asked for."""
    found: list[list[str]] = []
    monkeypatch.setattr(tfx_executor.Executor, "Do", lambda self, *_: found.append(self._beam_pipeline_args))
    return found


def test_a_remote_runner_is_not_replaced(examples, schema, monkeypatch, asked):
    monkeypatch.setattr(in_process, "run", lambda *_: pytest.fail("not on this machine"))
    outputs = {"transform_graph": [standard_artifacts.TransformGraph()]}
    outputs["transformed_examples"] = [standard_artifacts.Examples()]
    arguments = ["--runner=DataflowRunner", "--sdk_container_image=elsewhere"]
    context = BaseBeamExecutor.Context(beam_pipeline_args=arguments, tmp_dir="", unique_id="1")
    properties = {"preprocessing_fn": f"{SAMPLES}.no_analyzers", "disable_statistics": 1}
    Executor(context).Do({"examples": [examples], "schema": [schema]}, outputs, properties)
    assert [given[:2] for given in asked] == [["--runner=DataflowRunner", "--sdk_container_image=elsewhere"]]


def test_a_pipeline_that_is_given_is_used(examples, schema, monkeypatch, asked):
    monkeypatch.setattr(in_process, "run", lambda *_: pytest.fail("not in this process"))
    outputs = {"transform_graph": [standard_artifacts.TransformGraph()]}
    outputs["transformed_examples"] = [standard_artifacts.Examples()]
    context = BaseBeamExecutor.Context(make_beam_pipeline_fn=beam.Pipeline, tmp_dir="", unique_id="1")
    properties = {"preprocessing_fn": f"{SAMPLES}.no_analyzers", "disable_statistics": 1}
    Executor(context).Do({"examples": [examples], "schema": [schema]}, outputs, properties)
    assert len(asked) == 1


def test_outputs_that_need_no_column_are_for_beam(examples, schema, tmp_path, asked):
    """Without a column a batch of Arrow rows has no length."""
    out = _transform(Executor, [examples], schema, tmp_path / "out", "no_columns")
    assert len(asked) == 1 and not [path for path in out.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("weighted", "a vocabulary is ordered by"),
        ("informative", "a vocabulary is ordered by"),
        ("in_records", "no text file"),
    ],
)
def test_a_vocabulary_of_another_kind_is_for_beam(examples, schema, tmp_path, asked, caplog, function, why):
    """Counted by frequency it would be another one."""
    with caplog.at_level(logging.INFO):
        _transform(Executor, [examples], schema, tmp_path / "out", function)
    assert len(asked) == 1
    assert "Transform goes through Beam: " in caplog.text
    assert why in caplog.text


@pytest.mark.parametrize(
    ("properties", "cache", "why"),
    [
        ({"disable_statistics": 0}, True, "statistics are wanted"),
        ({"module_file": "features.py", "preprocessing_fn": None}, True, "in a module file"),
        ({"module_path": "features@wheel", "preprocessing_fn": None}, True, "in a module file"),
        ({"force_tf_compat_v1": 1}, True, "TensorFlow 1"),
    ],
)
def test_what_is_asked_for_otherwise_is_for_beam(examples, schema, tmp_path, asked, caplog, properties, cache, why):
    with caplog.at_level(logging.INFO):
        _transform(Executor, [examples], schema, tmp_path / "out", "no_analyzers", cache=cache, **properties)
    assert len(asked) == 1
    assert why in caplog.text


def test_a_check_of_a_column_that_nothing_else_reads_holds(schema, tmp_path):
    examples = _examples(tmp_path / "large", _table(60, 3) + "1,9,w,x,u\n" * 40)
    with pytest.raises(ValueError, match=r"(?s)fails on the row.*whole=\[9\]"):
        _transform(Executor, [examples], schema, tmp_path / "out", "refuses_another")


def test_a_row_that_fails_is_reported(schema, tmp_path):
    examples = _examples(tmp_path / "large", _table(60, 3) + "2000000,1,w,x,u\n" * 40)
    with pytest.raises(ValueError, match=r"(?s)fails on the row number=\[2000000.0\]: .*number is too large"):
        _transform(Executor, [examples], schema, tmp_path / "out", "refuses")
    assert len(list((tmp_path / "out" / "transformed_examples").rglob("*.gz"))) < 2


def test_a_check_that_no_output_waits_for_holds_while_analyzing(schema, tmp_path):
    """TFX runs all of the function on what it analyzes, also where nothing of it is transformed."""
    examples = _examples(tmp_path / "large", _table(60, 3) + "2000000,1,w,x,u\n" * 40)
    splits = json.dumps({"analyze": ["train", "eval"], "transform": []})
    with pytest.raises(ValueError, match=r"(?s)fails on the row number=\[2000000.0\].*number is too large"):
        _transform(Executor, [examples], schema, tmp_path / "out", "refuses_aside", splits_config=splits)
    assert not (tmp_path / "out" / "transform_graph" / "transform_fn").exists()


def test_a_column_of_another_type_is_refused(examples, tmp_path):
    wrong = standard_artifacts.Schema()
    wrong.uri = str(tmp_path / "schema")
    Path(wrong.uri).mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text('feature { name: "number" type: INT presence { min_count: 1 } }')
    with pytest.raises(RuntimeError, match=r"wrong type.*number"):
        _transform(Executor, [examples], wrong, tmp_path / "out", "passes_on")


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("payload_format", "FORMAT_PROTO", "the examples are not tf.Examples in TFRecords"),
        ("file_format", "tfrecord_plain", "the examples are not tf.Examples in TFRecords"),
        ("custom_split_pattern", '{"train": "a-*"}', "the splits have file patterns of their own"),
    ],
)
def test_examples_of_another_sort_are_for_beam(key, value, why, examples, schema, tmp_path, asked, caplog):
    other = standard_artifacts.Examples()
    other.uri, other.split_names = examples.uri, examples.split_names
    other.set_string_custom_property(key, value)
    with caplog.at_level(logging.INFO):
        _transform(Executor, [other], schema, tmp_path / "out", "no_analyzers")
    assert f"Transform goes through Beam: {why}" in caplog.text and len(asked) == 1
