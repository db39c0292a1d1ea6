"""Beam's workers get the library beside the project, unless something else brings it."""

import zipfile
from pathlib import Path

import pytest

from millrace.beam.arguments import beam_arguments
from millrace.beam.package import bringing_library, package_problems, with_library
from millrace.config.loading import load
from millrace.project.wheels import wheel_name

CHECKOUT = Path(__file__).resolve().parents[3]
PACKED = "--setup_file=/project/setup.py"


def test_the_wheel_goes_along_with_a_packed_project(tmp_path):
    *given, added = with_library(["--runner=FlinkRunner", PACKED], tmp_path)
    assert given == ["--runner=FlinkRunner", PACKED]
    assert added == f"--extra_package={tmp_path / wheel_name()}"
    with zipfile.ZipFile(tmp_path / wheel_name()) as wheel:
        assert "millrace/components/example_gen/stages.py" in wheel.namelist()


def test_the_wheel_goes_along_beside_a_package_of_somebody_elses(tmp_path):
    given = [PACKED, "--extra_package=/elsewhere/shapes-1.0.whl"]
    assert with_library(given, tmp_path) == [*given, f"--extra_package={tmp_path / wheel_name()}"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--runner=FlinkRunner"],
        [PACKED, "--sdk_container_image=i@sha256:0"],
        [PACKED, "--extra_package=/elsewhere/millrace-0.2.0-py3-none-any.whl"],
    ],
)
def test_nothing_is_added_where_something_else_brings_it_or_nothing_is_packed(tmp_path, arguments):
    assert with_library(arguments, tmp_path) == arguments
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_a_bucket_for_a_root_makes_the_wheel_on_this_machine(tmp_path):
    (tmp_path / "conf").mkdir()
    conf = tmp_path / "conf" / "taxi.yaml"
    conf.write_text((CHECKOUT / "conf" / "taxi.yaml").read_text())
    place = "beam.dataflow={project: my-project, region: europe-west1, temp_location: gs://bucket/tmp}"
    packed = ["beam.mode=dataflow", place, "root=gs://bucket/runs", f"beam.setup_file={CHECKOUT / 'setup.py'}"]
    config = bringing_library(load(str(conf), packed))
    wheel = tmp_path / "runs" / "taxi" / "beam" / wheel_name()
    assert f"--extra_package={wheel}" in beam_arguments(config) and wheel.is_file()
    unpacked = load(str(conf), packed[:3])
    assert bringing_library(unpacked) is unpacked


@pytest.mark.thorough
@pytest.mark.slow
def test_what_workers_would_install_is_whole_and_what_is_missing_is_reported(tmp_path):
    (tmp_path / "whole").mkdir()
    assert package_problems(str(CHECKOUT / "setup.py"), tmp_path / "whole") == []
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    (lacking / "setup.py").write_text(
        'from setuptools import setup\nPACKAGES = ("models",)\nsetup(name="lacking", packages=[])\n'
    )
    (tmp_path / "scratch").mkdir()
    [problem] = package_problems(str(lacking / "setup.py"), tmp_path / "scratch")
    assert "No module named 'models'" in problem.what
