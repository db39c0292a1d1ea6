"""What user code receives in `custom_config`, with the hyperparameters of a search laid over it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Optional, Union

from millrace.base.errors import InputRefused
from millrace.features.description import FeatureTable
from millrace.project import dotted
from millrace.training.section import DEFAULT_MODEL_FN, WARM_START

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class UserConfig:
    """`custom_config` of Trainer and Tuner, read once.

    Attributes:
        table: the label and the features.
        model: `millrace.training.section.Model` as plain values.
        training: `millrace.training.section.Training` as plain values.
        tuning: `millrace.training.section.Tuning` as plain values; empty when nothing is tuned.
        model_fn: the dotted path of the function that builds the model.
        settings: what `code.settings` says: the project's own.
        na_values: the texts that stand for no value, by raw column: `Config.na_values`.
        explanations: `millrace.training.section.Explanations` as plain values; empty where the pipeline has none.
        folds: of a cross-validation beside the training, `evaluation.folds`; 0 for none.
        warm_start: whether it starts from the champion's weights, `training.warm_start`.
    """

    table: FeatureTable
    model: Settings
    training: Settings
    tuning: Settings
    model_fn: str
    settings: Settings
    na_values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    folds: Union[int, Literal["auto"]] = 0
    explanations: Settings = field(default_factory=dict)
    warm_start: str = "none"

    @classmethod
    def read(cls, custom_config: Optional[Mapping[str, Any]]) -> "UserConfig":
        """Reads what the pipeline passed; raises `InputRefused` when a section is not there."""
        given = custom_config or {}
        absent = [section for section in ("features", "model", "training") if section not in given]
        if absent:
            raise InputRefused(
                f"custom_config has no {' and no '.join(absent)}",
                where="custom_config",
                remedy="pass the sections features, model and training of the configuration to the component",
            )
        return cls(
            FeatureTable.model_validate(given["features"]),
            dict(given["model"]),
            dict(given["training"]),
            dict(given.get("tuning") or {}),
            str(given.get("model_fn") or DEFAULT_MODEL_FN),
            dict(given.get("settings") or {}),
            dict(given.get("na_values") or {}),
            given.get("folds") or 0,
            dict(given.get("explanations") or {}),
            str(given.get(WARM_START) or "none"),
        )

    def with_hyperparameters(self, hyperparameters: Optional[Mapping[str, Any]]) -> "UserConfig":
        """Lays hyperparameters over the model and training sections.

        Args:
            hyperparameters: KerasTuner's configuration as TFX stores it (`{"space": ..., "values": {...}}`), or just
                the values by name; None changes nothing.

        Raises:
            InputRefused: a name is a key of neither section.
        """
        values = dict((hyperparameters or {}).get("values", hyperparameters or {}))
        model, training = dict(self.model), dict(self.training)
        for name, value in values.items():
            if name.startswith("tuner/"):  # Hyperband keeps its own book in the values
                continue
            section = model if name in model else training
            if name not in section:
                raise InputRefused(
                    f"{name} is not a hyperparameter",
                    where="tuning.space",
                    remedy=f"name one of {', '.join(sorted([*model, *training]))}",
                )
            # KerasTuner makes whole numbers of a choice between true and false
            section[name] = bool(value) if isinstance(section[name], bool) else parse_value(value)
        if "steps" in values:
            training["epochs"] = None
        elif "epochs" in values:
            training["steps"] = None
        return replace(self, model=model, training=training)

    def model_function(self) -> Callable[..., Any]:
        """Imports the function that builds the model."""
        return dotted.load(self.model_fn, "code.model_fn")


def hyperparameter_value(value: Any) -> Any:
    """Writes a value so that KerasTuner can hold it: a list, which it cannot, as JSON text."""
    return json.dumps(list(value)) if isinstance(value, (list, tuple)) else value


def parse_value(value: Any) -> Any:
    """Reads what `hyperparameter_value` wrote."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value
