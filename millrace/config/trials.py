"""Trials: a run with `--set` of what is learned or judged does not replace the model that is served."""

from collections.abc import Sequence

_DECIDES_THE_MODEL = frozenset(
    {
        "code", "data", "data_gate", "evaluation", "features", "infra_validation", "label", "model", "schema",
        "training", "tuning",
    }
)  # fmt: skip


def with_trial(overrides: Sequence[str], push: bool) -> tuple[str, ...]:
    """The `--set` values of a run, with what they mean for its push.

    Args:
        overrides: `dotted.key=value`, as given or as an earlier run recorded them.
        push: whether the person asked for a push to where models are served.

    Returns:
        The values with `push.trial` among them where they change what is learned or judged; where a person has set it,
        or where a push is asked for, that holds.
    """
    if push:
        return (*(one for one in overrides if _key(one) != "push.trial"), "push.trial=false")
    if any(_key(one) == "push.trial" for one in overrides):
        return tuple(overrides)
    changed = any(_key(one).partition(".")[0] in _DECIDES_THE_MODEL for one in overrides)
    return (*overrides, "push.trial=true") if changed else tuple(overrides)


def _key(override: str) -> str:
    return override.partition("=")[0].strip()
