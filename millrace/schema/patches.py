"""Unified diffs between two texts of one file, as `git apply` and `patch` take them."""

import difflib
import io
from collections.abc import Sequence

_CONTEXT = 3
_Opcode = tuple[str, int, int, int, int]


def patch(before: str, after: str, name: str) -> str:
    """A unified diff between two texts of one file.

    Args:
        before: the text to start from.
        after: the text to arrive at.
        name: the file's name.

    Returns:
        The patch with three lines of context; empty when the texts are equal.
    """
    if before == after:
        return ""
    old, new = (list(io.StringIO(text, newline="\n")) for text in (before, after))  # lines end at \n and nowhere else
    path = name.lstrip("/")
    lines = [f"--- a/{path}\n", f"+++ b/{path}\n"]
    matcher: difflib.SequenceMatcher[str] = difflib.SequenceMatcher(None, [], [])
    matcher.opcodes = _opcodes(old, new)  # type: ignore[attr-defined]
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        lines += _hunk(list(group), old, new)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _opcodes(old: Sequence[str], new: Sequence[str]) -> list[_Opcode]:
    """difflib's opcodes, looked for only between what is equal at both ends: thousands of lines take it a second."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    middle = difflib.SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    opcodes: list[_Opcode] = [("equal", 0, head, 0, head)] if head else []
    opcodes += [(tag, a + head, b + head, c + head, d + head) for tag, a, b, c, d in middle.get_opcodes()]
    return [*opcodes, ("equal", len(old) - tail, len(old), len(new) - tail, len(new))] if tail else opcodes


def _hunk(group: Sequence[_Opcode], old: Sequence[str], new: Sequence[str]) -> list[str]:
    first, last = group[0], group[-1]
    lines = [f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"]
    for tag, a, b, c, d in group:
        if tag == "equal":
            lines += [f" {line}" for line in old[a:b]]
            continue
        lines += [f"-{line}" for line in old[a:b]]
        lines += [f"+{line}" for line in new[c:d]]
    return lines


def _range(start: int, end: int) -> str:
    """A range of lines as the format counts them: from 1, and from the line before when there is none."""
    return f"{start + 1 if end > start else start},{end - start}"
