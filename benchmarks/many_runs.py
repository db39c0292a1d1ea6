"""What many runs cost: a store with a few runs and one with thousands, and the same questions asked of both.

    python -m benchmarks.many_runs ROOT --runs 2000

ROOT is the root of a pipeline with a run that came from the cache. It is copied, and that run recorded again and again,
by ML Metadata's own calls and with its folder, as if it had been run so often.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2


def repeat(root: Path, count: int) -> None:
    """Records the newest run of a root again.

    Args:
        root: of a pipeline.
        count: how many times.
    """
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.db")
    store = MetadataStore(connection)
    newest = max(store.get_contexts_by_type("pipeline_run"), key=lambda context: context.id)
    executions = store.get_executions_by_context(newest.id)
    events: dict[int, list[Any]] = {execution.id: [] for execution in executions}
    for event in store.get_events_by_execution_ids(list(events)):
        events[event.execution_id].append(event)
    contexts = {one.id: store.get_contexts_by_execution(one.id) for one in executions}
    artifacts = {event.artifact_id for of_one in events.values() for event in of_one}
    known = {artifact.id: artifact for artifact in store.get_artifacts_by_id(list(artifacts))}
    [parent] = store.get_parent_contexts_by_context(newest.id)
    folder = root / "logs" / newest.name
    values = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    for number in range(1, count + 1):
        run_id = f"{newest.name}-{number}"
        [run] = store.put_contexts([metadata_store_pb2.Context(type_id=newest.type_id, name=run_id)])
        store.put_parent_contexts([metadata_store_pb2.ParentContext(parent_id=parent.id, child_id=run)])
        [context] = store.get_contexts_by_id([run])
        for execution in executions:
            again = metadata_store_pb2.Execution()
            again.CopyFrom(execution)
            for field in ("id", "name", "create_time_since_epoch", "last_update_time_since_epoch"):
                again.ClearField(field)
            others = [one for one in contexts[execution.id] if one.id != newest.id]
            pairs = [(known[event.artifact_id], _free(event)) for event in events[execution.id]]
            store.put_execution(again, pairs, [*others, context], reuse_context_if_already_exist=True)
        shutil.copytree(folder, root / "logs" / run_id)
        (root / "logs" / run_id / "run.json").write_text(json.dumps({**values, "number": values["number"] + number}))


def _free(event: Any) -> Any:
    free = metadata_store_pb2.Event()
    free.CopyFrom(event)
    for field in ("execution_id", "milliseconds_since_epoch"):
        free.ClearField(field)
    return free


def seconds(*arguments: str, repeats: int = 3) -> float:
    """The least time that a command takes, of some tries.

    Args:
        arguments: of `millrace`.
        repeats: how many tries.
    """
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        command = [sys.executable, "-m", "millrace.cli.main", *arguments]
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Copies the root twice, records runs in both, and prints what each command takes on either."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--few", type=int, default=20)
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="as the recorded run was given")
    chosen = parser.parse_args()
    more = [word for value in chosen.overrides for word in ("--set", value)]
    original = chosen.root.resolve()
    for count in (chosen.few, chosen.runs):
        # At the same place, one after the other: a root that was moved is another question.
        kept = original.with_name(f"{original.name}.kept")
        shutil.copytree(original, kept, symlinks=True)
        try:
            repeat(original, count)
            options = [*more, "--set", f"root={original}"]
            print(f"{count} runs")
            print(f"  runs            {seconds('runs', *options):6.2f} s")
            print(f"  runs show last  {seconds('runs', 'show', 'last', *options):6.2f} s")
            print(f"  run, all cached {seconds('run', *options, repeats=2):6.2f} s", flush=True)
        finally:
            shutil.rmtree(original)
            kept.rename(original)


if __name__ == "__main__":
    main()
