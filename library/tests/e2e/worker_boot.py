"""What Beam's worker containers run first, without a container: the code that the job brings along is fetched from the
job server, installed in an empty folder, and put on the path of a worker process that knows nothing else.

The flags are those of Beam's container contract, https://s.apache.org/beam-fn-api-container-contract.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc
from apache_beam.portability.api import (
    beam_artifact_api_pb2,
    beam_artifact_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    beam_runner_api_pb2,
    endpoints_pb2,
)
from google.protobuf import json_format, text_format


def main() -> None:
    """Fetches, installs, and becomes the worker."""
    flags = argparse.ArgumentParser()
    for name in ("id", "logging_endpoint", "artifact_endpoint", "provision_endpoint", "control_endpoint"):
        flags.add_argument(f"--{name}", required=True)
    told = flags.parse_args()
    identity = [("worker_id", told.id)]
    folder = Path(tempfile.mkdtemp(prefix=f"{told.id}-"))
    provision = beam_provision_api_pb2_grpc.ProvisionServiceStub(grpc.insecure_channel(told.provision_endpoint))
    info = provision.GetProvisionInfo(beam_provision_api_pb2.GetProvisionInfoRequest(), metadata=identity).info
    for staged in fetch(info, told.artifact_endpoint, identity, folder):
        if staged.name.endswith((".tar.gz", ".whl")):
            install(staged, folder / "site")
    os.chdir(folder)
    os.execve(
        sys.executable,
        [sys.executable, "-m", "apache_beam.runners.worker.sdk_worker_main"],
        {
            **os.environ,
            "PYTHONPATH": str(folder / "site"),
            "WORKER_ID": told.id,
            "CONTROL_API_SERVICE_DESCRIPTOR": descriptor(told.control_endpoint),
            "LOGGING_API_SERVICE_DESCRIPTOR": descriptor(told.logging_endpoint),
            "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
            "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
            "SEMI_PERSISTENT_DIRECTORY": str(folder),
        },
    )


def fetch(info, endpoint: str, identity: list, folder: Path):
    """Fetches the job's files under the names that they were staged by."""
    artifacts = beam_artifact_api_pb2_grpc.ArtifactRetrievalServiceStub(grpc.insecure_channel(endpoint))
    for artifact in info.dependencies:
        role = beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(artifact.role_payload)
        request = beam_artifact_api_pb2.GetArtifactRequest(artifact=artifact)
        staged = folder / os.path.basename(role.staged_name)
        staged.write_bytes(b"".join(part.data for part in artifacts.GetArtifact(request, metadata=identity)))
        yield staged


def install(archive: Path, target: Path) -> None:
    """Installs a wheel or a source archive without what it requires, which a worker's image brings."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(archive)], check=True)


def descriptor(url: str) -> str:
    """An address as Beam's worker reads it."""
    return text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url))


if __name__ == "__main__":
    main()
