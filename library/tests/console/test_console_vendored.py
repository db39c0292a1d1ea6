"""The vendored scripts are the ones that were fetched, their licences are beside them, and the wheel has all of it."""

import hashlib
import json
import zipfile
from pathlib import Path

from millrace.console.render import FOLDER
from millrace.project import wheels

VENDOR = FOLDER / "static/vendor"


def test_every_script_is_listed_with_its_version_licence_and_checksum():
    listed = json.loads((VENDOR / "vendored.json").read_text())
    assert set(listed) == {path.name for path in VENDOR.glob("*.js")}
    for name, said in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == said["sha256"]
        assert said["version"] and said["licence"] and (VENDOR / f"{name}.LICENSE").stat().st_size


def test_no_page_and_no_style_asks_another_host():
    own = [path for path in FOLDER.rglob("*") if path.suffix in (".html", ".css", ".js") and VENDOR not in path.parents]
    assert len(own) > 5
    for path in own:
        text = path.read_text()
        assert "//" not in text.replace("// ", "").replace("http://www.w3.org/", ""), path
        assert " style=" not in text and "onclick" not in text and "<script>" not in text, path


def test_the_wheel_has_templates_styles_and_scripts(tmp_path: Path):
    with zipfile.ZipFile(wheels.library_wheel(tmp_path)) as wheel:
        held = set(wheel.namelist())
    needed = {
        path.relative_to(FOLDER).as_posix() for name in ("static", "templates") for path in (FOLDER / name).rglob("*")
    }
    files = {f"millrace/console/{name}" for name in needed if (FOLDER / name).is_file()}
    assert len(files) > 12 and files <= held
