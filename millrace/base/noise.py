"""What other packages say in every run that nobody can act on, each by name with the reason why it is left out.

Everything else that a library says reaches the run's log. A test runs the pipeline and fails when a deprecation of
another package appears there that is not in this list.
"""

import logging
import re
import warnings
from dataclasses import dataclass

PYTHON_WARNINGS = "py.warnings"  # the logger that Python's own warnings go to


@dataclass(frozen=True)
class Noise:
    """A message that is left out.

    Args:
        logger: the name of the logger that says it.
        says: a regular expression that its text, or a Python warning's, begins with.
        why: the reason why it may be left out.
    """

    logger: str
    says: str
    why: str


NOISE = (
    Noise(
        PYTHON_WARNINGS,
        r"You are using a (non-supported )?Python version",
        "Google's clients no longer follow Python 3.10, which the compatible stack is bound to",
    ),
    Noise(
        PYTHON_WARNINGS,
        r"Support for google-cloud-storage < 3",
        "TFX 1.16 binds the compatible stack to google-cloud-storage 2",
    ),
    Noise(
        PYTHON_WARNINGS,
        r"label\(\) is deprecated",
        "TFX 1.21 reads protobuf's descriptors as before protobuf 6.32",
    ),
    Noise(
        PYTHON_WARNINGS,
        r"__array__ implementation doesn't accept a copy keyword",
        "TensorFlow 2.21 hands its variables to NumPy 2 as to NumPy 1",
    ),
    Noise(
        PYTHON_WARNINGS,
        r"invalid escape sequence",
        "kfp 2.5 and TFDV 1.16 write regular expressions as plain strings",
    ),
    Noise(
        "tensorflow",
        r"From \S*tensorflow_model_analysis\S*: tf_record_iterator",
        "TFMA's own writer counts its records with TensorFlow's old reader",
    ),
    Noise(
        "absl",
        r"ArtifactQuery\.property_predicate is not supported",
        "TFX's resolver says it of each query that TFX itself wrote",
    ),
    Noise(
        "absl",
        r"Fallback to non-ZetaSQL contexts execution query",
        "ml-metadata 1.21 is built without ZetaSQL; the way that it falls back to answers the same",
    ),
    Noise(
        "absl",
        r"Tables initialized inside a tf\.function",
        "TFT's loader of a transform graph; the vocabularies are small and looked up in a graph that is traced once",
    ),
    Noise(
        "absl",
        r"Examples artifact does not have payload_format custom property",
        "TFX's Transform does not note the format of what it writes, which is always tf.Example",
    ),
)


class LeaveOut(logging.Filter):
    """Lets pass what is not in the list."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return not any(noise.logger == record.name and _says(noise, text) for noise in NOISE)


def _says(noise: Noise, text: str) -> bool:
    # The logging of Python's warnings puts the file, the line and the category before the message.
    before = r"\S+:\d+: \w+: " if noise.logger == PYTHON_WARNINGS else ""
    return re.match(before + noise.says, text) is not None


def ignore_warnings() -> None:
    """Has Python itself ignore the warnings of the list, for commands that print where nothing is redirected."""
    for noise in NOISE:
        if noise.logger == PYTHON_WARNINGS:
            warnings.filterwarnings("ignore", noise.says)
