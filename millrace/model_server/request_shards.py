"""Shards of TFRecords that grow while a server runs: each is renamed when it is whole.

A shard is `PREFIX-TIME-ID.tfrecord`. While it is written its name ends in `.open`; a server that is killed, or whose
disk is full, leaves it so, and what is in it can be read up to the cut.
"""

import contextlib
import os
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Optional, Protocol

import tensorflow as tf

from millrace.model_server.shard_files import OPEN, WHOLE

# Whole soon enough to be worked on, and large enough to be few.
_SHARD_BYTES = 64 << 20
_SHARD_SECONDS = 600.0


class RecordWriter(Protocol):
    """What writes the records of one file, as `tf.io.TFRecordWriter` does."""

    def write(self, record: bytes) -> None:
        """Takes a record."""

    def flush(self) -> None:
        """Hands what was taken to the file system."""

    def close(self) -> None:
        """Ends the file."""


class RequestShards:
    """Where one thread puts its records. What fails raises; `abandon` then gives the shard up.

    Args:
        prefix: how the shards' paths begin; folders are made.
        shard_bytes: a shard ends after so many bytes of records,
        shard_seconds: or so many seconds after its first.
        open_writer: opens a file.
        clock: seconds that only rise.

    Attributes:
        saved: how many records the file system has taken.
    """

    def __init__(
        self,
        prefix: str,
        shard_bytes: int = _SHARD_BYTES,
        shard_seconds: float = _SHARD_SECONDS,
        open_writer: Callable[[str], RecordWriter] = tf.io.TFRecordWriter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.saved = 0
        self._prefix = prefix
        self._shard_bytes, self._shard_seconds = shard_bytes, shard_seconds
        self._open_writer = open_writer
        self._clock = clock
        self._writer: Optional[RecordWriter] = None
        self._stem = ""
        self._ends = 0.0
        self._bytes = self._unsaved = 0

    def seconds_left(self) -> Optional[float]:
        """How long the present shard may still grow; None where there is none."""
        return max(self._ends - self._clock(), 0.0) if self._writer else None

    def add(self, record: bytes) -> None:
        """Writes a record, into a new shard where there is none, and ends the shard when it is full."""
        self._unsaved += 1
        if self._writer is None:
            self._begin()
        assert self._writer is not None
        self._writer.write(record)
        self._bytes += len(record)
        if self._bytes >= self._shard_bytes or self._clock() >= self._ends:
            self.end()

    def save(self) -> None:
        """Hands what was written to the file system, where others can read it."""
        if self._writer:
            self._writer.flush()
            self._count_saved()

    def end(self) -> None:
        """Ends the shard, if there is one, and gives it its name."""
        if self._writer:
            self._writer.close()
            self._writer = None
            self._count_saved()
            tf.io.gfile.rename(self._stem + OPEN, self._stem + WHOLE)

    def abandon(self) -> int:
        """Leaves the shard as it is.

        Returns:
            How many records may not be in it.
        """
        writer, lost = self._writer, self._unsaved
        self._writer, self._unsaved = None, 0
        if writer:
            with contextlib.suppress(OSError, tf.errors.OpError):
                writer.close()
        return lost

    def _begin(self) -> None:
        tf.io.gfile.makedirs(os.path.dirname(self._prefix))
        now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%fZ")
        # Names are in the order of time, and two servers may write beside each other.
        self._stem = f"{self._prefix}-{now}-{uuid.uuid4().hex[:8]}"
        self._writer = self._open_writer(self._stem + OPEN)
        self._ends = self._clock() + self._shard_seconds
        self._bytes = 0

    def _count_saved(self) -> None:
        self.saved += self._unsaved
        self._unsaved = 0
