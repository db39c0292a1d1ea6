"""The configuration of a pipeline: one typed, frozen object, the same for every runner.

`millrace.config.loading.load` is the one function that reads it from YAML. The classes below are the reference of what
a file may say; their field descriptions are what `millrace` prints when a value is refused.
"""

import re
from datetime import date
from typing import Annotated, Any, Literal, Optional, Union

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from millrace.base.plain_values import require_plain
from millrace.base.section import Section
from millrace.config.cloud_sections import EncryptionKey, KubeflowDeployment, VertexDeployment
from millrace.features.description import Feature, FeatureTable, Label
from millrace.tables.patterns import check_patterns

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")

DottedPath = Annotated[str, Field(pattern=f"^{DOTTED.pattern}$")]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Split(Section):
    """One split of the data, by files of its own."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    pattern: str = Field(min_length=1, description="a file pattern below data.path, {SPAN} and {VERSION} allowed")


class Data(Section):
    """Where the examples come from and how they are split."""

    path: str = Field(description="a folder, or package:NAME/FOLDER for data inside an installed package")
    format: Literal["csv", "parquet", "tfrecord", "avro", "bigquery"] = "csv"
    pattern: str = Field(default="*", description="the files below path; {SPAN} and {VERSION} stand for numbers")
    rules: Literal["tfx", "table"] = Field(
        default="tfx",
        description="tfx reads CSV and Parquet as TFX's own ExampleGens do; table reads a header as a record, stray "
        "bytes as Latin-1, and in Parquet zeros, dates and decimals as values",
    )
    delimiter: str = Field(default=",", description="the one ASCII character between CSV cells")
    missing: tuple[str, ...] = Field(default=(), description="texts that stand for a missing value (NA values)")
    strip_spaces: bool = Field(default=False, description="take the spaces around values away")
    query: str = Field(default="", description="for bigquery: the query that gives the rows")
    splits: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default={"train": 2, "eval": 1}, description="hash buckets a split, when one set of files is cut into splits"
    )
    files: tuple[Split, ...] = Field(default=(), description="splits that come as files of their own")
    span: Optional[int] = Field(default=None, ge=0, description="the span to use; the newest when left out")
    version: Optional[int] = Field(default=None, ge=0, description="the version to use; the newest when left out")

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str) -> str:
        if len(value.encode()) != 1 or value in '"\r\n':
            raise ValueError("one ASCII character is needed, other than a quote or a line end")
        return value

    @model_validator(mode="after")
    def _has_train_and_eval(self) -> "Data":
        names = [split.name for split in self.files] or list(self.splits)
        missing = {"train", "eval"} - set(names)
        if missing:
            raise ValueError(f"a train and an eval split are needed; {' and '.join(sorted(missing))} is not there")
        if (self.format == "bigquery") != bool(self.query):
            raise ValueError("format bigquery goes with a query, and the other formats without one")
        return self

    @model_validator(mode="after")
    def _patterns_are_those_of_tfx(self) -> "Data":
        if self.format != "bigquery":
            check_patterns(self.patterns, self.span, self.version)
        return self

    @property
    def patterns(self) -> list[str]:
        """The file pattern of each split that has files of its own, else the one of all files."""
        return [split.pattern for split in self.files] or [self.pattern]


class Schema(Section):
    """The data contract."""

    file: Optional[str] = Field(
        default=None, description="the curated schema.pbtxt; without it the inferred schema is used"
    )


Action = Literal["block", "warn", "ignore"]


class Waiver(Section):
    """One anomaly that is known and accepted until a date."""

    feature: str
    reason: str = Field(description="the anomaly's reason code, for instance ENUM_TYPE_UNEXPECTED_STRING_VALUES")
    until: date = Field(description="the last day on which the waiver holds")
    because: str = Field(min_length=8, description="why it is accepted, for whoever reads it next")


class DataGate(Section):
    """Which anomalies stop a run."""

    policy: dict[str, Action] = Field(
        default={}, description="an action for an anomaly's reason code; reasons not named keep the default"
    )
    waivers: tuple[Waiver, ...] = ()

    def plain_waivers(self) -> list[dict[str, Any]]:
        """The waivers as plain JSON values, as `millrace.components.data_gate` takes them."""
        return [waiver.model_dump(mode="json") for waiver in self.waivers]


class Code(Section):
    """The user's code, by dotted path; a fork points these at its own functions."""

    pipeline: DottedPath = "pipeline.pipeline.create_pipeline"
    preprocessing_fn: DottedPath = "models.preprocessing.preprocessing_fn"
    run_fn: DottedPath = "models.trainer.run_fn"
    tuner_fn: DottedPath = "models.tuner.tuner_fn"
    model_fn: DottedPath = "models.model.build_model"
    settings: dict[str, Any] = Field(
        default={}, description="plain values of your own; they reach the functions above as custom_config['settings']"
    )

    @field_validator("settings")
    @classmethod
    def _plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        require_plain(value)
        return value


