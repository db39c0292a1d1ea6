"""Columns of images: paths that become the bytes of files, and what is no image, told by its path or its row."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from millrace.base.errors import DataError
from millrace.components.example_gen import image_folders
from millrace.components.example_gen.images import with_contents

PNG = tf.io.encode_png(np.zeros((3, 3, 1), np.uint8)).numpy()


def table(photos, **others):
    """Rows as features; a value that is None is missing."""
    columns = {"photo": photos, **others}
    lists = [[None if value is None else [value] for value in values] for values in columns.values()]
    kinds = [pa.large_list(pa.large_binary() if isinstance(v[0][0], bytes) else pa.int64()) for v in lists]
    return pa.RecordBatch.from_arrays([pa.array(v, k) for v, k in zip(lists, kinds, strict=True)], list(columns))


def test_paths_become_bytes_and_bytes_stay(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "ä.png").write_bytes(PNG)
    batch = table(["photos/ä.png".encode(), PNG, None, b" photos/\xc3\xa4.png "], age=[1, 2, 3, 4])
    result = with_contents(batch, ["photo"], str(tmp_path / "table.csv")).to_pydict()
    assert result == {"photo": [[PNG], [PNG], None, [PNG]], "age": [[1], [2], [3], [4]]}


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        (b"gone.png", r"table.csv, column photo: the image .*gone\.png cannot be read"),
        (b".", "the image .* cannot be read"),
        (b"text.txt", r"text\.txt: this is no image that can be read: Unknown image file format"),
        (b"empty.png", r"empty\.png: this is no image that can be read: it is empty"),
        (PNG[:-20], r"column photo, the row with age 7: this is no image that can be read: Invalid PNG"),
        (b"\0\0", r"table.csv, column photo, the row with age 7: this is no image"),
    ],
)
def test_what_is_no_image_is_told_by_its_path_or_row(tmp_path, photo, words):
    (tmp_path / "text.txt").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    batch = table([PNG, photo], age=[6, 7], name=[b"Ann", b"Bob"])
    with pytest.raises(DataError, match=words) as refused:
        with_contents(batch, ["photo"], str(tmp_path / "table.csv"), left_out=["name"])
    assert "Bob" not in str(refused.value), "what is left out is in no message"


def test_a_column_of_images_that_is_not_there_or_of_numbers_is_refused():
    with pytest.raises(DataError, match=r"photos is not a column of the data; did you mean photo\?"):
        with_contents(table([PNG]), ["photos"], "table.csv")
    with pytest.raises(DataError, match="column 'age' holds numbers"):
        with_contents(table([PNG], age=[1]), ["age"], "table.csv")


def test_a_folder_is_a_class_and_hidden_files_are_none(tmp_path):
    for path in ("rose/a.png", "tulip/b.png", "tulip/.DS_Store"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(PNG)
    files = sorted(str(path) for path in tmp_path.glob("*/*"))
    [work] = image_folders.planned(0, 0, str(tmp_path), files)
    assert [row for batch in image_folders.batches(work) for row in batch.to_pylist()] == [
        {"image": [PNG], "class": [b"rose"], "path": [b"rose/a.png"]},
        {"image": [PNG], "class": [b"tulip"], "path": [b"tulip/b.png"]},
    ]
    (tmp_path / "rose" / "notes.txt").write_text("roses")
    [work] = image_folders.planned(0, 0, str(tmp_path), [str(tmp_path / "rose" / "notes.txt")])
    with pytest.raises(DataError, match=r"rose/notes\.txt: this is no image"):
        list(image_folders.batches(work))
