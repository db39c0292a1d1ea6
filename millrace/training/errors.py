"""The one error that user code raises for a person's mistake, in the terms that the command line understands."""


class InputRefused(ValueError):
    """The data or the configuration cannot be learned from as it is; the command line exits with code 2.

    Args:
        what: one sentence, what is wrong.
        where: the feature, column or file it concerns; empty when the sentence says it.
        remedy: what the reader should do next.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        told = f"{self.where}: {self.what}" if self.where else self.what
        return f"{told} ({self.remedy})" if self.remedy else told

    def __reduce__(self) -> tuple:
        return _rebuilt, (self.what, self.where, self.remedy)


def _rebuilt(what: str, where: str, remedy: str) -> InputRefused:
    return InputRefused(what, where=where, remedy=remedy)
