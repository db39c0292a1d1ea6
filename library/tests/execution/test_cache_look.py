"""What of a text is a place, for a stage's identity: the root and the project, and no folder whose name goes on."""

from pathlib import Path

from millrace.execution import cache
from millrace.execution.cache import CacheLook, looking_at_cache


def test_the_root_and_the_project_have_names():
    look = CacheLook("/home/me/shop/runs/taxi", Path("/home/me/shop"))
    assert look.without_places("/home/me/shop/runs/taxi/artifacts/1") == "{root}/artifacts/1"
    assert look.without_places('{"base": "/home/me/shop/data"}') == '{"base": "{project}/data"}'
    assert look.without_places("/home/me/shop") == "{project}"


def test_what_lies_in_the_project_is_the_same_place_from_a_worktree_of_it():
    """All was computed again: the repetition's data lay beside its worktree, and not within."""
    root, project = "/home/me/shop/runs/taxi", Path("/home/me/shop")
    here, there = CacheLook(root, project), CacheLook(root, Path(f"{root}/repeats/1"), project)
    assert here.without_places("/home/me/shop/data/trips") == there.without_places("/home/me/shop/data/trips")
    assert there.without_places(f"{root}/repeats/1/models/trainer.py") == "{project}/models/trainer.py"
    assert there.without_places(f"{root}/artifacts/1") == "{root}/artifacts/1"


def test_a_folder_that_begins_with_the_same_letters_is_another():
    look = CacheLook("/home/me/shop/runs/taxi", Path("/home/me/shop"))
    for other in ("/home/me/shop2/data", "/home/me/shop-old", "/home/me/shop.bak/x"):
        assert look.without_places(other) == other


def test_no_project_and_the_root_of_the_file_system_have_none():
    assert CacheLook("/", None).without_places("/data/x") == "/data/x"


def test_a_launch_that_nobody_looks_at_is_served_what_tfx_itself_serves(monkeypatch):
    """TFX's launcher is one for all of a process: a notebook's context launches stages by it, too."""
    asked = []

    def answers(name):
        def answer(**given):
            asked.append((name, given))
            return f"TFX's {name}"

        return answer

    for name in ("get_cached_outputs", "get_cache_context"):
        monkeypatch.setattr(cache.cache_utils, name, answers(name))
    assert cache._get_cached_outputs("handle", "context") == "TFX's get_cached_outputs"
    parameters = {"place": "/home/me/shop/runs/taxi"}
    assert cache._get_cache_context("handle", "node", "info", parameters=parameters) == "TFX's get_cache_context"
    assert asked[0] == ("get_cached_outputs", {"metadata_handle": "handle", "cache_context": "context"})
    assert asked[1][1]["parameters"] == parameters
    with looking_at_cache("/home/me/shop/runs/taxi", None):
        cache._get_cache_context(
            "handle", "node", "info", parameters={**parameters, "module_file": parameters["place"]}
        )
    assert asked[2][1]["parameters"] == {"place": "{root}", "module_file": parameters["place"]}
    cache._get_cache_context("handle", "node", "info", parameters=parameters)
    assert asked[3][1]["parameters"] == parameters, "the look ends with its block"
