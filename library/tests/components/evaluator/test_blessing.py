"""The blessing's mark: one verdict alone, whatever an attempt before has left."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from millrace.components.evaluator.blessing import write_blessing


@pytest.mark.parametrize(("blessed", "left"), [(True, ["BLESSED"]), (False, ["NOT_BLESSED"])])
@pytest.mark.parametrize("stale", [[], ["BLESSED"], ["NOT_BLESSED"], ["BLESSED", "NOT_BLESSED"]])
def test_the_mark_of_the_attempt_before_goes(tmp_path: Path, blessed: bool, left: list[str], stale: list[str]) -> None:
    for name in stale:
        (tmp_path / name).write_text("")
    blessing, model = standard_artifacts.ModelBlessing(), standard_artifacts.Model()
    blessing.uri = str(tmp_path)
    model.uri, model.id = "/models/7", 7
    write_blessing(blessing, blessed, "Why.", model, None, {"trial": 1 if blessed else None})
    assert sorted(file.name for file in tmp_path.iterdir()) == left
    assert blessing.get_int_custom_property("blessed") == int(blessed)
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert blessing.has_custom_property("trial") == blessed


def test_what_resolvers_and_the_pusher_read_is_there(tmp_path: Path) -> None:
    blessing, model, baseline = (standard_artifacts.ModelBlessing(), *(standard_artifacts.Model() for _ in "12"))
    blessing.uri, model.uri, model.id, baseline.uri, baseline.id = str(tmp_path), "/models/7", 7, "/models/3", 3
    write_blessing(blessing, True, "x" * 9999, model, baseline, {"current_component_id": "Judge"}, "train on")
    texts = {key: blessing.get_string_custom_property(key) for key in ("component_id", "current_model", "remedy")}
    assert texts == {"component_id": "Judge", "current_model": "/models/7", "remedy": "train on"}
    assert blessing.get_string_custom_property("baseline_model") == "/models/3"
    assert blessing.get_int_custom_property("baseline_model_id") == 3
    assert len(blessing.get_string_custom_property("reason")) == 2000
