"""Images: from the bytes of a file to pixels in Transform, and from pixels to a vector in the model.

Transform decodes and resizes each image once, and gives its pixels as one string a row: a training reads a byte a pixel
and decodes nothing, and a request sends the bytes of a file as they are (`{"b64": ...}` in JSON).
"""

import functools
from collections.abc import Callable
from typing import Any, Optional

import keras
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.features.description import Image
from millrace.features.keys import transformed_key
from millrace.training import columns
from millrace.training.columns import Column
from millrace.training.many_inputs import Declare, own_encoder

# Of the small network: filters double from block to block, and each block halves the image, down to so many pixels.
_FIRST_FILTERS, _MOST_FILTERS, _LEAST_SIDE = 16, 64, 4
# A file of a few megabytes can say that it is gigabytes of pixels; what is larger than this is decoded for nobody.
_MOST_PIXELS = 2**26
# Where a format says its width and height: its first bytes, the offset, the type (PNG 1.2 section 11.2.2, GIF89a
# section 18, BITMAPINFOHEADER), and whether the least byte comes first.
_SIZES = (
    (b"\x89PNG\r\n\x1a\n", 16, tf.int32, False),
    (b"GIF8", 6, tf.uint16, True),
    (b"BM", 18, tf.int32, True),
)
_JPEG = b"\xff\xd8\xff"


