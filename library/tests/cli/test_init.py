"""`millrace init` at the command line: what it prints and writes, and what it leaves alone."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris

from millrace.base.errors import BadInput
from millrace.cli.data.init import init

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project's folder, with a table in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "setup.py").write_text('LIBRARY = "millrace>=0.2,<0.3"\n')
    (tmp_path / "conf").mkdir()
    random = np.random.default_rng(0)
    size, colour = random.normal(size=300).round(3), random.choice(["red", "blue"], 300)
    rows = [
        f"{i},{a},{b}, {'>50K' if a + (b == 'red') > 0.5 else '<=50K'}"
        for i, (a, b) in enumerate(zip(size, colour, strict=True))
    ]
    (tmp_path / "people.csv").write_text("\n".join(["id,size,colour,income", *rows]) + "\n")
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(init, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


WRITTEN = {
    "conf/people.yaml",
    "conf/millrace.schema.json",
    "conf/millrace.overlay.schema.json",
    "schema/people/schema.pbtxt",
}


def written(project: Path) -> dict[str, str]:
    files = [*project.glob("conf/*"), *project.glob("schema/*/*")]
    return {str(file.relative_to(project)): file.read_text() for file in files}


def test_it_writes_its_files_and_prints_every_column(project):
    output = run("people.csv", "--label", "income")
    assert set(written(project)) == WRITTEN
    rows = [line.split() for line in output.splitlines()]
    assert ["column", "kind", "missing", "distinct", "decision", "reason"] in rows
    assert ["id", "identifier", "300", "left", "out", "numbers", "its", "rows"] in rows
    assert ["colour", "category", "2", "feature", "2", "different", "values"] in rows
    assert "next: millrace run -c conf/people.yaml" in output


def test_a_second_init_shows_what_would_change_and_writes_nothing(project):
    run("people.csv", "--label", "income")
    conf = project / "conf/people.yaml"
    conf.write_text(conf.read_text().replace("seed: 20", "seed: 21"))
    before = written(project)
    output = run("people.csv", "--label", "income")
    assert "-  seed: 21\n+  seed: 20\n" in output
    assert "conf/people.yaml: 1 line goes, 1 line comes" in output
    assert "nothing was written" in output
    assert written(project) == before
    run("people.csv", "--label", "income", "--force")
    assert "seed: 20" in conf.read_text()
    assert "nothing changes" in run("people.csv", "--label", "income")


def test_without_a_label_it_names_the_columns(project):
    with pytest.raises(BadInput) as caught:
        run("people.csv")
    assert "id, size, colour, income" in caught.value.remedy
    assert not written(project)


@pytest.mark.parametrize(
    ("arguments", "said"), [(("--label", "x"), "no column"), (("--label", "income", "--name", "My Name"), "no name")]
)
def test_a_mistake_writes_nothing(project, arguments, said):
    with pytest.raises(BadInput, match=said):
        run("people.csv", *arguments)
    assert not written(project)


@pytest.mark.parametrize(("name", "near"), [("cancel_date", "cancel-date"), ("My Name", "my-name")])
def test_a_name_that_is_none_is_answered_with_the_one_that_would_do(project, name, near):
    with pytest.raises(BadInput) as refused:
        run("people.csv", "--label", "income", "--name", name)
    assert refused.value.remedy.endswith(f": --name {near}")
    run("people.csv", "--label", "income", "--name", near)


def test_without_data_it_prints_an_example_that_works(project):
    output = run().replace("\\\n", "")
    example = next(line for line in output.splitlines() if "package:" in line)
    run(*example.split()[2:])
    assert "conf/tippers.yaml" in written(project)


def test_a_wide_table_is_summed_up(project):
    random = np.random.default_rng(0)
    values = random.normal(size=(50, 300)).round(3)
    rows = [",".join(map(str, [i, *row, i % 2])) for i, row in enumerate(values)]
    header = ",".join(["id", *(f"x{place}" for place in range(300)), "y"])
    (project / "wide.csv").write_text("\n".join([header, *rows]) + "\n")
    output = run("wide.csv", "--label", "y")
    assert "300 columns" in output
    assert len(output.splitlines()) < 40


def test_the_iris_table_of_scikit_learn(project):
    """Its own CSV file has a header of its own kind: rows, columns and class names, which are taken for names."""
    output = run("package:sklearn/datasets/data/iris.csv", "--label", "virginica", "--name", "iris")
    assert "multiclass" in output
    load_iris(as_frame=True).frame.to_csv("flowers.csv", index=False)
    assert "petal length (cm)" in run("flowers.csv", "--label", "target")


def test_in_no_project_nothing_is_written(project):
    (project / "setup.py").unlink()
    with pytest.raises(BadInput, match="there is no Millrace project here or above") as refused:
        run("people.csv", "--label", "income")
    assert "millrace new NAME" in refused.value.remedy
    assert not written(project)


def test_from_a_folder_of_the_project_it_writes_into_the_project(project, monkeypatch):
    (project / "models").mkdir()
    monkeypatch.chdir(project / "models")
    assert "next: millrace run -c ../conf/people.yaml" in run("../people.csv", "--label", "income")
    assert set(written(project)) == WRITTEN


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b'{"a": 1}', b"a,a\n1,2\n"])
def test_bad_input_ends_with_code_2_and_no_traceback(project, content):
    (project / "bad.csv").write_bytes(content)
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "millrace.cli.main", "init", "bad.csv", "--label", "a"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "remedy:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not written(project)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_table_without_rows_does_not_abort_the_interpreter(project, zipped):
    """Whether it does is a race between Arrow's threads and the interpreter's end: half of all calls lost it."""
    (project / "none.csv").write_bytes(gzip.compress(b"a,b,y\n") if zipped else b"a,b,y\n")
    command = [sys.executable, "-m", "millrace.cli.main", "init", "none.csv", "--label", "y"]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    calls = [
        subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.PIPE, text=True) for _ in "12345"
    ]
    for call in calls:
        _, words = call.communicate()
        assert (call.returncode, "no row" in words) == (2, True), words


def test_tensorflow_is_not_imported(project):
    code = "import sys; from millrace.cli.main import millrace; "
    code += "millrace.main(['init', 'people.csv', '--label', 'income'], standalone_mode=False); "
    code += "print([m for m in sys.modules if m in ('tensorflow', 'tfx', 'apache_beam')])"
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
