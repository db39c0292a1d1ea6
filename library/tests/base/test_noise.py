"""What is left out of a run's log: the listed messages as their packages say them, and nothing else."""

import logging
import subprocess
import sys
import warnings

import pytest

from millrace.base.noise import NOISE, PYTHON_WARNINGS
from millrace.base.quiet import output_to

SAID = {
    PYTHON_WARNINGS: "You are using a non-supported Python version (3.10.13). Google will not post any further updates",
    "tensorflow": "From /x/tensorflow_model_analysis/writer.py:112: tf_record_iterator (from tf_record) is deprecated",
    "absl": "ArtifactQuery.property_predicate is not supported.",
}


@pytest.mark.filterwarnings("default")
def test_the_listed_messages_are_left_out_and_others_stay(tmp_path) -> None:
    log = tmp_path / "run.log"
    with output_to(log):
        for name, text in SAID.items():
            if name == PYTHON_WARNINGS:
                warnings.warn(text, FutureWarning, stacklevel=1)
                warnings.warn("something else is deprecated", DeprecationWarning, stacklevel=1)
            else:
                logging.getLogger(name).warning(text)
                logging.getLogger(f"{name}.other").warning("another logger: %s", text)
                logging.getLogger(name).warning("something else")
    lines = log.read_text()
    assert lines.count("DeprecationWarning: something else is deprecated") == 1
    assert lines.count("WARNING absl something else") == lines.count("WARNING tensorflow something else") == 1
    assert all(f"WARNING {name}.other another logger: {SAID[name]}" in lines for name in ("tensorflow", "absl"))
    assert "Google will not post" not in lines
    assert not any(f"WARNING {name} {text}" in lines for name, text in SAID.items())


@pytest.mark.parametrize("noise", NOISE, ids=lambda noise: noise.says[:20])
def test_each_has_its_reason(noise) -> None:
    assert len(noise.why.split()) > 5 and noise.why != noise.says


def test_a_command_that_redirects_nothing_prints_none_of_the_listed_warnings() -> None:
    code = (
        "import warnings; from millrace.base.noise import ignore_warnings; ignore_warnings();"
        f"warnings.warn({SAID[PYTHON_WARNINGS]!r}, FutureWarning); warnings.warn('mine', FutureWarning)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert "mine" in told and "Google" not in told
