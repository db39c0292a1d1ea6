"""What of a text is a place, for a stage's identity: the root and the project, and no folder whose name goes on."""

from pathlib import Path

from millrace.execution.cache import CacheLook


def test_the_root_and_the_project_have_names():
    look = CacheLook("/home/me/shop/runs/taxi", Path("/home/me/shop"))
    assert look.without_places("/home/me/shop/runs/taxi/artifacts/1") == "{root}/artifacts/1"
    assert look.without_places('{"base": "/home/me/shop/data"}') == '{"base": "{project}/data"}'
    assert look.without_places("/home/me/shop") == "{project}"


def test_a_folder_that_begins_with_the_same_letters_is_another():
    look = CacheLook("/home/me/shop/runs/taxi", Path("/home/me/shop"))
    for other in ("/home/me/shop2/data", "/home/me/shop-old", "/home/me/shop.bak/x"):
        assert look.without_places(other) == other


def test_no_project_and_the_root_of_the_file_system_have_none():
    assert CacheLook("/", None).without_places("/data/x") == "/data/x"
