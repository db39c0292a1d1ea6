"""Small function components, for graphs that run in a second."""

import os
import time

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import ExternalArtifact

from millrace.base.errors import BadInput


class Refusal(RuntimeError):
    """A gate that says no, as a custom component raises it."""

    exit_code = 3
    remedy = "bring better numbers"


def _write(artifact: ExternalArtifact, text: str) -> None:
    with fileio.open(os.path.join(artifact.uri, "value.txt"), "w") as file:
        file.write(text)


@component
def Source(value: OutputArtifact[ExternalArtifact], text: Parameter[str]) -> None:
    """Writes a text."""
    _write(value, text)


@component
def Middle(
    value: InputArtifact[ExternalArtifact], result: OutputArtifact[ExternalArtifact], mode: Parameter[str]
) -> None:
    """Passes the text on, refuses, fails, or is interrupted."""
    if mode == "refuse":
        raise Refusal("the text may not pass")
    if mode == "fail":
        raise ValueError("the text broke it")
    if mode == "interrupt":
        raise KeyboardInterrupt
    _write(result, os.urandom(8).hex() if mode == "random" else mode)


@component
def Sink(value: InputArtifact[ExternalArtifact], result: OutputArtifact[ExternalArtifact]) -> None:
    """Ends the graph."""
    _write(result, "end")


@component
def Waiting(
    value: InputArtifact[ExternalArtifact],
    result: OutputArtifact[ExternalArtifact],
    file: Parameter[str],
    mode: Parameter[str],
) -> None:
    """Waits for a file that a stage after it writes, and then passes or fails."""
    deadline = time.monotonic() + 30
    while not os.path.exists(file):
        if time.monotonic() > deadline:
            raise TimeoutError("nobody wrote the file")
        time.sleep(0.02)
    if mode == "fail":
        raise ValueError("it broke beside")
    _write(result, mode)


@component
def Writing(
    value: InputArtifact[ExternalArtifact],
    result: OutputArtifact[ExternalArtifact],
    file: Parameter[str],
    mode: Parameter[str],
) -> None:
    """Writes the file, and then passes or fails."""
    with open(file, "w"):
        pass
    if mode == "fail":
        raise ValueError("the other broke")
    _write(result, mode)


@component
def Joining(
    left: InputArtifact[ExternalArtifact],
    right: InputArtifact[ExternalArtifact],
    result: OutputArtifact[ExternalArtifact],
) -> None:
    """Needs both."""
    _write(result, "both")


class Choosy(ResolverStrategy):
    """A resolver that takes none of what it is given, as the champion's where its files are gone."""

    def resolve_artifacts(self, store, input_dict):
        raise BadInput("what was chosen is not there any more", where="/models/7", remedy="put it back")
