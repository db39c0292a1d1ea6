"""Bad input: a clear message, the right exit code, no traceback, and nothing lost."""

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.slow

IN_A_MOUNT_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
CAN_MOUNT = (
    bool(shutil.which("unshare"))
    and subprocess.run([*IN_A_MOUNT_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
)


def refused(finished, code, *words):
    assert finished.code == code, finished.output
    assert "Traceback" not in finished.output
    for word in (*words, "remedy:"):
        assert word in finished.output, f"{word!r} is not in:\n{finished.output}"


@pytest.fixture(scope="module")
def whole_data(project):
    return (project.data / "trips.csv").read_text()


@pytest.fixture
def trips(project, whole_data):
    """The data file, put back after the test."""
    yield project.data / "trips.csv"
    for file in project.data.iterdir():
        file.unlink()
    (project.data / "trips.csv").write_text(whole_data)


def column(rows, name):
    return rows[0].split(",").index(name)


def with_column(text, name, value):
    """The table with a value in every row of a column; a function is given the row's number."""
    rows = text.splitlines()
    at = column(rows, name)
    changed = []
    for number, row in enumerate(rows[1:], 1):
        cells = row.split(",")
        cells[at] = value(number, cells[at]) if callable(value) else value
        changed.append(",".join(cells))
    return "\n".join([rows[0], *changed]) + "\n"


def test_no_data_file(project, trips):
    trips.unlink()
    refused(project.run(), 2, "no data file matches", str(project.data))


def test_an_empty_file(project, trips):
    trips.write_text("")
    refused(project.run(), 2, "trips.csv: the file is empty")


def test_a_header_and_no_row(project, trips, whole_data):
    trips.write_text(whole_data.splitlines()[0] + "\n")
    refused(project.run(), 2, "there is a header and no row")


def test_a_missing_label_column(project, trips, whole_data):
    trips.write_text(whole_data.replace("big_tipper", "tipper", 1))
    refused(project.run(), 3, "SCHEMA_MISSING_COLUMN", "there is tipper: was it renamed?")


def test_a_label_with_one_class(project, trips, whole_data):
    trips.write_text(with_column(whole_data, "big_tipper", "0"))
    refused(project.run(), 2, "big_tipper", "class")


@pytest.mark.thorough
def test_a_column_all_missing(project, trips, whole_data):
    trips.write_text(with_column(whole_data, "fare", ""))
    finished = project.run()
    assert finished.code in (2, 3), finished.output
    refused(finished, finished.code, "fare")


@pytest.mark.thorough
def test_a_row_with_too_many_fields(project, trips, whole_data):
    rows = whole_data.splitlines()
    rows[1234] += ",1,2,3"
    trips.write_text("\n".join(rows) + "\n")
    refused(project.run(), 2, "trips.csv", "1235", "19", "22")


@pytest.mark.thorough
def test_a_wrong_type_late_in_the_table(project, trips, whole_data):
    trips.write_text(with_column(whole_data, "fare", lambda number, cell: "a lot" if number == 2900 else cell))
    finished = project.run()
    refused(finished, 3, "fare", "a lot")
    assert finished.stages["DataGate"] == "blocked"


def test_a_schema_that_cannot_be_parsed(project):
    whole = project.schema.read_text()
    project.edit("schema/taxi/schema.pbtxt", "feature {", "feature {\n  nmae: 3")
    finished = project.run()
    project.schema.write_text(whole)
    refused(finished, 2, "schema.pbtxt:", "nmae: 3")


def test_a_schema_that_names_none_of_the_columns(project):
    whole = project.schema.read_text()
    project.schema.write_text('feature { name: "something" type: INT }\n')
    finished = project.run()
    project.schema.write_text(whole)
    refused(finished, 2, "the schema names none of the pipeline's columns")


def test_a_root_that_cannot_be_written(project):
    (project.folder / "a_file").write_text("")
    refused(project.run("--set", "root=../a_file/runs"), 2, "nothing can be written here")


@pytest.mark.skipif(not CAN_MOUNT, reason="mounting in a namespace of one's own is not allowed on this machine")
@pytest.mark.parametrize("options", ["ro", "size=200k", "size=1500k"])
def test_a_root_on_a_disk_that_is_read_only_or_fills_up(project, options):
    root = project.folder / "small_disk"
    root.mkdir(exist_ok=True)
    script = f'mount -t tmpfs -o {options} none "{root}" && exec "$@"'
    prefix = (*IN_A_MOUNT_NAMESPACE, "sh", "-c", script, "sh")
    process = project.start("run", "--set", f"root={root}", prefix=prefix)
    finished = project.finish(process)
    read_only = options == "ro"
    refused(finished, 2 if read_only else 1, "nothing can be written here" if read_only else "the disk is full")


def test_preprocessing_that_raises(project):
    (project.folder / "fork").mkdir(exist_ok=True)
    (project.folder / "fork" / "__init__.py").write_text("")
    (project.folder / "fork" / "features.py").write_text(
        "def preprocessing_fn(inputs, custom_config):\n    raise ValueError('there is no fare today')\n"
    )
    finished = project.run("--set", "code.preprocessing_fn=fork.features.preprocessing_fn")
    assert finished.code == 1, finished.output
    assert "Traceback" not in finished.output
    assert "there is no fare today" in finished.output
    assert finished.stages["Transform"] == "failed"
    assert "run.log" in finished.output


def test_code_that_does_not_exist(project):
    refused(project.run("--set", "code.run_fn=fork.nowhere.run_fn"), 2, "fork.nowhere.run_fn, which does not exist")


def test_a_loss_that_is_not_a_number(project):
    finished = project.run("--set", "training.learning_rate=1e30")
    refused(finished, 2, "loss")
    assert finished.stages["Trainer"] == "bad input"
