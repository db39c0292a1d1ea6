"""Where a pipeline keeps things, with a root on this machine and with one in a bucket."""

from pathlib import Path

from millrace.config.loading import load
from millrace.config.paths import layout, metadata_file

TAXI = Path(__file__).resolve().parents[3] / "conf" / "taxi.yaml"


def test_everything_is_below_a_root_of_this_machine(tmp_path):
    config = load(TAXI, [f"root={tmp_path}"])
    places = layout(config)
    assert (places.artifacts, places.serving) == (f"{tmp_path}/artifacts", f"{tmp_path}/serving/taxi")
    assert (places.logs, metadata_file(config)) == (tmp_path / "logs", f"{tmp_path}/metadata.db")


def test_what_only_this_machine_can_open_is_beside_a_root_in_a_bucket():
    """SQLite, logs and locks need a file system: a folder called gs: in the working directory helps nobody."""
    config = load(TAXI, ["root=gs://trips/millrace"])
    places = layout(config)
    assert (places.artifacts, places.serving) == ("gs://trips/millrace/artifacts", "gs://trips/millrace/serving/taxi")
    here = TAXI.parents[1] / "runs" / "taxi"
    assert (places.logs, metadata_file(config)) == (here / "logs", str(here / "metadata.db"))
