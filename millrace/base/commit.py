"""The commit of the project that runs, as an environment variable: the processes that a run starts inherit it."""

VARIABLE = "MILLRACE_COMMIT"
"""The full hash, and ` with uncommitted changes` behind it where there were some; not set where git knows none."""
