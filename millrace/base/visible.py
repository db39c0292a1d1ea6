"""Text from data as a screen may show it: what would steer the terminal, or hide from the reader, is spelled out."""

import json
import re
from typing import Any

# Controls but for the tab and the line's end (C0, DEL, C1), what turns or joins the letters beside it (soft hyphen,
# zero width, direction), other ends of lines, the byte order mark, annotations, halves of surrogate pairs, tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""A text whose every character can be seen, for the screen alone; what is written to files stays as it is.

    Args:
        text: from data, a file, or another program.

    Returns:
        The text with `\x1b`, `\u202e` and so on in place of the characters themselves; tabs and line ends stay.
    """
    return _UNSEEN.sub(_spelled, text)


def json_text(values: Any) -> str:
    """Plain values as JSON for the screen: the same values, with JSON's own escapes for what cannot be seen."""
    return _UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], json.dumps(values, indent=2, ensure_ascii=False))


def _spelled(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
