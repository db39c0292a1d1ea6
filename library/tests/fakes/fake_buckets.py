"""Buckets as folders of this machine, for what reads and writes `gs://` by TFX's file systems.

What opens a `gs://` file by TensorFlow itself (`tf.data`, `tf.saved_model`) does not come by here and would ask the
network: the library hands TensorFlow local files alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.io import filesystem_registry
from tfx.dsl.io.filesystem import Filesystem
from tfx.dsl.io.plugins.local import LocalFilesystem

_SCHEME = "gs://"
_OF_A_PATH = ("copy", "exists", "isdir", "listdir", "makedirs", "mkdir", "remove", "rename", "rmtree", "stat")


@pytest.fixture
def buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds a folder for each bucket."""
    folder = tmp_path / "buckets"
    folder.mkdir()

    def here(path: Any) -> Any:
        return str(folder / path.removeprefix(_SCHEME)) if str(path).startswith(_SCHEME) else path

    def there(path: str) -> str:
        return _SCHEME + str(Path(path).relative_to(folder))

    def delegating(name: str) -> Callable[..., Any]:
        def call(*paths: Any, **named: Any) -> Any:
            return getattr(LocalFilesystem, name)(*map(here, paths), **named)

        return call

    def open_file(path: str, mode: str = "r") -> Any:
        # A bucket has no folders that must be there first.
        Path(here(path)).parent.mkdir(parents=True, exist_ok=True)
        return LocalFilesystem.open(here(path), mode)

    def walk(top: str, **named: Any) -> Any:
        return [(there(path), names, files) for path, names, files in LocalFilesystem.walk(here(top), **named)]

    methods: dict[str, Callable[..., Any]] = {
        **{name: delegating(name) for name in _OF_A_PATH},
        "open": open_file,
        "glob": lambda pattern: [there(path) for path in LocalFilesystem.glob(here(pattern))],
        "walk": walk,
    }
    members = {name: staticmethod(method) for name, method in methods.items()}
    in_buckets = type("Buckets", (Filesystem,), {"SUPPORTED_SCHEMES": [_SCHEME], **members})
    known = filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY
    monkeypatch.setitem(known._preferred_filesystem_by_scheme, _SCHEME, in_buckets)
    monkeypatch.setitem(known._filesystem_priority, in_buckets, 0)
    return folder
