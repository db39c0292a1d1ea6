"""How many processes Beam takes on this machine: one while the data is small, more when it is large."""

import psutil

from millrace.base.cores import cores
from millrace.components.example_gen.section import Data
from millrace.config.config import Config
from millrace.config.data_files import data_files

# A worker imports TensorFlow first, some seconds and half a GiB: less input than this is done by then.
BYTES_PER_WORKER = 512 << 20
MEMORY_PER_WORKER = 2 << 30


def local_workers(config: Config) -> tuple[str, int]:
    """Beam's running mode on this machine, and how many workers.

    What the configuration names is taken as it is; for mode `auto` and a number left out, the input's size decides,
    within the processors and the memory that are free.
    """
    beam = config.beam
    if beam.mode != "auto":
        default = 1 if beam.mode == "in_memory" else 0
        return beam.mode, default if beam.workers is None else beam.workers
    workers = _by_size(config.data) if beam.workers is None else beam.workers
    return ("in_memory", 1) if workers == 1 else ("multi_processing", workers)


def _by_size(data: Data) -> int:
    size = sum(file.stat().st_size for file in data_files(data))
    room = psutil.virtual_memory().available // MEMORY_PER_WORKER
    return max(1, min(size // BYTES_PER_WORKER, room, cores()))
