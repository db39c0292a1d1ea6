"""The compiled jobs that are compared with golden files, whole. `make golden` writes them again."""

import re
from pathlib import Path
from typing import Any

from millrace.cloud.compile import compile_for
from millrace.config.loading import load
from millrace.jobspec.job import CompiledJob, from_documents

GOLDEN = Path(__file__).parent / "golden"
CONFIG = "conf/taxi.yaml"
KEY = "projects/my-project/locations/us-central1/keyRings/ring/cryptoKeys/key"
IMAGE = "us-central1-docker.pkg.dev/my-project/millrace/millrace@sha256:" + "0123456789abcdef" * 4

VERTEX = (
    "vertex.project=my-project",
    "vertex.root=gs://my-bucket/millrace",
    "vertex.data_path=gs://my-bucket/data",
    f"vertex.image={IMAGE}",
)
KUBEFLOW = (
    "kubeflow.host=https://kfp.example.org",
    "kubeflow.root=minio://mlpipeline/v2/artifacts",
    "kubeflow.volumes={millrace-data: /mnt/millrace}",
    "kubeflow.data_path=/mnt/millrace/data",
    "kubeflow.push_directory=/mnt/millrace/serving",
    f"kubeflow.image={IMAGE}",
)
# Every stage there is, and every setting that a document can say.
STAGES = (
    "data.pattern=span-{SPAN}/v-{VERSION}/*",
    "data.span=7",
    "statistics.slices=[[payment_type], [trip_start_day, trip_start_hour]]",
    "tuning.enabled=true",
    "archive={}",
    f"archive.image=registry.example.org/debian@sha256:{'a' * 64}",
    "notify={webhook_env: HOOK}",
)
VERTEX_SETTINGS = (
    "vertex.display_name=Tips in Chicago",
    "vertex.service_account=millrace@my-project.iam.gserviceaccount.com",
    "vertex.network=projects/12345/global/networks/inside",
    "vertex.reserved_ip_ranges=[inside-range]",
    f"vertex.encryption_key={KEY}",
    "vertex.labels={team: tips}",
    "vertex.environment={LEVEL: INFO}",
    "vertex.secrets={HOOK: projects/my-project/secrets/hook/versions/3}",
    "vertex.failure_policy=fast",
    "vertex.defaults={cpu: 2, memory_gb: 8, retries: 1}",
    "vertex.stages.ExampleGen={cpu: 8, memory_gb: 32, accelerator: NVIDIA_TESLA_T4}",
    "vertex.stages.Trainer={caching: false, retries: 3, retry_seconds: 30, timeout_minutes: 90}",
    "vertex.stages.ModelArchive={timeout_minutes: 10}",
    "vertex.trainer={machine_type: a2-highgpu-1g, accelerator: NVIDIA_TESLA_A100, workers: 2, timeout_minutes: 60}",
    f"vertex.beam={{mode: dataflow, image: '{IMAGE}', dataflow: {{project: my-project, "
    f"region: us-central1, temp_location: 'gs://my-bucket/temp', encryption_key: '{KEY}'}}}}",
    "push.vertex={project: my-project, region: us-central1, endpoint: tips, image: tf-serving, traffic_percent: 20, "
    f"min_replicas: 2, max_replicas: 5, encryption_key: '{KEY}'}}",
)
KUBEFLOW_SETTINGS = (
    "kubeflow.secrets={hook: {url: HOOK}}",
    "kubeflow.image_pull_secrets=[registry]",
    "kubeflow.caching=false",
    "kubeflow.stages.Transform={caching: true, cpu: 1.5, memory_gb: 4}",
    "kubeflow.stages.Trainer={accelerator: nvidia.com/gpu, accelerators: 2, retries: 2}",
)
CASES = {
    "taxi-vertex.json": VERTEX,
    "taxi-vertex-schema-2.0.json": (*VERTEX, "vertex.schema_version='2.0'"),
    "everything-vertex.json": (*VERTEX, *STAGES, *VERTEX_SETTINGS),
    "taxi-kubeflow.yaml": KUBEFLOW,
    "everything-kubeflow.yaml": (*KUBEFLOW, *STAGES, *KUBEFLOW_SETTINGS),
}


def compiled(case: str) -> CompiledJob:
    """Compiles a case."""
    return compile_for(load(CONFIG, CASES[case]), "vertex" if case.endswith(".json") else "kubeflow")


def normalised(job: CompiledJob) -> str:
    """The text without what may change and the document still mean the same: versions, and digests of the code."""
    return from_documents(_without_versions(job.to_document())).to_text()


def _without_versions(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _without_versions(below, name if key != "code_digest" else key) for name, below in value.items()}
    if isinstance(value, list):
        return [_without_versions(below) for below in value]
    if isinstance(value, str):
        value = re.sub(r"^tfx-\d+\.\d+\.\d+$", "tfx-VERSION", value)
        # As a parameter of its own, or within JSON text, perhaps within JSON text again.
        value = re.sub(r'(code_digest\\*": \\*")[0-9a-f]{16}', r"\1DIGEST", value)
        value = re.sub(r'("python": ")3\.\d+', r"\1VERSION", value)
        value = "version" if key in ("tfx_version", "tfx_py_version") else value
        value = re.sub(r"^[0-9a-f]{16}$", "DIGEST", value) if key == "code_digest" else value
    return value


def main() -> None:
    """Writes every golden file."""
    GOLDEN.mkdir(exist_ok=True)
    for case in CASES:
        (GOLDEN / case).write_text(normalised(compiled(case)), encoding="utf-8")


if __name__ == "__main__":
    main()
