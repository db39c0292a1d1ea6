"""The shards of a request log as files: how they are named, and which of them are old enough to go.

It brings no TensorFlow: who tidies up is a small process.
"""

import contextlib
from pathlib import Path

WHOLE, OPEN = ".tfrecord", ".tfrecord.open"
# A server ends its shards much sooner; one that is open for longer was left by a server that was killed.
_LEFT_SECONDS = 3600.0


def shard_files(folder: Path) -> list[Path]:
    """The shards of a folder, the older first, those that are being written among them.

    Args:
        folder: of one model's request log, which need not be there.
    """
    return sorted((*folder.glob(f"*{WHOLE}"), *folder.glob(f"*{OPEN}")))


def remove_old_shards(folder: Path, kept_seconds: float, kept_bytes: float, now: float) -> int:
    """Removes shards that were last written too long ago, and then the oldest until the others are small enough.

    Args:
        folder: of one model's request log.
        kept_seconds: how old a shard may become.
        kept_bytes: how large all of them may be. What a server is writing stays.
        now: seconds since the epoch.

    Returns:
        How many were removed.
    """
    removed, left, present = 0, 0, []
    for shard in shard_files(folder):
        with contextlib.suppress(FileNotFoundError):  # renamed just now
            status = shard.stat()
            present.append((shard, status.st_size, now - status.st_mtime))
            left += status.st_size
    for shard, size, age in present:
        is_written = shard.name.endswith(OPEN) and age < _LEFT_SECONDS
        if age > kept_seconds or (left > kept_bytes and not is_written):
            shard.unlink(missing_ok=True)
            left -= size
            removed += 1
    return removed
