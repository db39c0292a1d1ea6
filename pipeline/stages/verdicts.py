"""The stages that judge a model: LatestBlessedModel, Evaluator, InfraValidator, and on request HardExamples.

BaseModel is here too, since it finds a champion as LatestBlessedModel does.
"""

from typing import Optional

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.types.channel import BaseChannel, Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

from custom_components.hard_examples.component import HardExamplesFinder
from millrace.base.errors import ConfigError
from millrace.components import stage_ids
from millrace.components.champion.base_model import BaseModelStrategy
from millrace.components.champion.component import PushedChampion
from millrace.components.champion.strategy import ChampionStrategy
from millrace.components.evaluator.component import Evaluator
from millrace.components.evaluator.eval_config import eval_config
from millrace.components.infra_validator.component import InfraValidator, docker_or_kubernetes
from millrace.config.config import Config
from millrace.config.paths import serving_directory
from millrace.config.platform import Platform
from millrace.features.keys import transformed_key
from millrace.features.label import Label
from millrace.project.code_digest import code_digest

HARD_EXAMPLES = "HardExamples"


def build_latest_blessed_model(config: Config, platform: Platform, candidate: BaseChannel) -> BaseNode:
    """LatestBlessedModel: the champion that a candidate is compared with; none before the first blessing.

    Args:
        config: the configuration.
        platform: how a champion is found there.
        candidate: the Trainer's model, which is no champion of its own.
    """
    return _champion(config, platform, candidate).with_id(stage_ids.LATEST_BLESSED_MODEL)


def _champion(config: Config, platform: Platform, candidate: Optional[BaseChannel] = None) -> BaseNode:
    if platform.champion == "pushed":
        return PushedChampion(
            directory=serving_directory(config), code_digest=code_digest(PushedChampion.EXECUTOR_SPEC.executor_class)
        )
    channels = {"model": Channel(type=Model), "model_blessing": Channel(type=ModelBlessing)}
    if platform.champion == "blessed":
        return Resolver(strategy_class=LatestBlessedModelStrategy, **channels)
    return Resolver(strategy_class=ChampionStrategy, **channels, candidate=candidate)


def build_base_model(config: Config, platform: Platform, examples: BaseChannel) -> Optional[BaseNode]:
    """BaseModel: the champion from whose weights the training starts, when `training.warm_start` says so; else nothing.

    Args:
        config: the configuration.
        platform: how a champion is found there; services know one way only, which is LatestBlessedModel's.
        examples: Transform's; a model that has learned from them is passed over.
    """
    if config.training.warm_start == "none":
        return None
    if platform.champion == "resolved":
        channels = {"model": Channel(type=Model), "model_blessing": Channel(type=ModelBlessing)}
        found: BaseNode = Resolver(strategy_class=BaseModelStrategy, **channels, examples=examples)
    else:
        found = _champion(config, platform)
    return found.with_id(stage_ids.BASE_MODEL)


def build_evaluator(
    config: Config, examples: BaseChannel, statistics: BaseChannel, model: BaseChannel, champion: BaseNode
) -> BaseComponent:
    """Evaluator: TFMA's metrics against the thresholds, and a gate report that says why or why not.

    Args:
        config: the configuration.
        examples: ExampleGen's, raw; of them the split that judges.
        statistics: StatisticsGen's; a blessing keeps them, for DataGate to compare the next data with.
        model: the candidate.
        champion: LatestBlessedModel, whose model is the baseline; none before the first blessing.
    """
    return Evaluator(
        examples=examples,
        statistics=statistics,
        model=model,
        baseline_model=champion.outputs["model"],
        # A pushed model has none: there is nothing to look blessings up with.
        baseline_blessing=champion.outputs.get("model_blessing"),
        baseline_fall=config.evaluation.baseline_fall,
        eval_config=eval_config(config.label, config.evaluation),
        example_splits=[config.judging_split],
        min_slice_size=config.evaluation.min_slice_size,
        min_slice_class_size=config.evaluation.min_slice_class_size,
        trial=config.push.trial,
        code_digest=code_digest(
            Evaluator.EXECUTOR_SPEC.executor_class,
            *(metric.metric for metric in config.evaluation.measured() if metric.module),
        ),
    ).with_id(stage_ids.EVALUATOR)


def build_infra_validator(config: Config, model: BaseChannel, examples: BaseChannel) -> BaseComponent:
    """InfraValidator: the exported model, loaded and queried in a model server of its own.

    Args:
        config: the configuration.
        model: the candidate.
        examples: ExampleGen's, raw; eval's rows become requests.
    """
    section = config.infra_validation
    built: BaseComponent
    if section.platform in ("docker", "kubernetes"):
        built = docker_or_kubernetes(model, examples, section, config.name)
    else:
        built = InfraValidator(
            model=model,
            examples=examples,
            section=section,
            code_digest=code_digest(InfraValidator.EXECUTOR_SPEC.executor_class),
        )
    return built.with_id(stage_ids.INFRA_VALIDATOR)


def build_hard_examples(config: Config, examples: BaseChannel, model: BaseChannel) -> Optional[BaseComponent]:
    """HardExamples, when `code.settings` says how many: the eval rows on which the model is most wrong.

    Args:
        config: the configuration.
        examples: ExampleGen's, raw.
        model: the candidate.

    Raises:
        ConfigError: what it says is no number of rows.
    """
    if HARD_EXAMPLES not in config.code.settings:
        return None
    count = config.code.settings_of(HARD_EXAMPLES).get("rows")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ConfigError(
            f"{count!r} is no number of rows",
            where=f"code.settings.{HARD_EXAMPLES}.rows",
            remedy="for instance 25; leave HardExamples out of code.settings for none",
        )
    if not isinstance(config.label, Label) or config.label.task == "multilabel":
        raise ConfigError(
            "it ranks rows by how wrong the model is about one class or number, and there are several",
            where=f"code.settings.{HARD_EXAMPLES}",
            remedy="leave HardExamples out of code.settings",
        )
    return HardExamplesFinder(
        examples=examples,
        model=model,
        count=count,
        label_key=transformed_key(config.label.column),
        code_digest=code_digest(HardExamplesFinder.EXECUTOR_SPEC.executor_class),
    ).with_id(HARD_EXAMPLES)
