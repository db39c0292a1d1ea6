"""The InfraValidator component, and TFX's own for Docker and Kubernetes."""

from typing import Literal

from tfx import types
from tfx.components import InfraValidator as TfxInfraValidator
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import infra_validator_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from millrace.components.infra_validator.engines import EngineExecutor
from millrace.components.infra_validator.examples import PREFERRED_SPLIT
from millrace.components.infra_validator.executor import Executor
from millrace.model_server.server_process import Platform


class InfraValidatorSpec(component_spec.ComponentSpec):
    """Inputs, output and parameters; the channels are those of TFX's InfraValidator."""

    PARAMETERS = {
        "platform": component_spec.ExecutionParameter(type=str),
        "num_examples": component_spec.ExecutionParameter(type=int),
        "tries": component_spec.ExecutionParameter(type=int),
        "load_seconds": component_spec.ExecutionParameter(type=float),
        "request_seconds": component_spec.ExecutionParameter(type=float),
        "p95_milliseconds": component_spec.ExecutionParameter(type=float),
        "memory_mib": component_spec.ExecutionParameter(type=int),
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
        platform: `process` for the server of this package, `tensorflow_model_server` for the binary on PATH.
        num_examples: examples sent to each signature.
        tries: servers started at most, for failures that can pass.
        load_seconds: from the server's start until the model is available.
        request_seconds: one request, before the server counts as hung.
        p95_milliseconds: latency that 95 of 100 one-example requests keep to.
        memory_mib: the server's resident memory in MiB, TensorFlow itself included.
        code_digest: a digest of the code behind the verdict; it only serves TFX's cache key.
    """

    SPEC_CLASS = InfraValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        platform: Platform = "process",
        num_examples: int = 16,
        tries: int = 2,
        load_seconds: float = 120.0,
        request_seconds: float = 30.0,
        p95_milliseconds: float = 1000.0,
        memory_mib: int = 4096,
        code_digest: str = "",
    ) -> None:
        spec = InfraValidatorSpec(
            model=model,
            examples=examples,
            platform=platform,
            num_examples=num_examples,
            tries=tries,
            load_seconds=float(load_seconds),
            request_seconds=float(request_seconds),
            p95_milliseconds=float(p95_milliseconds),
            memory_mib=memory_mib,
            code_digest=code_digest,
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
        )
        super().__init__(spec=spec)


class EngineInfraValidator(TfxInfraValidator):
    """TFX's own InfraValidator, which ends as a failure where Docker or Kubernetes is at fault."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(EngineExecutor)


def docker_or_kubernetes(
    model: types.BaseChannel,
    examples: types.BaseChannel,
    platform: Literal["docker", "kubernetes"],
    image: str,
    model_name: str,
    num_examples: int = 16,
    tries: int = 2,
    load_seconds: float = 120.0,
) -> TfxInfraValidator:
    """TFX's own InfraValidator, which starts TensorFlow Serving's image.

    Its limits are load time and tries only, and it says no without a reason: both are TFX's.

    Args:
        model: a channel of one Model.
        examples: a channel of one Examples.
        platform: where the image runs. Kubernetes only works from inside a Kubeflow Pipelines cluster.
        image: with its tag or digest, for instance `tensorflow/serving:2.16.1`.
        model_name: the name under which the model is served.
        num_examples: examples sent to `serving_default`.
        tries: servers started at most.
        load_seconds: rounded up to whole seconds.

    Returns:
        The component; its blessing holds the model with warm-up requests.
    """
    serving = infra_validator_pb2.ServingSpec(tensorflow_serving=_serving_image(image), model_name=model_name)
    if platform == "docker":
        serving.local_docker.SetInParent()
    else:
        serving.kubernetes.SetInParent()
    return EngineInfraValidator(
        model=model,
        examples=examples,
        serving_spec=serving,
        validation_spec=infra_validator_pb2.ValidationSpec(
            max_loading_time_seconds=int(-(-load_seconds // 1)), num_tries=tries
        ),
        request_spec=infra_validator_pb2.RequestSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServingRequestSpec(signature_names=["serving_default"]),
            split_name=PREFERRED_SPLIT,
            num_examples=num_examples,
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
