"""How often init decides as the truth is, on a hundred generated tables: prints the rate by kind, which has a floor."""

from collections import Counter

import pytest
from generated_tables import Table, Truth, generated
from google.protobuf import text_format
from init_tables import write_csv
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.init.decisions import Decision
from millrace.init.plan import NewPipeline, make_plan

TABLES = 100
FLOOR, FLOOR_OF_A_KIND = 0.98, 0.9


def wrong(truth: Truth, decision: Decision, schema: schema_pb2.Schema) -> str:
    """What is not as it should be; empty where all is."""
    if truth.kind.startswith("label"):
        return "" if f"label: {decision.kind}" == truth.kind else f"is a {decision.kind}"
    used = decision.feature.kind if decision.use == "feature" else ""
    if truth.leak:
        # A pure copy is left out, and of anything else a person is asked whether it is known in time.
        known = decision.use == "left out" or "known before the label" in decision.doubt
        return "" if known else "a leak is not seen"
    if used != "" if not truth.features else used not in truth.features:
        return f"is {used or 'left out'} ({decision.kind}: {decision.reason})"
    if truth.missing is not None and decision.column.missing != truth.missing:
        return f"{decision.column.missing} missing, not {truth.missing}"
    if truth.kind == "two readings" and not decision.doubt:
        return "nobody is asked"
    if truth.features and not truth.asked and "known before the label" in decision.doubt:
        return f"no leak: {decision.doubt}"
    described = next((one for one in schema.feature if one.name == decision.column.name), None)
    if truth.next_value is not None and described and described.int_domain.HasField("max"):
        if truth.next_value > described.int_domain.max:
            return f"{truth.next_value} is refused by the schema"
    return ""


def plan_of(folder, table: Table) -> NewPipeline:
    path = write_csv(folder / "table.csv", table.cells, table.delimiter)
    return make_plan([str(path)], "y", "", folder / "project")


@pytest.mark.slow
def test_init_decides_as_the_truth_is(tmp_path, capsys):
    right: Counter = Counter()
    seen: Counter = Counter()
    errors: list[str] = []
    for seed in range(TABLES):
        table = generated(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        plan = plan_of(folder, table)
        schema = text_format.Parse(list(plan.files.values())[1], schema_pb2.Schema())
        for (name, truth), decision in zip(table.truths.items(), plan.decisions, strict=True):
            what = wrong(truth, decision, schema)
            seen[truth.kind] += 1
            right[truth.kind] += not what
            if what:
                errors.append(f"table {seed}, {name!r} ({truth.kind}): {what}")
    with capsys.disabled():
        print()
        for kind in sorted(seen):
            print(f"{kind:28} {right[kind]:4} of {seen[kind]:4} right")
        print(f"{'all':28} {right.total():4} of {seen.total():4} right ({right.total() / seen.total():.1%})")
    assert right.total() >= FLOOR * seen.total(), "\n".join(errors)
    poor = [kind for kind in seen if right[kind] < FLOOR_OF_A_KIND * seen[kind]]
    assert not poor, "\n".join(errors)
