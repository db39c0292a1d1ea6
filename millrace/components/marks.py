"""What an artifact says of itself that decides what it is compared with, as custom properties in ML Metadata.

Nothing is imported here: the rehearsal and the container read these names without TFX.
"""

TRIAL_KEY = "trial"
"""A parameter of the Evaluator, and 1 on the blessing that a trial gave: no later model or data is compared with it."""

APART = 2
"""Of that parameter on Vertex AI, which finds champions by `blessed` alone: a trial's blessing has the next mark."""

TRIAL_BLESSED_KEY = "trial_blessed"
"""1 on such a blessing, in place of `blessed`, as which the trial's own stages are given it (`millrace.container`)."""

REHEARSED = "rehearsed"
"""1 for what a rehearsal made: what a run makes is not compared with what was never meant to be served."""

STATISTICS_DIGEST = "statistics_digest"
"""Of a blessing: the digest of the statistics of its data, which it holds. Data is never compared with itself."""

DATA_SPAN = "data_span"
"""Of such a blessing: the span of its data; 0 where the data has none."""

REPLACES = "replaces"
"""The ids of artifacts that had lost files, with commas, in whose place it was made: it is not compared with those."""

ABSENT = "absent"
"""1 on an artifact that is not there: Kubeflow Pipelines cannot hand on an empty list of artifacts.

Who starts a stage there (`millrace.container`) takes such an artifact out of what the stage is given.
"""

VERTEX_VERSION = "vertex_version"
"""Of a pushed model: the resource name of the version that it is in Vertex AI, `projects/P/locations/L/models/ID@N`."""

BLESSED_STATISTICS = "data_statistics"
"""The folder within a ModelBlessing that holds the statistics of the data on which it was given."""
