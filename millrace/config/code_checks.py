"""Whether the functions that a configuration names are there and can be called, found without importing anything."""

from collections.abc import Sequence
from pathlib import Path

from millrace.base.errors import ConfigError
from millrace.base.names import nearest
from millrace.catalog.metric_section import metric_of
from millrace.config.config import Config
from millrace.features.expression import functions_of
from millrace.project import project
from millrace.project.code_digest import defined_names, defines, definition, module_file
from millrace.project.python_source import takes

# What each function of `code` is called with, in order.
_ARGUMENTS = {
    "pipeline": ("config", "platform", "today"),
    "preprocessing_fn": ("inputs",),
    "run_fn": ("fn_args",),
    "tuner_fn": ("fn_args",),
    "model_fn": ("table", "tft_output", "model", "training", "label_stats", "settings"),
}


def code_is_there(config: Config) -> None:
    """Checks every function that a configuration names.

    Raises:
        ConfigError: a dotted path names nothing, or what cannot be called as it will be.
        BadInput: there is no project here whose code that would be.
    """
    if not project.is_installed():
        # In no project the code would be that of whatever checkout the environment was made from, or none at all.
        project.require(Path(config.file).parent, Path.cwd())
    for key, dotted_path in config.code:
        if key == "settings" or (key == "tuner_fn" and not config.tuning.enabled):
            continue
        # TFX passes custom_config by name, to a preprocessing_fn that has it.
        keyword = "custom_config" if key == "preprocessing_fn" else ""
        _require_function(config, f"code.{key}", dotted_path, _ARGUMENTS[key], keyword)
    for index, metric in enumerate(map(metric_of, config.evaluation.metrics)):
        if metric.module:
            _require_class(config, f"evaluation.metrics.{index}", metric.metric)
    if config.tuning.objective and metric_of(config.tuning.objective).module:
        _require_class(config, "tuning.objective", metric_of(config.tuning.objective).metric)
    table = config.feature_table()
    for path, key in table.encoders().items():
        of_image = table.features[key.split(".", 1)[1].rpartition(".")[0]].kind == "image"
        _require_function(config, key, path, ("image", "feature") if of_image else ("values", "present", "feature"))
    for name, expression in table.derived().items():
        for path, arguments in functions_of(expression).items():
            _require_function(config, f"features.{name}.expression", path, arguments)


def _require_class(config: Config, key: str, dotted_path: str) -> None:
    if not defines(dotted_path):
        raise ConfigError(
            f"{key} names {dotted_path}, which does not exist{_meant(dotted_path)}",
            where=config.place(key),
            remedy="name a class by its module's dotted path",
        )


def _require_function(config: Config, key: str, dotted_path: str, arguments: Sequence[str], keyword: str = "") -> None:
    if not defines(dotted_path):
        raise ConfigError(
            f"{key} names {dotted_path}, which does not exist{_meant(dotted_path)}",
            where=config.place(key),
            remedy="name a function by its module's dotted path",
        )
    function = definition(dotted_path)
    if function and not takes(function, len(arguments), keyword):
        wanted = ", ".join((*arguments, *filter(None, [keyword])))
        raise ConfigError(
            f"{key}: {dotted_path} cannot be called with {wanted}",
            where=f"{module_file(dotted_path.rpartition('.')[0])}:{function.lineno}",
            remedy=f"define it as {function.name}({wanted})",
        )


def _meant(dotted_path: str) -> str:
    """Which function of the same module may be meant."""
    module, _, name = dotted_path.rpartition(".")
    near = nearest(name, defined_names(module))
    return f"; did you mean {module}.{near[0]}?" if near else ""