class Model(Section):
    """The Keras model's shape."""

    hidden_units: tuple[Annotated[int, Field(ge=1)], ...] = (64, 32)
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    l2: float = Field(default=0.0, ge=0.0)
    wide: bool = Field(default=True, description="also connect the features directly to the output")


class Training(Section):
    """How the model is trained. Exactly one of steps and epochs."""

    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=0.001, gt=0.0)
    steps: Optional[int] = Field(default=None, ge=1)
    epochs: Optional[int] = Field(default=None, ge=1)
    eval_steps: Optional[int] = Field(default=None, ge=1, description="batches of each evaluation; all when left out")
    validate_every: int = Field(default=200, ge=1, description="steps between evaluations, when steps is set")
    patience: Optional[int] = Field(
        default=3, ge=1, description="evaluations without improvement before an early stop; null never stops early"
    )
    class_weights: Literal["none", "balanced"] = "none"
    mixed_precision: bool = False
    seed: int = Field(default=20, ge=0)

    @model_validator(mode="after")
    def _steps_or_epochs(self) -> "Training":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("set exactly one of steps and epochs")
        return self


class Choice(Section):
    """A hyperparameter picked from a list."""

    values: tuple[Union[int, float, str, bool, tuple[int, ...]], ...] = Field(min_length=1)


class Range(Section):
    """A hyperparameter drawn between two numbers, inclusive."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ascending(self) -> "Range":
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("low must be below high, and above 0 when log is set")
        return self


class Tuning(Section):
    """KerasTuner's search; off by default."""

    enabled: bool = False
    algorithm: Literal["random", "bayesian", "hyperband"] = "random"
    trials: int = Field(default=8, ge=1)
    steps: int = Field(default=300, ge=1, description="training steps of each trial")
    space: dict[str, Union[Choice, Range]] = Field(
        default={
            "learning_rate": Range(low=1e-4, high=1e-2, log=True),
            "hidden_units": Choice(values=((32,), (64, 32), (128, 64))),
        },
        description="model.* and training.* keys, without their section, and what to try",
    )
    pinned: Optional[str] = Field(
        default=None, description="a JSON file of best hyperparameters: used by the Trainer, instead of a search"
    )


class Threshold(Section):
    """One condition that a model must meet to be blessed.

    `at_least` and `at_most` are absolute. `worse_by_at_most` compares with the latest blessed model, in the metric's
    own unit; 0 forbids any loss, a negative number asks for an improvement. `slice` names a feature and a value; an
    empty value means each value of that feature.
    """

    metric: str = Field(pattern=r"^[A-Za-z]\w*$", description="a metric's TFMA class name, for instance AUC")
    at_least: Optional[float] = None
    at_most: Optional[float] = None
    worse_by_at_most: Optional[float] = None
    slice: dict[str, Union[int, float, str]] = {}

    @model_validator(mode="after")
    def _says_something(self) -> "Threshold":
        if self.at_least is None and self.at_most is None and self.worse_by_at_most is None:
            raise ValueError("set at_least, at_most or worse_by_at_most")
        return self


