"""What set-up cannot do, and what the reader can."""


class SetupError(Exception):
    """A reason that set-up stops, with its remedy.

    Args:
        what: one sentence, what is missing or went wrong.
        remedy: what to do about it, a line each.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return "\n".join([self.what, *("  " + line for line in self.remedy.splitlines())])
