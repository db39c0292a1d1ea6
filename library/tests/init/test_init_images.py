"""Images: a folder for each class, and a table with a column of their paths."""

import numpy as np
import pytest
import tensorflow as tf
from init_tables import write_csv

from millrace.config.loading import load
from millrace.init.plan import make_plan, write
from millrace.tables.images import size_of

RANDOM = np.random.default_rng(4)
ENCODERS = {
    "png": tf.io.encode_png,
    "jpg": tf.io.encode_jpeg,
}


def picture(path, height, width):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RANDOM.integers(0, 255, (height, width, 3)).astype(np.uint8)
    path.write_bytes(ENCODERS[path.suffix[1:]](pixels).numpy())


@pytest.mark.parametrize("suffix", ENCODERS)
def test_the_size_of_an_image_is_told_by_its_first_bytes(tmp_path, suffix):
    picture(tmp_path / f"a.{suffix}", 24, 36)
    assert size_of(tmp_path / f"a.{suffix}") == (24, 36)
    (tmp_path / f"b.{suffix}").write_bytes(b"no image")
    assert size_of(tmp_path / f"b.{suffix}") is None
    assert size_of(tmp_path / "nowhere.png") is None


def test_a_folder_for_each_class(tmp_path):
    for place in range(40):
        picture(tmp_path / "flowers" / ["rose", "tulip"][place % 2] / f"{place}.png", 20, 30)
    plan = make_plan([str(tmp_path / "flowers")], "class", "", tmp_path / "project")
    write(plan)
    config = load(next(iter(plan.files)))
    assert (config.data.format, config.data.pattern, config.name) == ("image_folders", "*/*", "flowers")
    assert config.label.classes == ("rose", "tulip")
    assert list(config.features) == ["image"]
    assert (config.features["image"].kind, config.features["image"].height, config.features["image"].width) == (
        "image",
        20,
        30,
    )


def test_a_column_of_paths_beside_others(tmp_path):
    for place in range(40):
        picture(tmp_path / "photos" / f"{place}.jpg", 200, 300)
    columns = {
        "photo": [f"photos/{place}.jpg" for place in range(40)],
        "price": RANDOM.normal(50, 9, 40).round(2),
        "y": ["no", "yes"] * 20,
    }
    path = write_csv(tmp_path / "homes.csv", columns)
    plan = make_plan([str(path)], "y", "", tmp_path / "project")
    write(plan)
    config = load(next(iter(plan.files)))
    assert config.data.images == ("photo",)
    assert (config.features["photo"].kind, config.features["photo"].height) == ("image", 96)
    columns["photo"] = [f"photos/gone{place}.jpg" for place in range(40)]
    write_csv(path, columns)
    gone = make_plan([str(path)], "y", "", tmp_path / "other").decisions[0]
    assert gone.kind == "identifier", "what is not there is no image"
