"""The configuration of a pipeline: one typed, frozen object, the same for every runner.

`millrace.config.loading.load` is the one function that reads it from YAML. A section lives with the code that reads it,
as `section.py`; here are those that only the graph reads, and `Config` composes them all. They are the reference of
what a file may say; their field descriptions are what `millrace` prints when a value is refused.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Optional, Union

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from millrace.alerts.section import AlertPolicy, Notify
from millrace.base.names import did_you_mean
from millrace.base.numbers import counted
from millrace.base.plain_values import require_plain
from millrace.base.secrets import named_variables
from millrace.base.section import Section
from millrace.catalog.metric_section import metric_of
from millrace.components.data_gate.section import DataGateSection
from millrace.components.evaluator.measurements import measurements
from millrace.components.evaluator.section import Evaluation
from millrace.components.example_gen.section import Data
from millrace.components.infra_validator.section import InfraValidation
from millrace.components.statistics_gen.section import Statistics
from millrace.components.vertex_pusher.section import VertexEndpoint
from millrace.config.beam_section import Beam
from millrace.config.cloud_sections import KubeflowDeployment, VertexDeployment
from millrace.config.deploy_section import Infrastructure
from millrace.config.metadata_section import DatabaseServer, Sqlite
from millrace.config.monitoring_section import Monitoring, vertex_cron
from millrace.config.promotion_section import PromotionPolicy
from millrace.config.registry_section import RegistrySection
from millrace.config.rollout_section import Rollout
from millrace.config.trigger_section import TriggerPolicy
from millrace.features.description import Feature, FeatureTable, Image, Vector
from millrace.features.expression import DOTTED, Misfit
from millrace.features.label import AnyLabel, Label
from millrace.training.section import DEFAULT_MODEL_FN, Explanations, Model, Training, Tuning

# TFX takes 63 letters at most; Vertex AI's own limit is 128.
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
DottedPath = Annotated[str, Field(pattern=f"^{DOTTED.pattern}$")]


class Schema(Section):
    """The data contract."""

    file: Optional[str] = Field(
        default=None, description="the curated schema.pbtxt; without it the inferred schema is used"
    )
    rules: Optional[str] = Field(
        default=None,
        description="rules of your own on the columns' statistics: a file with TFDV's CustomValidationConfig as text",
    )


class Code(Section):
    """The user's code, by dotted path; a fork points these at its own functions."""

    pipeline: DottedPath = Field(default="pipeline.pipeline.create_pipeline", description="builds the graph")
    preprocessing_fn: DottedPath = Field(
        default="models.preprocessing.preprocessing_fn", description="what Transform does with each raw column"
    )
    run_fn: DottedPath = Field(default="models.trainer.run_fn", description="what the Trainer calls")
    tuner_fn: DottedPath = Field(default="models.tuner.tuner_fn", description="what the Tuner calls")
    model_fn: DottedPath = Field(default=DEFAULT_MODEL_FN, description="builds the Keras model that run_fn trains")
    settings: dict[str, dict[str, Any]] = Field(
        default={},
        description="plain values of your own for each stage that reads some, by the stage's name: "
        "{Transform: {cap: 50}, Trainer: {units: 24}}",
    )

    @field_validator("settings")
    @classmethod
    def _plain(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        require_plain(value)
        return value

    def settings_of(self, *stages: str) -> dict[str, Any]:
        """The values of one's own that a stage is given; nothing else makes that stage run again.

        Args:
            stages: ids of stages; a later one's values are laid over those of an earlier one.

        Returns:
            The values by name, plain; empty when `settings` has none for these stages.
        """
        return {name: value for stage in stages for name, value in self.settings.get(stage, {}).items()}


class Push(Section):
    """Where a blessed model goes."""

    directory: Optional[str] = Field(default=None, description="left out: ROOT/serving/NAME")
    vertex: Optional[VertexEndpoint] = None
    trial: bool = Field(
        default=False,
        description="push to ROOT/trials/NAME, where nothing is served, and never be the champion; a run with --set of "
        "what is learned or judged is one, unless it is given --push",
    )


class Archive(Section):
    """A container step that packs the pushed model into one file with its checksum. Needs Docker when run locally."""

    image: str = Field(default="debian:bookworm-slim", description="an image with sh, GNU tar, gzip, sed and sha256sum")


class Config(Section):
    """A whole pipeline, as `conf/NAME.yaml` describes it."""

    name: str = Field(pattern=f"^{NAME.pattern}$", description="lower-case letters, digits and dashes, 63 at most")
    environment: str = Field(
        default="", description="what conf/environments/ENVIRONMENT.yaml says is laid over this; --env names another"
    )
    root: str = Field(
        default="../runs", min_length=1, description="the folder for artifacts, metadata, logs and pushed models"
    )
    data: Data
    statistics: Statistics = Statistics()
    schema_: Schema = Field(default=Schema(), alias="schema")
    data_gate: DataGateSection = DataGateSection()
    label: AnyLabel
    features: dict[str, Feature] = Field(min_length=1)
    code: Code = Code()
    model: Model = Model()
    training: Training
    tuning: Tuning = Tuning()
    explanations: Explanations = Explanations()
    evaluation: Evaluation
    infra_validation: InfraValidation = InfraValidation()
    push: Push = Push()
    registry: RegistrySection = RegistrySection()
    promotion: PromotionPolicy = PromotionPolicy()
    rollout: Rollout = Rollout()
    monitoring: Monitoring = Monitoring()
    metadata: Union[Sqlite, DatabaseServer] = Field(default=Sqlite(), discriminator="backend")
    beam: Beam = Beam()
    notify: Optional[Notify] = None
    alerts: AlertPolicy = AlertPolicy()
    triggers: TriggerPolicy = TriggerPolicy()
    archive: Optional[Archive] = None
    vertex: VertexDeployment = VertexDeployment()
    kubeflow: KubeflowDeployment = KubeflowDeployment()
    deploy: Infrastructure = Infrastructure()
    _file: str = PrivateAttr(default="")
    _places: dict[str, str] = PrivateAttr(default={})

    @property
    def file(self) -> str:
        """The file that it was read from, for messages; empty when it was made in code."""
        return self._file

    @property
    def places(self) -> Mapping[str, str]:
        """Where each value is written, by its dotted key: `FILE:LINE:COLUMN`, or the `--set`; nothing of defaults."""
        return self._places

    def place(self, key: str) -> str:
        """Where a value was written, for messages of what comes after reading.

        Args:
            key: dotted, such as `code.model_fn` or `evaluation.metrics.2`.

        Returns:
            `FILE:LINE:COLUMN`, or the `--set` that says it; of what it lies in, where the value itself is a default.
        """
        parts = key.split(".")
        longer_first = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self._places[one] for one in longer_first if one in self._places), self._file)

    @field_validator("name")
    @classmethod
    def _no_trailing_newline(cls, value: str) -> str:
        return value.strip()

    @model_validator(mode="after")
    def _features_are_coherent(self) -> "Config":
        try:
            self.feature_table()
        except ValidationError as error:
            first = error.errors()[0]
            raise first.get("ctx", {}).get("error") or ValueError(first["msg"]) from error
        return self

    @model_validator(mode="after")
    def _what_is_left_out_is_read_by_nothing(self) -> "Config":
        sliced = [name for names in self.evaluation.slices for name in names]
        sliced += [name for threshold in self.evaluation.thresholds for name in threshold.slice]
        read = dict.fromkeys(sliced, "evaluation.slices reads it")
        read |= dict.fromkeys(self.statistics.columns(), "statistics.slices reads it")
        read |= dict.fromkeys(self.feature_table().columns(), "it is a feature")
        read |= dict.fromkeys(self.label.columns(), "it is the label, or its weight")
        for column in self.data.leave_out:
            if column in read:
                raise ValueError(f"data.leave_out: {column} cannot be left out, since {read[column]}")
        return self

    @model_validator(mode="after")
    def _judged_on_a_split_that_is_there(self) -> "Config":
        names = self.data.split_names
        if self.judging_split not in names:
            meant = did_you_mean(self.judging_split, names)
            raise ValueError(
                f"evaluation.split: {self.judging_split} is no split of the data{meant or ': ' + ', '.join(names)}"
            )
        if self.judging_split == "train":
            raise ValueError("evaluation.split: a model is not judged on train, which it has learned from")
        return self

    @model_validator(mode="after")
    def _explained_from_columns_that_are_read(self) -> "Config":
        names = self.feature_table().columns()
        for column in self.explanations.baseline:
            if column not in names:
                meant = did_you_mean(column, names) or f"; name one of: {', '.join(names)}"
                raise Misfit(("explanations", "baseline", column), f"{column} is no column that a feature reads{meant}")
        return self

    @model_validator(mode="after")
    def _every_metric_is_of_an_output(self) -> "Config":
        measurements(self.label, self.evaluation)
        if self.tuning.objective:
            named = metric_of(self.tuning.objective).output or ""
            outputs = self.label.by_output()
            if named not in outputs:
                meant = "leave output out" if "" in outputs else f"say of which with output: {' or '.join(outputs)}"
                raise Misfit(("tuning", "objective"), f"the label has {counted(len(outputs), 'output')}; {meant}")
        return self

    @model_validator(mode="after")
    def _multilabel_columns_are_read_and_weighed(self) -> "Config":
        multilabel = {name: one for name, one in self.label.by_output().items() if one.task == "multilabel"}
        for name, output in multilabel.items():
            if output.separator is None and self.data.format == "csv":
                key = ("label", "outputs", name, "separator") if name else ("label", "separator")
                raise Misfit(key, f"a CSV file holds no lists; say what stands between the classes of {output.column}")
        if multilabel and self.training.class_weights == "balanced":
            raise Misfit(
                ("training", "class_weights"),
                "balanced weighs a row by its one class, and the rows of a multilabel label have several; say none",
            )
        return self

    @model_validator(mode="after")
    def _folds_are_drawn_row_by_row(self) -> "Config":
        if self.evaluation.folds not in ("auto", 0) and self._together:
            raise ValueError(
                f"evaluation.folds: folds are drawn row by row, and {self._together} says that rows belong together: "
                "a fold's rows would be known from others; leave it out, or set it to 0"
            )
        if self.evaluation.folds not in ("auto", 0) and not self._predicts_one:
            raise ValueError(
                "evaluation.folds: folds are scored by one class or number a row, and the label has several; "
                "leave it out, or set it to 0"
            )
        return self

    @model_validator(mode="after")
    def _probabilities_are_calibrated(self) -> "Config":
        if self.model.calibrate != "none" and not self._predicts_one:
            raise ValueError("model.calibrate: it is for one class a row, and the label has several; leave it out")
        if self.model.calibrate != "none" and isinstance(self.label, Label) and self.label.task == "regression":
            raise ValueError("model.calibrate: a regression has no probabilities to calibrate; leave it out")
        return self

    @model_validator(mode="after")
    def _is_promoted_from_elsewhere(self) -> "Config":
        if self.promotion.after is not None and self.promotion.after == self.environment:
            raise Misfit(("promotion", "after"), "it is this environment itself; name the one before it")
        return self

    @model_validator(mode="after")
    def _monitor_can_be_made(self) -> "Config":
        if self.push.vertex is None or not self.push.vertex.monitor:
            return self
        key = ("push", "vertex", "monitor")
        if not self.schema_.file:
            raise Misfit(key, "a monitor has the limits of the curated schema, and schema.file names none")
        if vertex_cron(self.monitoring.window) is None:
            what = f"Vertex AI cannot follow windows of {self.monitoring.window} (monitoring.window)"
            raise Misfit(key, f"{what}; take a day, or hours by which a day can be divided: 1h, 6h, 1d")
        return self

    @model_validator(mode="after")
    def _candidates_come_from_pushes(self) -> "Config":
        if self.rollout.candidates and self.registry.approval != "candidate":
            raise ValueError(
                f"rollout.candidates: no push becomes a candidate with registry.approval: {self.registry.approval}; "
                "set it to candidate"
            )
        return self

    @model_validator(mode="after")
    def _new_spans_can_be_seen(self) -> "Config":
        if self.triggers.span is None:
            return self
        if not self.data.has_spans:
            raise Misfit(("triggers", "span"), f"{self.data.patterns[0]} has no {{SPAN}} and no date, so none is new")
        if "://" in self.data.path:
            raise Misfit(("triggers", "span"), "new spans are looked for on this machine's disks, not in a bucket")
        if self.data.span is not None:
            raise Misfit(("triggers", "span"), "data.span names the one span that every run reads; leave it out")
        return self

    @property
    def _predicts_one(self) -> bool:
        """Whether one class or number is predicted of a row."""
        return isinstance(self.label, Label) and self.label.task != "multilabel"

    @property
    def _together(self) -> str:
        """The key that says that rows are not to be drawn one by one; empty where none does."""
        data = self.data
        divided = "data.files" if data.files else "" if data.splits.by in ("row", "stratum") else "data.splits"
        return divided or ("data.key" if data.key else "")

    @property
    def folds(self) -> Union[int, Literal["auto"]]:
        """`evaluation.folds`; 0 where rows belong together, or more than one class or number is predicted."""
        return self.evaluation.folds if self._predicts_one and not self._together else 0

    @property
    def judging_split(self) -> str:
        """The split that the Evaluator judges on: the configured one, else test where there is one, else eval."""
        return self.evaluation.split or ("test" if "test" in self.data.split_names else "eval")

    def secret_variables(self) -> tuple[str, ...]:
        """The names of the variables that hold secrets: under every key that ends in `_env`, and the services' own."""
        of_kubernetes = [name for keys in self.kubeflow.secrets.values() for name in keys.values()]
        by_key = [str(name) for _, name in named_variables(self.model_dump()) if name]
        return (*by_key, *filter(None, of_kubernetes), *self.vertex.secrets)

    def feature_table(self) -> FeatureTable:
        """The label and the features as one value, which Transform, Trainer and DataGate are given."""
        return FeatureTable(label=self.label, features=self.features)

    def na_values(self) -> dict[str, list[str]]:
        """The texts that stand for no value by raw column, of those of which the model reads one value a row."""
        table = self.feature_table()
        whole = {name for name, feature in self.features.items() if isinstance(feature, (Vector, Image))}
        read = {name: self.data.columns.get(name) for name in table.columns() if name not in whole | table.lists()}
        texts = {name: [*self.data.missing, *(one.missing if one else ())] for name, one in read.items()}
        return {name: of_column for name, of_column in texts.items() if of_column}