def encode_image(name: str, feature: Image, column: Column) -> tf.Tensor:
    """Decodes and resizes images.

    Args:
        name: the column's name.
        feature: its description.
        column: the bytes of an image file in each row, dense or sparse.

    Returns:
        string [n]: `feature.pixel_bytes()` bytes, a byte a channel, row by row from the top left; "" where missing.

    Raises:
        InputRefused: the column holds numbers.
    """
    if column.dtype != tf.string:
        raise InputRefused(
            f"an image is the bytes of a file, but the column {name!r} holds numbers",
            where=f"features.{name}",
            remedy="give pixels that are numbers as kind vector, or the bytes of PNG or JPEG files as an image",
        )
    files, present = columns.cells(column)
    size = feature.pixel_bytes()

    def pixels(file: tf.Tensor) -> tf.Tensor:
        too_large = f"this image of {name} says that it has more than {_MOST_PIXELS} pixels; send a smaller one"
        most = tf.constant(_MOST_PIXELS, tf.int64)
        with tf.control_dependencies([tf.debugging.assert_less_equal(_said_pixels(file), most, too_large)]):
            decoded = tf.io.decode_image(file, channels=feature.channels, expand_animations=False)
        decoded = tf.ensure_shape(decoded, [None, None, feature.channels])
        resized = tf.image.resize(decoded, [feature.height, feature.width], antialias=True)
        # The content of a TensorProto comes last (tensorflow/core/framework/tensor.proto, `tensor_content`).
        proto = tf.io.serialize_tensor(tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8))
        return tf.strings.substr(proto, -size, size)

    def of_row(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        file, there = row
        return tf.cond(there, lambda: pixels(file), lambda: tf.constant(""))

    return tf.map_fn(of_row, (files, present), fn_output_signature=tf.TensorSpec([], tf.string))


def _said_pixels(file: tf.Tensor) -> tf.Tensor:
    """Width times height, int64, as the head of a file says it; 0 where it says none, which decoding will refuse."""
    cases: list[tuple[tf.Tensor, Callable[[], tf.Tensor]]] = []
    for magic, offset, kind, little in _SIZES:
        sides = functools.partial(_product_of_sides, file, offset, kind, little)
        whole = tf.strings.length(file) >= offset + 2 * kind.size
        cases.append((tf.logical_and(whole, tf.equal(tf.strings.substr(file, 0, len(magic)), magic)), sides))
    jpeg = tf.equal(tf.strings.substr(file, 0, len(_JPEG)), _JPEG)
    cases.append((jpeg, lambda: tf.reduce_prod(tf.io.extract_jpeg_shape(file, tf.int64)[:2])))
    return tf.case(cases, default=lambda: tf.constant(0, tf.int64))


def _product_of_sides(file: tf.Tensor, offset: int, kind: Any, little: bool) -> tf.Tensor:
    sides = tf.io.decode_raw(tf.strings.substr(file, offset, 2 * kind.size), kind, little_endian=little)
    return tf.reduce_prod(tf.abs(tf.cast(sides, tf.int64)))


def image_input(name: str, feature: Image, declare: Declare, dtype: str) -> keras.KerasTensor:
    """Declares an image's input, and has its encoder make one vector a row of it.

    Args:
        name: the feature's name.
        feature: its description.
        declare: makes an input of a key, a shape and a type.
        dtype: Keras's dtype policy.

    Returns:
        float [n, width], of the encoder's width.

    Raises:
        ConfigError: an encoder of the project's cannot be imported, or gives no vector.
    """
    key = transformed_key(name)
    image = Pixels(feature.height, feature.width, feature.channels, name=f"{key}_pixels")(declare(key, (), "string"))
    image = _augmented(image, feature, key)
    if feature.encoder != "convolution":
        return own_encoder(name, feature.encoder, image, feature)
    filters = _FIRST_FILTERS
    while min(image.shape[1:3]) > _LEAST_SIDE:
        layer = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", dtype=dtype)
        image = keras.layers.MaxPooling2D(2, padding="same", dtype=dtype)(layer(image))
        filters = min(2 * filters, _MOST_FILTERS)
    flat = keras.layers.Flatten(dtype=dtype)(image)
    return keras.layers.Dense(feature.dimension, activation="relu", name=f"{key}_convolution", dtype=dtype)(flat)


def _augmented(image: keras.KerasTensor, feature: Image, key: str) -> keras.KerasTensor:
    """Keras's own layers, which let an image pass where nothing is trained."""
    chosen = feature.augment
    layers: list[keras.layers.Layer] = []
    if chosen.flip:
        layers.append(keras.layers.RandomFlip("horizontal", name=f"{key}_flip"))
    if chosen.shift:
        layers.append(
            keras.layers.RandomTranslation(chosen.shift, chosen.shift, fill_mode="nearest", name=f"{key}_shift")
        )
    if chosen.rotate:
        layers.append(keras.layers.RandomRotation(chosen.rotate / 360, fill_mode="nearest", name=f"{key}_rotate"))
    if chosen.zoom:
        layers.append(keras.layers.RandomZoom(chosen.zoom, fill_mode="nearest", name=f"{key}_zoom"))
    if chosen.contrast:
        layers.append(keras.layers.RandomContrast(chosen.contrast, value_range=(0, 1), name=f"{key}_contrast"))
    for layer in layers:
        image = layer(image)
    return image


@keras.saving.register_keras_serializable(package="millrace")
class Pixels(keras.layers.Layer):
    """Pixels as Transform writes them, string [n], to float32 [n, height, width, channels] from 0 to 1."""

    def __init__(self, height: int, width: int, channels: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.pixels = (height, width, channels)

    def call(self, inputs: Any) -> Any:
        """Maps [n] to [n, height, width, channels]; a text that is empty to zeros."""
        size = self.pixels[0] * self.pixels[1] * self.pixels[2]
        # Shorter strings are filled with zeros, longer ones would be cut.
        flat = tf.io.decode_raw(inputs, tf.uint8, fixed_length=size)
        return tf.reshape(tf.cast(flat, tf.float32) / 255.0, [-1, *self.pixels])

    def compute_output_shape(self, input_shape: Any) -> tuple[Optional[int], ...]:
        """[n] becomes [n, height, width, channels]."""
        return (input_shape[0], *self.pixels)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """As `compute_output_shape`; said here, since Keras cannot try a layer on text by itself."""
        return keras.KerasTensor((inputs.shape[0], *self.pixels), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        height, width, channels = self.pixels
        return {**super().get_config(), "height": height, "width": width, "channels": channels}
