"""Which parts of a stage's cache key differ from those of its execution before, as ML Metadata recorded both."""

import json

import pytest
from recorded_runs import RecordedRuns

from millrace.metadata.staleness import InputChange, input_changes


@pytest.fixture
def changed(tmp_path):
    """The changes between two executions of a stage, by their inputs and parameters."""
    recorded = RecordedRuns(tmp_path)

    def of(before, after, inputs=({}, {})):
        numbers = []
        for given, artifacts in zip((before, after), inputs, strict=True):
            recorded.stage("run", "Stage", artifacts, {}, **given)
            numbers.append(max(execution.id for execution in recorded.store.get_executions()))
        return input_changes(recorded.store, {"Stage": tuple(numbers)})["Stage"]

    of.recorded = recorded
    return of


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"steps": 1}, {"steps": 1}, []),
        ({"steps": 1}, {"steps": 2}, [("parameter", "steps: 1 -> 2")]),
        ({}, {"steps": 2}, [("parameter", "steps: nothing -> 2")]),
        ({"steps": 2}, {}, [("parameter", "steps: 2 -> nothing")]),
        ({"code_digest": "a"}, {"code_digest": "b"}, [("code", "the code behind it changed")]),
        ({"schema_text": "a"}, {"schema_text": "b"}, [("schema", "the schema changed")]),
        ({"input_fingerprint": "a"}, {"input_fingerprint": "b"}, [("data", "the files changed")]),
        # The driver has put the span into the pattern, which says the same again.
        ({"span": 1, "input_config": "1/*"}, {"span": 2, "input_config": "2/*"}, [("data", "span: 1 -> 2")]),
        ({"input_config": "1/*"}, {"input_config": "2/*"}, [("parameter", "input_config: 1/* -> 2/*")]),
        ({"text": "a" * 120}, {"text": "b" * 121}, [("parameter", f"text: {'a' * 120} -> {'b' * 120}...")]),
        ({"text": "a" * 121}, {}, [("parameter", f"text: {'a' * 120}... -> nothing")]),
        ({"text": "a\nb"}, {"text": "c\nd"}, [("parameter", "text: a... -> c...")]),
        ({"text": "a\nb"}, {"text": "a\nd"}, [("parameter", "text: changed")]),
        # What is noted when a stage has ended is not of its key.
        ({"failure": "a"}, {"failure": "b"}, []),
        ({"z": 1, "code_digest": "a", "span": 1}, {"z": 2, "code_digest": "b", "span": 2},
         [("data", "span: 1 -> 2"), ("code", "the code behind it changed"), ("parameter", "z: 1 -> 2")]),
        ({"z": 1, "b": 1, "a": 1}, {"a": 2, "z": 2, "b": 2},
         [("parameter", "a: 1 -> 2"), ("parameter", "b: 1 -> 2"), ("parameter", "z: 1 -> 2")]),
    ],
)  # fmt: skip
def test_a_parameter_that_differs_is_told_as_what_it_is(changed, before, after, told):
    assert [(one.kind, one.words) for one in changed(before, after)] == told


def test_a_text_that_holds_json_is_compared_by_its_values(changed):
    def packed(steps, digest):
        values = {"columnar_example_gen": json.dumps({"steps": steps, "code_digest": digest})}
        return {"custom_config": json.dumps({"custom_config": {"@type": "t", "value": values}})}

    [one] = changed(packed(1, "a"), packed(2, "a"))
    assert (one.kind, one.name, one.before, one.after) == ("parameter", "steps", "1", "2")
    assert [one.kind for one in changed(packed(1, "a"), packed(1, "b"))] == ["code"]
    assert changed({"text": "{no json"}, {"text": "{no json"}) == ()


def test_an_input_that_is_another_artifact_is_told_with_its_maker(changed):
    made = [changed.recorded.stage("run", "Trainer", {}, {"model": "Model"})["model"] for _ in range(2)]
    [one] = changed({}, {}, [{"model": [artifact]} for artifact in made])
    assert (one.kind, one.name, one.words) == ("input", "model", "model is another one, of Trainer")
    assert changed({}, {}, [{"model": made[:1]}, {"model": made[:1]}]) == ()
    [more] = changed({}, {}, [{"model": made[:1]}, {"model": made}])
    assert more.before and more.after.count("Trainer/model/") == 2
    [new] = changed({}, {}, [{}, {"model": made[:1]}])
    assert new.before == "" and new.words == "model is another one, of Trainer"
    assert InputChange("input", "model", "a/b/1", "").words == "model is another one"


def test_what_was_made_again_as_it_was_is_told_as_that(changed):
    first, second, other = (
        changed.recorded.note(changed.recorded.stage("run", "E", {}, {"x": "Examples"})["x"], files="[]", digest=digest)
        for digest in ("ab", "ab", "cd")
    )
    [again] = changed({}, {}, [{"x": [first]}, {"x": [second]}])
    assert (again.as_it_was, again.words) == (True, "E made x again, as it was"), "the cache took it for another"
    [another] = changed({}, {}, [{"x": [first]}, {"x": [other]}])
    assert (another.as_it_was, another.words) == (False, "x is another one, of E")
    in_its_place = changed.recorded.note(second, replaces=str(first.id))
    assert changed({}, {}, [{"x": [first]}, {"x": [in_its_place]}]) == (), "it counts as the one that lacked something"
    said = changed.recorded.note(other, digest="ab", current_model_id=7)
    assert not changed({}, {}, [{"x": [first]}, {"x": [said]}])[0].as_it_was, "of another model"


def test_without_two_executions_there_is_nothing_to_compare(tmp_path):
    assert input_changes(RecordedRuns(tmp_path).store, {}) == {}
