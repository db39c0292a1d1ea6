"""Which output split each row goes to, with the rule of TFX's `base_example_gen_executor._PartitionFn`.

A row's bucket is the SHA-256 of its serialised example, or of one of its features, as a number, modulo the number of
all buckets; splits take buckets in their order.
"""

import dataclasses
import hashlib
from typing import Optional

import numpy as np
import pyarrow as pa

from millrace.base.errors import DataError
from millrace.components.example_gen import examples


@dataclasses.dataclass(frozen=True)
class Partition:
    """How rows are divided.

    Attributes:
        names: output splits, in order.
        buckets: upper bounds of their hash buckets, ascending; none where each input split is an output split.
        feature: the feature that is hashed; None for the whole example.
    """

    names: tuple[str, ...]
    buckets: tuple[int, ...] = ()
    feature: Optional[str] = None

    def assign(self, group: int, batch: pa.RecordBatch, records: list[bytes]) -> np.ndarray:
        """The index of each row's output split.

        Args:
            group: index of the input split that the rows come from.
            batch: the rows as features.
            records: the same rows as serialised examples.

        Raises:
            DataError: the feature to split by is missing, without a value, or a float.
        """
        if not self.buckets:
            return np.full(len(records), group)
        keys = records if self.feature is None else self._feature_keys(batch, self.feature)
        return np.searchsorted(self.buckets, remainders(keys, self.buckets[-1]), side="right")

    @staticmethod
    def _feature_keys(batch: pa.RecordBatch, feature: str) -> list[bytes]:
        place = batch.schema.get_field_index(feature)
        if place < 0:
            raise _unfit(f"the split's partition_feature_name {feature!r} is not a column")
        column = batch.column(place)
        # TFX's reader of CSV has an empty cell as an empty list.
        if column.null_count or pa.types.is_null(column.type) or not np.diff(np.asarray(column.offsets)).all():
            raise _unfit(f"the feature to split by, {feature!r}, has rows without a value")
        if pa.types.is_floating(column.type.value_type):
            raise _unfit(f"the feature to split by, {feature!r}, is a float")
        return examples.encode_feature(column)


def remainders(keys: list[bytes], modulus: int) -> np.ndarray:
    """SHA-256 of each key, as a big-endian number, modulo a number below 2**32."""
    sha256 = hashlib.sha256
    digests = b"".join([sha256(key).digest() for key in keys])
    words = np.frombuffer(digests, ">u4").reshape(-1, 8).astype(np.uint64)
    rest = np.zeros(len(keys), np.uint64)
    for place in range(8):
        rest = ((rest << np.uint64(32)) | words[:, place]) % np.uint64(modulus)
    return rest.astype(np.int64)


def _unfit(what: str) -> DataError:
    return DataError(
        what, "", "split by an integer or string column that has a value in every row, or leave rows out by data.where"
    )
