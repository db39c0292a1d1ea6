"""What the board shows of a training while it goes on: its step, its metrics, the curve so far; the Tuner's trials."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Union

from millrace.base.numbers import rounded
from millrace.components import stage_ids
from millrace.training.progress import EndedTrial, TrainingStep, read_line

_CURVE = "val_loss"
_WIDEST = 24
_BARS = "▁▂▃▄▅▆▇█"
_LATEST_TRIALS = 5


class TrainingBoard:
    """Reads a run's log as it grows.

    Args:
        log: the file; it need not be there yet.
        draws: whether the screen has the characters of a curve.
    """

    def __init__(self, log: Path, draws: bool) -> None:
        self._log, self._draws = log, draws
        self._read, self._rest = 0, b""
        self._step: Union[TrainingStep, None] = None
        self._curve: dict[int, float] = {}
        self._trials: list[EndedTrial] = []

    def look(self) -> dict[str, str]:
        """Reads what is new.

        Returns:
            By stage, a line of what there is to tell; none where nothing is new.
        """
        news = {}
        for line in self._new_lines():
            told = read_line(line)
            if isinstance(told, TrainingStep):
                self._step = told
                if _CURVE in told.values:
                    self._curve[told.step] = told.values[_CURVE]
                news[stage_ids.TRAINER] = self._training(draws=False)
            elif isinstance(told, EndedTrial):
                self._trials.append(told)
                news[stage_ids.TUNER] = _trial(told)
        return news

    def notes(self) -> dict[str, str]:
        """By stage, what is known so far: of the Tuner several lines."""
        notes = {stage_ids.TRAINER: self._training(self._draws)} if self._step else {}
        if self._trials:
            latest = map(_trial, self._trials[-_LATEST_TRIALS:])
            notes[stage_ids.TUNER] = "\n".join([self.choice(), *latest])
        return notes

    def choice(self) -> str:
        """The best trial so far; empty before the first that came to a score."""
        scored = [one for one in self._trials if math.isfinite(one.score)]
        return f"best: {_trial(max(scored, key=lambda one: one.score if one.higher else -one.score))}" if scored else ""

    def _training(self, draws: bool) -> str:
        if self._step is None:
            return ""
        kept = "kept " if self._step.kept else ""
        words = [f"{kept}step {self._step.step:,}" + (f" of {self._step.total:,}" if self._step.total else "")]
        words += [sparkline(list(self._curve.values()))] if draws and len(self._curve) > 1 else []
        # What validation says counts; before the first evaluation there is only what training says.
        names = [name for name in self._step.values if name.startswith("val_")] or list(self._step.values)
        words += [f"{name} {rounded(self._step.values[name], 4)}" for name in sorted(names, key=lambda n: n != _CURVE)]
        return "  ".join(words)

    def _new_lines(self) -> list[str]:
        try:
            with self._log.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except OSError:
            return []
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [line.decode("utf-8", errors="replace") for line in lines]


def sparkline(values: Sequence[float]) -> str:
    """A curve in one line of text: a bar for each value, the lowest for the least; a space for what is no number.

    Args:
        values: in their order; of many, as many as there is room for, evenly.
    """
    room = min(len(values), _WIDEST)
    chosen = [values[round(at * (len(values) - 1) / max(room - 1, 1))] for at in range(room)]
    finite = [value for value in chosen if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    span = (high - low) or 1.0
    return "".join(_BARS[int((one - low) / span * (len(_BARS) - 1))] if math.isfinite(one) else " " for one in chosen)


def _trial(one: EndedTrial) -> str:
    return f"trial {one.trial} of {one.total}  {one.measure} {rounded(one.score, 4)}  {one.values}".rstrip()
