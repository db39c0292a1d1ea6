"""The statistics that a blessing keeps, and which blessing DataGate is given."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def statistics(tmp_path):
    """Makes an ExampleStatistics of two splits, with the given number of rows in train."""
    from tensorflow_metadata.proto.v0 import statistics_pb2
    from tfx.types import artifact_utils, standard_artifacts

    def make(name, rows):
        artifact = standard_artifacts.ExampleStatistics()
        artifact.uri = str(tmp_path / name)
        artifact.split_names = artifact_utils.encode_split_names(["train", "eval"])
        for split, count in (("train", rows), ("eval", 5)):
            proto = statistics_pb2.DatasetFeatureStatisticsList(datasets=[{"num_examples": count}])
            folder = tmp_path / name / f"Split-{split}"
            folder.mkdir(parents=True)
            (folder / "FeatureStats.pb").write_bytes(proto.SerializeToString())
        return artifact

    return make


@pytest.fixture
def blessing(tmp_path):
    """Makes a blessing of some data; of none for one of a release that kept no statistics."""
    from tfx.types import standard_artifacts

    from millrace.components.blessed_data.statistics import keep

    def make(number, of=None, blessed=1):
        artifact = standard_artifacts.ModelBlessing()
        artifact.id, artifact.uri = number, str(tmp_path / f"blessing-{number}")
        Path(artifact.uri).mkdir()
        artifact.set_int_custom_property("blessed", blessed)
        if of is not None:
            keep(artifact, of)
        return artifact

    return make


def resolved(blessings, statistics):
    from millrace.components.blessed_data.strategy import BlessedDataStrategy

    inputs = {"model_blessing": list(blessings), "statistics": [statistics]}
    result = BlessedDataStrategy().resolve_artifacts(None, inputs)
    assert result["statistics"] == [statistics]
    return [one.id for one in result["model_blessing"]]


def test_a_blessing_keeps_what_its_data_was(statistics, blessing):
    from millrace.components.blessed_data.statistics import kept

    splits = kept(blessing(1, statistics("a", 10)))
    assert {name: int(one.datasets[0].num_examples) for name, one in splits.items()} == {"train": 10, "eval": 5}
    assert kept(blessing(2)) == {}


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"\x0a\xff cut")])
def test_statistics_of_which_a_split_is_damaged_are_none(statistics, blessing, damage):
    from millrace.components.blessed_data.statistics import kept

    whole = blessing(1, statistics("a", 10))
    damage(Path(whole.uri) / "data_statistics" / "Split-eval" / "FeatureStats.pb")
    assert kept(whole) == {}


def test_the_latest_blessed_data_is_found_and_never_the_same_data(statistics, blessing):
    """The same data may lie elsewhere: a rehearsal has computed it anew, or the project was moved."""
    old, new, again = statistics("old", 10), statistics("new", 20), statistics("again", 20)
    third = statistics("third", 30)
    blessings = [blessing(3, new), blessing(1, old), blessing(4, third, blessed=0), blessing(5)]
    assert resolved(blessings, third) == [3]
    assert resolved(blessings, again) == [1]
    assert resolved(blessings[1:], statistics("the same", 10)) == []
    assert resolved([], third) == []


@pytest.mark.parametrize("mark", ["trial", "rehearsed"])
def test_the_data_of_a_trial_or_a_rehearsal_is_not_compared_with(statistics, blessing, mark):
    settled, tried = blessing(1, statistics("old", 10)), blessing(2, statistics("tried", 20))
    tried.set_int_custom_property(mark, 1)
    assert resolved([settled, tried], statistics("new", 30)) == [1]


def test_a_blessing_that_was_deleted_leaves_the_data_that_was_blessed_before_it(statistics, blessing):
    """It was still found and held nothing, so that nothing was compared, and a flipped label passed."""
    earlier, newer = blessing(1, statistics("old", 10)), blessing(2, statistics("newer", 20))
    assert resolved([earlier, newer], statistics("new", 30)) == [2]
    shutil.rmtree(newer.uri)
    assert resolved([earlier, newer], statistics("newest", 40)) == [1]
    shutil.rmtree(earlier.uri)
    assert resolved([earlier, newer], statistics("last", 50)) == []
