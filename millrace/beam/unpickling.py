"""Whether a worker can read what a Beam pipeline's proto holds: every pickled function and coder is loaded.

Run in an environment like a worker's: `python -m millrace.beam.unpickling FILE...`, each a serialised
`beam_runner_api.Pipeline`. It prints one line for each that cannot be loaded, and ends with exit code 1 then.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from apache_beam.coders import coders
from apache_beam.internal import pickler
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2

_FUNCTIONS = (
    python_urns.PICKLED_DOFN_INFO,
    python_urns.PICKLED_COMBINE_FN,
    python_urns.PICKLED_VIEWFN,
    python_urns.PICKLED_WINDOW_MAPPING_FN,
)


def pickles(pipeline: beam_runner_api_pb2.Pipeline) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every pickle of a pipeline: the name of the transform or coder that it belongs to, and how it is loaded."""
    for transform in pipeline.components.transforms.values():
        for spec in _functions(transform.spec):
            if spec.urn in _FUNCTIONS:
                yield transform.unique_name, functools.partial(pickler.loads, spec.payload)
    for name, coder in pipeline.components.coders.items():
        if coder.spec.urn == python_urns.PICKLED_CODER:
            yield name, functools.partial(coders.deserialize_coder, coder.spec.payload)


def _functions(spec: beam_runner_api_pb2.FunctionSpec) -> Iterator[beam_runner_api_pb2.FunctionSpec]:
    if spec.urn == "beam:transform:pardo:v1":
        payload = beam_runner_api_pb2.ParDoPayload.FromString(spec.payload)
        yield payload.do_fn
        for side in payload.side_inputs.values():
            yield side.view_fn
            yield side.window_mapping_fn
    elif spec.urn.startswith("beam:transform:combine"):
        yield beam_runner_api_pb2.CombinePayload.FromString(spec.payload).combine_fn


def unreadable(pipeline: beam_runner_api_pb2.Pipeline) -> list[str]:
    """One line for each pickle that this process cannot load."""
    failures = []
    for name, load in pickles(pipeline):
        try:
            load()
        except Exception as error:  # whatever unpickling raises, a worker would raise too
            failures.append(f"{name}: {type(error).__name__}: {error}")
    return failures


def main(files: list[str]) -> int:
    """Loads the pipelines in files; gives the exit code."""
    pipelines = [beam_runner_api_pb2.Pipeline.FromString(Path(file).read_bytes()) for file in files]
    problems = [problem for pipeline in pipelines for problem in unreadable(pipeline)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