class Evaluation(Section):
    """What is measured on the eval split, and what a model needs to be blessed."""

    metrics: tuple[str, ...] = Field(min_length=1, description="TFMA metric class names")
    thresholds: tuple[Threshold, ...] = Field(
        min_length=1, description="without a threshold no model can be blessed, so at least one is needed"
    )
    slices: tuple[tuple[str, ...], ...] = Field(default=(), description="features whose values are sliced on")
    min_slice_size: int = Field(default=100, ge=1, description="examples below which a slice is shown, not judged")
    confidence_intervals: bool = False

    @model_validator(mode="after")
    def _thresholds_are_measured(self) -> "Evaluation":
        unknown = sorted({threshold.metric for threshold in self.thresholds} - set(self.metrics))
        if unknown:
            raise ValueError(f"a threshold names {', '.join(unknown)}, which is not among the metrics")
        return self


class InfraValidation(Section):
    """How the exported model is tried in a model server before it may be pushed."""

    platform: Literal["process", "tensorflow_model_server", "docker", "kubernetes"] = "process"
    image: str = Field(default="tensorflow/serving:2.16.1", description="for docker and kubernetes")
    examples: int = Field(default=16, ge=1, description="eval examples that are sent as requests")
    tries: int = Field(default=2, ge=1)
    load_seconds: float = Field(default=120.0, gt=0.0)
    p95_milliseconds: float = Field(default=1000.0, gt=0.0)
    memory_mib: int = Field(default=4096, ge=64)


class VertexEndpoint(Section):
    """A Vertex AI endpoint to push to."""

    project: str
    region: str
    endpoint: str = Field(description="its display name; it is made when there is none of that name")
    image: str = Field(description="the serving container, for instance a prebuilt one of Vertex AI")
    machine_type: str = "n1-standard-4"
    accelerator: str = Field(default="", description="for instance NVIDIA_TESLA_T4")
    accelerators: Optional[int] = Field(default=None, ge=1)
    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(default=1, ge=1)
    traffic_percent: int = Field(default=100, ge=0, le=100, description="for the new model; the others share the rest")
    service_account: str = Field(default="", description="that the serving container runs as")
    encryption_key: Optional[EncryptionKey] = Field(default=None, description="for the endpoint and the model")

    @model_validator(mode="after")
    def _can_grow(self) -> "VertexEndpoint":
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas must not be above max_replicas")
        if self.accelerators and not self.accelerator:
            raise ValueError("accelerators counts something, so accelerator must name its type")
        return self


class Push(Section):
    """Where a blessed model goes."""

    directory: Optional[str] = Field(default=None, description="left out: ROOT/serving/NAME")
    vertex: Optional[VertexEndpoint] = None


class Sqlite(Section):
    """ML Metadata in a file; left out: ROOT/metadata.db."""

    backend: Literal["sqlite"] = "sqlite"
    file: Optional[str] = None


class DatabaseServer(Section):
    """ML Metadata on a server. The password is read from an environment variable, never from this file."""

    backend: Literal["mysql", "postgresql"]
    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65_535)
    database: str
    user: str
    password_env: str = Field(default="", description="the environment variable that holds the password")


class Dataflow(Section):
    """How Google Cloud Dataflow runs the data stages, when `beam.mode` is dataflow."""

    project: str = Field(min_length=1)
    region: str = Field(min_length=1)
    temp_location: str = Field(description="a gs:// folder for the jobs' temporary and staged files")
    service_account: str = Field(default="", description="the e-mail address that the workers run as")
    network: str = ""
    subnetwork: str = Field(default="", description="regions/REGION/subnetworks/NAME, or its full address")
    public_ips: bool = True
    machine_type: str = ""
    disk_gib: Optional[int] = Field(default=None, ge=1, description="disk of a worker")
    start_workers: Optional[int] = Field(default=None, ge=1, description="workers at the start")
    max_workers: Optional[int] = Field(default=None, ge=1, description="workers that it may grow to")
    encryption_key: str = Field(default="", description="projects/P/locations/L/keyRings/R/cryptoKeys/K")
    labels: dict[str, str] = {}


