"""What is a mapping, a list or a text in a compiled job, as far as it is looked into here.

KFP's `pipeline_spec.proto` has the whole of it, and protobuf's own reader takes a text for a mapping without a word.
"""

from millrace.base.shapes import AMOUNT, WHOLE, Shape

_DEFINITIONS: Shape = {
    "parameters": {"*": {"parameterType": str, "type": str}},
    "artifacts": {"*": {"artifactType": {"schemaTitle": str, "instanceSchema": str}}},
}
_PRODUCER: Shape = {"producerTask": str, "outputParameterKey": str, "outputArtifactKey": str}
_TASK: Shape = {
    "componentRef": {"name": str},
    "taskInfo": {"name": str},
    "inputs": {
        "parameters": {
            "*": {
                "runtimeValue": dict,
                "taskOutputParameter": _PRODUCER,
                "taskFinalStatus": _PRODUCER,
                "componentInputParameter": str,
            }
        },
        "artifacts": {"*": {"taskOutputArtifact": _PRODUCER, "componentInputArtifact": str}},
    },
    "dependentTasks": [str],
    "triggerPolicy": {"condition": str, "strategy": str},
    "cachingOptions": dict,
    "retryPolicy": {"maxRetryCount": WHOLE, "backoffFactor": AMOUNT},
    "parameterIterator": {"itemInput": str, "items": dict},
    "artifactIterator": {"itemInput": str, "items": dict},
}
_COMPONENT: Shape = {
    "executorLabel": str,
    "dag": {"tasks": {"*": _TASK}, "outputs": dict},
    "inputDefinitions": _DEFINITIONS,
    "outputDefinitions": _DEFINITIONS,
}
_COMMAND: Shape = {"command": [str], "args": [str]}
_EXECUTOR: Shape = {
    "container": {
        "image": str,
        **_COMMAND,
        "env": [{"name": str, "value": str}],
        "resources": {
            "cpuLimit": AMOUNT,
            "memoryLimit": AMOUNT,
            "accelerator": {"type": str, "count": WHOLE, "resourceType": str},
        },
        "lifecycle": {"preCacheCheck": _COMMAND},
    },
    "importer": dict,
    "resolver": dict,
    "customJob": dict,
}
SPEC: Shape = {
    "pipelineInfo": {"name": str},
    "schemaVersion": str,
    "defaultPipelineRoot": str,
    "root": _COMPONENT,
    "components": {"*": _COMPONENT},
    "deploymentSpec": {"executors": {"*": _EXECUTOR}},
}
JOB: Shape = {
    "pipelineSpec": SPEC,
    "displayName": str,
    "labels": {"*": object},
    "runtimeConfig": {"gcsOutputDirectory": str, "parameterValues": dict, "parameters": dict, "failurePolicy": object},
    "encryptionSpec": {"kmsKeyName": str},
    "serviceAccount": str,
    "network": str,
    "reservedIpRanges": [str],
    "templateUri": str,
    "templateMetadata": {"version": str},
}
PLATFORMS: Shape = {
    "platforms": {
        "kubernetes": {
            "deploymentSpec": {
                "executors": {"*": {"pvcMount": [dict], "secretAsEnv": [{"secretName": str, "keyToEnv": [dict]}]}}
            }
        }
    }
}
_MACHINE: Shape = {"machine_type": str, "accelerator_type": str, "accelerator_count": WHOLE}
_GCS: Shape = {"gcs_base_directory": {"output_uri_prefix": str}}
_MONITOR: Shape = {
    "specs": {
        "*": {
            "output_spec": _GCS,
            "objective_spec": {"baseline_dataset": {"columnized_dataset": {"gcs_source": {"gcs_uri": str}}}},
        }
    }
}
_POOLS: Shape = [
    {
        "machine_spec": _MACHINE,
        "replica_count": WHOLE,
        "container_spec": {"image_uri": str},
        "python_package_spec": {"executor_image_uri": str},
    }
]
JSON_PARAMETERS: dict[str, Shape] = {
    "custom_config": {
        "ai_platform_training_args": {
            "project": str,
            "job_spec": {
                "worker_pool_specs": _POOLS,
                "service_account": str,
            },
            "encryption_spec": {"kms_key_name": str},
        },
        "ai_platform_serving_args": {
            **_MACHINE,
            "project_id": str,
            "service_account": str,
            "min_replica_count": WHOLE,
            "max_replica_count": WHOLE,
        },
        "ai_platform_vertex_region": str,
        "ai_platform_vertex_container_image_uri": str,
        "millrace_encryption_key": str,
        "millrace_version": {"monitor": _MONITOR, "endpoint": {"request_logging": {"table": str}}},
    },
    "push_destination": {"filesystem": {"base_directory": str, "baseDirectory": str}},
    "input_config": {"splits": [{"pattern": str}]},
    "worker_pool_specs": _POOLS,
}
"""Of parameters that hold JSON, by their names as TFX's components and Google's own have them."""
