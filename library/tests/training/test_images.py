"""Images, from the bytes of a file to every signature of the export: scikit-learn's digits, written as PNG."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from millrace.base.errors import InputRefused
from millrace.features.description import FeatureTable, Image
from millrace.training.images import Pixels, encode_image
from models.trainer import run_fn

IMAGE = Image(height=8, width=8, channels=1)


def png(pixels: Any) -> bytes:
    """One digit, 0 to 16 in 8 x 8, as the bytes of a PNG file."""
    return bytes(tf.io.encode_png(np.uint8(np.asarray(pixels) * 15)[..., None]).numpy())


@pytest.fixture(scope="module")
def digits() -> list[dict[str, Any]]:
    """0, 1 and 2 of 1,797 digits; one row without its image."""
    found = load_digits(n_class=3)
    rows = [{"photo": png(image), "digit": int(digit)} for image, digit in zip(found.images, found.target, strict=True)]
    return [*rows, {"digit": 1}]


def test_pixels_are_those_of_the_file_and_a_missing_image_is_black(digits):
    column = tf.constant([digits[0]["photo"], "", digits[1]["photo"]])
    strings = encode_image("photo", IMAGE, column)
    assert [len(one) for one in strings.numpy()] == [64, 0, 64]
    pixels = Pixels(8, 8, 1)(strings).numpy()
    images = load_digits(n_class=3).images
    np.testing.assert_allclose(pixels[0, :, :, 0], images[0] * 15 / 255, atol=1e-6)
    assert not pixels[1].any()


def test_images_of_any_size_and_kind_get_the_size_that_is_wanted():
    colours = np.zeros((30, 20, 3), np.uint8)
    colours[:15] = [255, 0, 0]
    files = [tf.io.encode_jpeg(colours, quality=100).numpy(), tf.io.encode_png(colours).numpy()]
    pixels = Pixels(6, 4, 3)(encode_image("photo", Image(height=6, width=4), tf.constant(files))).numpy()
    assert pixels.shape == (2, 6, 4, 3)
    np.testing.assert_allclose(pixels[:, 0, 0], [[1, 0, 0]] * 2, atol=0.02)
    np.testing.assert_allclose(pixels[:, -1, -1], [[0, 0, 0]] * 2, atol=0.02)


def heads_of_bombs() -> dict[str, bytes]:
    """The same small file of each kind, its head changed to say 20,000 x 20,000: 1.2 GB of pixels."""
    small, side = np.zeros((8, 8, 3), np.uint8), 20_000
    jpeg, as_png = tf.io.encode_jpeg(small).numpy(), tf.io.encode_png(small).numpy()
    sizes = jpeg.index(b"\xff\xc0") + 5  # of the frame's head: ITU T.81, B.2.2
    return {
        "png": as_png[:16] + side.to_bytes(4, "big") * 2 + as_png[24:],
        "jpeg": jpeg[:sizes] + side.to_bytes(2, "big") * 2 + jpeg[sizes + 4 :],
        "gif": b"GIF89a" + side.to_bytes(2, "little") * 2 + bytes(20),
        "bmp": b"BM" + bytes(16) + side.to_bytes(4, "little") + (-side).to_bytes(4, "little", signed=True) + bytes(30),
    }


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp"])
def test_a_file_that_says_it_is_gigabytes_is_refused_before_it_is_decoded(kind: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="this image of photo says that it has more than 67108864"):
        encode_image("photo", Image(height=8, width=8), tf.constant([heads_of_bombs()[kind]]))


@pytest.mark.parametrize("cut", [b"", b"B", b"BM", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"hello"])
def test_a_file_of_a_head_alone_is_refused_as_no_image(cut: bytes) -> None:
    files = tf.constant([cut])
    if not cut:
        assert encode_image("photo", IMAGE, files).numpy().tolist() == [b""]
        return
    with pytest.raises(tf.errors.InvalidArgumentError):
        encode_image("photo", IMAGE, files)


def test_numbers_are_no_image():
    with pytest.raises(InputRefused, match="an image is the bytes of a file, but the column 'photo' holds numbers"):
        encode_image("photo", IMAGE, tf.constant([[1.0, 2.0]]))


@pytest.mark.slow
def test_a_model_reads_digits_and_every_signature_agrees(transform: Any, tmp_path: Path, digits: Any) -> None:
    label = {"column": "digit", "task": "multiclass", "classes": [0, 1, 2]}
    image = {**IMAGE.model_dump(), "augment": {"shift": 0.1, "rotate": 10, "zoom": 0.1, "contrast": 0.2}}
    described = FeatureTable.model_validate({"label": label, "features": {"photo": image}})
    schema = 'feature { name: "photo" type: BYTES }\nfeature { name: "digit" type: INT }\n'
    data = transform(tmp_path / "data", schema, described, {"train": digits[:400], "eval": digits[400:]})
    args = data.fn_args(tmp_path, training={"steps": 150, "validate_every": 75})
    run_fn(args)
    model = tf.saved_model.load(str(Path(args.serving_model_dir)))
    records = data.raw["eval"] * 3  # more rows than go through the model at once
    answers = model.signatures["serving_default"](examples=tf.constant(records))
    truth = [str(row["digit"]).encode() for row in digits[400:]] * 3
    assert np.mean(answers["label"].numpy() == truth) > 0.9
    again = model.signatures["serving_default"](examples=tf.constant(records[:1]))
    np.testing.assert_allclose(again["probabilities"], answers["probabilities"][:1], atol=1e-6)
    by_json = model.signatures["predict_json"](photo=tf.constant([digits[400]["photo"]]))
    np.testing.assert_allclose(by_json["probabilities"], answers["probabilities"][:1], atol=1e-6)