class Beam(Section):
    """Where Beam does the data stages' work.

    On this machine: `auto` takes one process, or several when the data is large; `in_memory`, `multi_processing` and
    `multi_threading` are the modes of Beam's own runner. Elsewhere: `dataflow`, `flink`, `spark`, and `portable` for
    any other job server. docs/beam.md has the exact settings of each.
    """

    mode: Literal[
        "auto", "in_memory", "multi_processing", "multi_threading", "portable", "flink", "spark", "dataflow"
    ] = "auto"
    workers: Optional[int] = Field(
        default=None, ge=0, description="processes or threads on this machine; 0 means one a core; left out: by size"
    )
    options: tuple[str, ...] = Field(default=(), description="more Beam options, as Beam writes them")
    setup_file: Optional[str] = Field(
        default=None, description="the setup.py that is packed for the workers, where the stage itself runs"
    )
    image: str = Field(default="", description="the workers' container image, with this project and its lock in it")
    job_server: str = Field(default="", description="HOST:PORT of the job server, for portable, flink and spark")
    worker_pool: str = Field(default="", description="HOST:PORT of a worker pool that runs beside each task of these")
    dataflow: Optional[Dataflow] = None

    @model_validator(mode="after")
    def _says_where(self) -> "Beam":
        if self.mode == "dataflow" and self.dataflow is None:
            raise ValueError("mode dataflow needs beam.dataflow: project, region and temp_location")
        servers = ("--job_endpoint=", f"--{self.mode}_master", "--spark_rest_url=")
        if self.mode in ("portable", "flink", "spark") and not self.job_server:
            if not any(option.startswith(servers) for option in self.options):
                raise ValueError(f"mode {self.mode} needs beam.job_server, HOST:PORT of a Beam job server")
        return self


class Notify(Section):
    """A message about the verdicts at the end of a run."""

    webhook_env: str = Field(description="the environment variable that holds the webhook's URL")


class Archive(Section):
    """A container step that packs the pushed model into one file with its checksum. Needs Docker when run locally."""

    image: str = "debian:bookworm-slim"


class Vertex(VertexDeployment):
    """Vertex AI Pipelines: where compiled jobs run, and with what."""

    beam: Optional[Beam] = Field(default=None, description="Beam's section there, in place of the configuration's")


class Kubeflow(KubeflowDeployment):
    """Open-source Kubeflow Pipelines v2: where compiled jobs run, and with what."""

    beam: Optional[Beam] = Field(default=None, description="Beam's section there, in place of the configuration's")


class Config(Section):
    """A whole pipeline, as `conf/NAME.yaml` describes it."""

    name: str = Field(pattern=f"^{NAME.pattern}$", description="lower-case letters, digits and dashes")
    root: str = Field(default="../runs", description="the folder for artifacts, metadata, logs and pushed models")
    data: Data
    schema_: Schema = Field(default=Schema(), alias="schema")
    data_gate: DataGate = DataGate()
    label: Label
    features: dict[str, Feature] = Field(min_length=1)
    code: Code = Code()
    model: Model = Model()
    training: Training
    tuning: Tuning = Tuning()
    evaluation: Evaluation
    infra_validation: InfraValidation = InfraValidation()
    push: Push = Push()
    metadata: Union[Sqlite, DatabaseServer] = Field(default=Sqlite(), discriminator="backend")
    beam: Beam = Beam()
    notify: Optional[Notify] = None
    archive: Optional[Archive] = None
    vertex: Vertex = Vertex()
    kubeflow: Kubeflow = Kubeflow()
    _file: str = PrivateAttr(default="")

    @property
    def file(self) -> str:
        """The file that it was read from, for messages; empty when it was made in code."""
        return self._file

    @field_validator("name")
    @classmethod
    def _no_trailing_newline(cls, value: str) -> str:
        return value.strip()

    @model_validator(mode="after")
    def _features_are_coherent(self) -> "Config":
        try:
            self.feature_table()
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        return self

    def feature_table(self) -> FeatureTable:
        """The label and the features as one value, which Transform, Trainer and DataGate are given."""
        return FeatureTable(label=self.label, features=self.features)
