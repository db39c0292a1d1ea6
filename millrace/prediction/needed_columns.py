"""Whether a table has the columns that a model reads, and those that are handed through."""

from collections import Counter
from collections.abc import Collection, Sequence

from millrace.base.errors import DataError
from millrace.base.names import nearest
from millrace.base.numbers import counted
from millrace.model_server.about import ModelColumn

KEY = "--key"
_MOST_NAMED = 5


def require_columns(names: Collection[str], columns: Sequence[ModelColumn], keys: Sequence[str], where: str) -> None:
    """Refuses a table that lacks a column.

    Args:
        names: the table's columns.
        columns: what the model reads.
        keys: columns that are handed through.
        where: the table, for a message.

    Raises:
        DataError: one is not there, or is there twice.
    """
    for key in keys:
        if key not in names:
            near = nearest(key, names)
            advice = f"did you mean {near[0]}?" if near else f"name one of: {', '.join(names)}"
            raise DataError(f"the table has no column {key}", KEY, advice)
    wanted = {*(column.name for column in columns), *keys}
    twice = [name for name, number in Counter(names).items() if number > 1 and name in wanted]
    if twice:
        raise DataError(
            f"the table has {', '.join(twice[:_MOST_NAMED])} more than once",
            where,
            "leave one of each: which is meant cannot be known",
        )
    lacking = [column.name for column in columns if column.name not in names]
    if lacking:
        near_each = ((name, nearest(name, names)) for name in lacking[:_MOST_NAMED])
        told = ", ".join(f"{name} (did you mean {near[0]}?)" if near else name for name, near in near_each)
        more = f" and {len(lacking) - _MOST_NAMED} more" if len(lacking) > _MOST_NAMED else ""
        raise DataError(
            f"the table lacks {len(lacking)} of the {counted(len(columns), 'column')} that the model reads: "
            f"{told}{more}",
            where,
            "add them; an empty cell is a missing value",
        )
