"""The InfraValidator component, and TFX's own for Docker and Kubernetes."""

import math

from tfx import types
from tfx.components import InfraValidator as TfxInfraValidator
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import infra_validator_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from millrace.components.infra_validator.engines import EngineExecutor
from millrace.components.infra_validator.examples import PREFERRED_SPLIT
from millrace.components.infra_validator.executor import Executor
from millrace.components.infra_validator.section import InfraValidation


class InfraValidatorSpec(component_spec.ComponentSpec):
    """Inputs, output and parameters; the channels are those of TFX's InfraValidator."""

    PARAMETERS = {
        "section": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        standard_component_specs.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {
        standard_component_specs.BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing),
    }


class InfraValidator(base_component.BaseComponent):
    """Loads and queries the exported model in a model server of its own on this machine, without Docker.

    The output `blessing` is TFX's InfraBlessing, with `reason` (one sentence, empty when blessed) among its custom
    properties, and the model with warm-up requests in it, as Pusher takes it.

    Args:
        model: a channel of one Model.
        examples: a channel of one Examples; its eval split gives the requests.
        section: how it is tried, and the limits that it is held to; the platform is one of this machine.
        code_digest: a digest of the code behind the verdict; it only serves TFX's cache key.
    """

    SPEC_CLASS = InfraValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        section: InfraValidation = InfraValidation(),
        code_digest: str = "",
    ) -> None:
        spec = InfraValidatorSpec(
            model=model,
            examples=examples,
            # The image is no matter of a server on this machine, and makes no verdict stale.
            section=section.model_dump_json(exclude={"image"}),
            code_digest=code_digest,
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
        )
        super().__init__(spec=spec)


class EngineInfraValidator(TfxInfraValidator):
    """TFX's own InfraValidator, which ends as a failure where Docker or Kubernetes is at fault."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(EngineExecutor)


def docker_or_kubernetes(
    model: types.BaseChannel, examples: types.BaseChannel, section: InfraValidation, model_name: str
) -> TfxInfraValidator:
    """TFX's own InfraValidator, which starts TensorFlow Serving's image.

    Its limits are load time and tries only, and it says no without a reason: both are TFX's.

    Args:
        model: a channel of one Model.
        examples: a channel of one Examples.
        section: where the image runs, `docker` or `kubernetes` (only from inside a Kubeflow Pipelines cluster), and the
            image with its tag or digest. `load_seconds` is rounded up to whole seconds.
        model_name: the name under which the model is served.

    Returns:
        The component; its blessing holds the model with warm-up requests.
    """
    serving = infra_validator_pb2.ServingSpec(tensorflow_serving=_serving_image(section.image), model_name=model_name)
    if section.platform == "docker":
        serving.local_docker.SetInParent()
    else:
        serving.kubernetes.SetInParent()
    return EngineInfraValidator(
        model=model,
        examples=examples,
        serving_spec=serving,
        validation_spec=infra_validator_pb2.ValidationSpec(
            max_loading_time_seconds=math.ceil(section.load_seconds), num_tries=section.tries
        ),
        request_spec=infra_validator_pb2.RequestSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServingRequestSpec(signature_names=["serving_default"]),
            split_name=PREFERRED_SPLIT,
            num_examples=section.examples,
            make_warmup=True,
        ),
    )


def _serving_image(image: str) -> infra_validator_pb2.TensorFlowServing:
    if "@" in image:
        name, _, digest = image.partition("@")
        return infra_validator_pb2.TensorFlowServing(image_name=name, digests=[digest])
    name, colon, tag = image.rpartition(":")
    # A colon before a slash belongs to a registry's port, not to a tag.
    if not colon or "/" in tag:
        return infra_validator_pb2.TensorFlowServing(image_name=image, tags=["latest"])
    return infra_validator_pb2.TensorFlowServing(image_name=name, tags=[tag])
