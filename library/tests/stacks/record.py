"""Records what this stack makes of the taxi data, for `make stacks-agree` to hold beside what the other stack makes.

    python library/tests/stacks/record.py FOLDER

Runs the taxi pipeline as it is configured into FOLDER/tfx-VERSION, then serves each model that lies under FOLDER, the
other stack's too, with this stack's model server, and writes its answers beside the run.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
CODE = ("conf", "custom_components", "millrace", "models", "pipeline", "runners", "schema")
MODEL = "taxi"
ROWS = 200
SECONDS = 120.0
MEMORY_BYTES = 8 << 30


def stack() -> str:
    """The name of this stack's folder."""
    return f"tfx-{importlib.metadata.version('tfx')}"


def about() -> dict[str, str]:
    """What made the results: the versions, and a digest of the code, which must be the other's too."""
    code = hashlib.sha256()
    for file in sorted(path for room in CODE for path in (CHECKOUT / room).rglob("*")):
        if file.suffix in (".py", ".yaml", ".pbtxt"):
            code.update(str(file.relative_to(CHECKOUT)).encode() + b"\0" + file.read_bytes())
    packages = ("tfx", "tensorflow", "keras", "protobuf", "numpy", "pyarrow")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {"code": code.hexdigest(), "python": platform.python_version(), **versions}


def run(folder: Path) -> None:
    """Runs the pipeline from the start, with the folder as its root.

    Raises:
        subprocess.CalledProcessError: the run failed, or a gate said no.
    """
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "millrace.cli.main", "run", "-c", "conf/taxi.yaml", "--set", f"root={folder}"]
    subprocess.run(command, cwd=CHECKOUT, check=True)
    (folder / "about.json").write_text(json.dumps(about(), indent=2) + "\n")


def newest(folder: Path) -> Path:
    """The newest of an artifact's folders, which are named by numbers."""
    return max((path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))


def records(artifact: Path, split: str) -> Iterator[bytes]:
    """The records of a split of an Examples artifact."""
    import tensorflow as tf

    for file in sorted((artifact / f"Split-{split}").glob("*.gz")):
        yield from (record.numpy() for record in tf.data.TFRecordDataset(str(file), compression_type="GZIP"))


def answers(root: Path) -> dict[str, dict[str, Any]]:
    """What this stack's model server answers with a pushed model, for rows of the run that made it.

    Args:
        root: a run's root; its newest pushed model is served.

    Returns:
        The outputs of each signature, by name.
    """
    from millrace.components.infra_validator import queries

    with _served(root / "serving" / MODEL) as client:
        raw = list(records(newest(root / "artifacts/ExampleGen/examples"), "eval"))
        transformed = list(records(newest(root / "artifacts/Transform/transformed_examples"), "eval"))
        columns = queries.input_columns(newest(root / "serving" / MODEL))
        found = {}
        for name, signature in sorted(client.signatures().items()):
            if not signature.inputs:  # what TensorFlow itself runs when it loads a model
                continue
            try:
                plan = queries.plan(name, signature, raw, ROWS, columns)
            except queries.CannotAsk:
                plan = queries.plan(name, signature, transformed, ROWS)
            found[name] = {alias: value.tolist() for alias, value in client.predict("gRPC", plan.batch).outputs.items()}
    return found


@contextlib.contextmanager
def _served(base_path: Path) -> Iterator[Any]:
    """A client of this stack's model server, once the newest model under the folder is loaded."""
    from millrace.model_server.client import Client
    from millrace.model_server.server_process import ServerProcess

    with contextlib.ExitStack() as resources:
        scratch = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        log = resources.enter_context((scratch / "server.log").open("wb"))
        server = resources.enter_context(ServerProcess("process", base_path, MODEL, scratch, log, MEMORY_BYTES))
        deadline = time.monotonic() + SECONDS
        while server.ports is None:
            assert server.exit_code() is None and time.monotonic() < deadline, Path(log.name).read_text()
            time.sleep(0.2)
        client = resources.enter_context(Client(server.ports, MODEL, SECONDS))
        while not _available(client):
            assert server.exit_code() is None and time.monotonic() < deadline, Path(log.name).read_text()
            time.sleep(0.2)
        yield client


def _available(client: Any) -> bool:
    from millrace.model_server.client import NoAnswer

    try:
        return client.state()[0] == "AVAILABLE"
    except NoAnswer:
        return False


def main(folder: Path) -> None:
    """Runs the pipeline, and asks every model that is there."""
    own = folder / stack()
    run(own)
    for root in sorted(path for path in folder.iterdir() if (path / "about.json").exists()):
        told = answers(root)
        (own / f"answers-{root.name}.json").write_text(json.dumps(told, default=bytes.decode) + "\n")
        count = sum(len(values) for outputs in told.values() for values in outputs.values())
        print(f"==> {own.name} answers with {root.name}'s model: {len(told)} signatures, {count} values")


if __name__ == "__main__":
    sys.path.insert(0, str(CHECKOUT))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main(Path(sys.argv[1]).resolve())
