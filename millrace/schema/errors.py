"""Errors of the schema workbench; each carries the exit code, the place and the remedy that the command line shows."""


class SchemaFileError(Exception):
    """A schema file, or a request about one, that cannot be used as it is.

    Args:
        what: one sentence, what is wrong.
        where: the file, with line and column where there is one.
        remedy: what the reader should do next.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what
