"""Image files without a decoder: their names, their folders, and their sizes by their first bytes.

PNG: https://www.w3.org/TR/png-3/#11IHDR; GIF: https://www.w3.org/Graphics/GIF/spec-gif89a.txt; JPEG: ITU-T T.81, B.2.2.
"""

import struct
from pathlib import Path
from typing import Optional

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
_HEAD = 256 << 10


def class_folders(folder: Path) -> list[Path]:
    """The images of a folder whose folders are classes, sorted; none where fewer than two folders hold images."""
    found = [
        file
        for below in sorted(folder.iterdir())
        if below.is_dir() and not below.name.startswith(".")
        for file in sorted(below.iterdir())
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    ]
    return found if len({file.parent for file in found}) > 1 else []


def size_of(file: Path) -> Optional[tuple[int, int]]:
    """Height and width in pixels; None for what is no file, or no image that says so at its beginning."""
    try:
        with file.open("rb") as stream:
            start = stream.read(_HEAD)
        if start.startswith(b"\x89PNG"):
            width, height = struct.unpack_from(">II", start, 16)
        elif start.startswith(b"GIF8"):
            width, height = struct.unpack_from("<HH", start, 6)
        elif start.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", start, 18)
        else:
            return _size_of_jpeg(start)
    except (OSError, ValueError, struct.error):
        return None
    return abs(height), width


def _size_of_jpeg(start: bytes) -> Optional[tuple[int, int]]:
    """The size stands in the frame's header, behind segments that say how long they are."""
    position = 2 if start.startswith(b"\xff\xd8") else len(start)
    while position + 9 < len(start):
        marker, length = start[position + 1], struct.unpack_from(">H", start, position + 2)[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", start, position + 5)
            return height, width
        position += 2 + length
    return None
