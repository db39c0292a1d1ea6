"""The graph: which stages a configuration has, what each waits for, and that every variant can be compiled."""

import json
from datetime import date

import pytest

from millrace.base.errors import BadInput
from millrace.config.loading import load
from millrace.config.platform import LOCAL, VERTEX

pytestmark = pytest.mark.slow

TODAY = date(2026, 7, 1)
STANDARD = [
    "CuratedSchema",
    "DataGate",
    "Evaluator",
    "ExampleGen",
    "ExampleValidator",
    "InfraValidator",
    "LatestBlessedData",
    "LatestBlessedModel",
    "Pusher",
    "SchemaGen",
    "StatisticsGen",
    "Trainer",
    "Transform",
]


def graph(tmp_path, *overrides, platform=LOCAL):
    from millrace.execution.graph import compile_graph
    from pipeline.pipeline import create_pipeline

    config = load("conf/taxi.yaml", [f"root={tmp_path}", *overrides])
    compiled = compile_graph(create_pipeline(config, platform, TODAY))
    return {node.pipeline_node.node_info.id: node.pipeline_node for node in compiled.nodes}


def parameters(node):
    return {key: value.field_value for key, value in node.parameters.parameters.items()}


def test_the_standard_graph_is_that_of_the_design(tmp_path):
    nodes = graph(tmp_path)
    assert sorted(nodes) == STANDARD
    upstream = {name: set(node.upstream_nodes) for name, node in nodes.items()}
    assert {"DataGate", "ExampleGen", "CuratedSchema"} <= upstream["Transform"]
    assert upstream["DataGate"] == {"StatisticsGen", "ExampleValidator", "CuratedSchema", "LatestBlessedData"}
    assert {"Trainer", "ExampleGen", "StatisticsGen", "LatestBlessedModel"} <= upstream["Evaluator"]
    assert upstream["Pusher"] == {"Evaluator", "InfraValidator"}


def test_without_a_curated_schema_the_inferred_one_is_the_contract(tmp_path):
    nodes = graph(tmp_path, "schema={}")
    assert "CuratedSchema" not in nodes
    assert "SchemaGen" in nodes["Transform"].upstream_nodes


def test_what_is_switched_on_is_in_the_graph(tmp_path):
    nodes = graph(tmp_path, "tuning.enabled=true", "archive={}", "notify={webhook_env: HOOK}")
    assert sorted(set(nodes) - set(STANDARD)) == ["ModelArchive", "Tuner"]
    assert "Tuner" in nodes["Trainer"].upstream_nodes


def test_the_notifier_is_a_stage_only_where_no_runner_of_ours_tells_how_a_run_ends(tmp_path):
    assert "Notifier" not in graph(tmp_path, "notify={webhook_env: HOOK}")
    nodes = graph(tmp_path, "notify={webhook_env: HOOK}", platform=VERTEX)
    assert parameters(nodes["Notifier"])["webhook_env"].string_value == "HOOK"


@pytest.mark.parametrize(
    ("override", "type_name"),
    [
        ("data.format=parquet", "millrace.components.example_gen.component.ColumnarExampleGen"),
        ("data.format=tfrecord", "tfx.components.example_gen.import_example_gen.component.ImportExampleGen"),
        ("data.format=avro", "tfx.components.example_gen.component.FileBasedExampleGen"),
        (
            "data={path: gs://b, format: bigquery, query: SELECT 1}",
            "tfx.extensions.google_cloud_big_query.example_gen.component.BigQueryExampleGen",
        ),
    ],
)
def test_each_format_has_its_example_gen(tmp_path, override, type_name):
    assert graph(tmp_path, override)["ExampleGen"].node_info.type.name == type_name


@pytest.mark.parametrize(("platform", "config"), [("docker", "local_docker"), ("kubernetes", "kubernetes")])
def test_docker_and_kubernetes_go_through_tfx_itself(tmp_path, platform, config):
    node = graph(tmp_path, f"infra_validation.platform={platform}")["InfraValidator"]
    assert node.node_info.type.name == "millrace.components.infra_validator.component.EngineInfraValidator"
    assert config in parameters(node)["serving_spec"].string_value.replace("localDocker", "local_docker")


def test_a_model_can_be_pushed_to_a_vertex_endpoint(tmp_path):
    endpoint = "{project: p, region: europe-west4, endpoint: taxi, image: 'serving:1'}"
    node = graph(tmp_path, f"push.vertex={endpoint}")["Pusher"]
    assert node.node_info.type.name == "millrace.components.vertex_pusher.component.VertexPusher"
    assert "europe-west4" in parameters(node)["custom_config"].string_value


def test_a_named_version_is_written_into_the_pattern(tmp_path):
    node = graph(tmp_path, "data.pattern=span-{SPAN}/v{VERSION:3}/*", "data.version=7")["ExampleGen"]
    assert "span-{SPAN}/v007/*" in parameters(node)["input_config"].string_value


def test_files_of_their_own_are_splits_without_hashing(tmp_path):
    files = "[{name: train, pattern: train/*}, {name: eval, pattern: eval/*}, {name: test, pattern: test/*}]"
    values = parameters(graph(tmp_path, f"data.files={files}")["ExampleGen"])
    assert "test/*" in values["input_config"].string_value
    assert "hash_buckets" not in values["output_config"].string_value


@pytest.mark.parametrize("service", ["vertex", "kubeflow"])
def test_a_service_runs_the_same_graph_but_for_the_way_to_the_champion(tmp_path, service):
    from millrace.config.platform import KUBEFLOW, VERTEX, deployed
    from millrace.execution.graph import compile_graph
    from pipeline.pipeline import create_pipeline

    platform = VERTEX if service == "vertex" else KUBEFLOW
    config = deployed(load("conf/taxi.yaml", [f"{service}.root=gs://bucket/root"]), platform)
    here = graph(tmp_path)
    there = {
        node.pipeline_node.node_info.id: node.pipeline_node
        for node in compile_graph(create_pipeline(config, platform, TODAY)).nodes
    }
    # Vertex AI's resolvers take no inputs, and Kubeflow Pipelines has none.
    without = {"LatestBlessedData"} if service == "kubeflow" else set()
    looked_up = {"LatestBlessedModel", "LatestBlessedData"}
    assert {name: set(node.upstream_nodes) for name, node in there.items()} == {
        name: set() if name in looked_up else set(node.upstream_nodes) - without
        for name, node in here.items()
        if name not in without
    }
    different = {name for name, node in there.items() if node.node_info.type.name != here[name].node_info.type.name}
    assert different == ({"LatestBlessedModel"} if service == "kubeflow" else set())
    assert "gs://bucket/root/serving/taxi" in parameters(there["Pusher"])["push_destination"].string_value


def changed(before, after):
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def every_parameter(nodes):
    return {
        name: {key: value.SerializeToString(deterministic=True) for key, value in parameters(node).items()}
        for name, node in nodes.items()
    }


def test_a_setting_of_ones_own_changes_exactly_the_stages_that_get_it(tmp_path):
    tuning = "tuning.enabled=true"
    none = every_parameter(graph(tmp_path, tuning))
    one = every_parameter(graph(tmp_path, tuning, "code.settings.Transform={cap: 50}"))
    other = every_parameter(graph(tmp_path, tuning, "code.settings.Transform={cap: 51}"))
    reordered = [
        every_parameter(graph(tmp_path, tuning, f"code.settings.Transform={settings}"))
        for settings in ("{cap: 50, deep: {b: 1, a: 2}}", "{deep: {a: 2, b: 1}, cap: 50}")
    ]
    assert changed(none, one) == changed(one, other) == {"Transform"}
    assert changed(*reordered) == set(), "the order in which settings are written means nothing"


def test_the_exported_model_is_told_what_stands_for_no_value(tmp_path):
    asked = ["data.missing=[N/A]", 'data.columns={fare: {missing: ["-999"]}, tips: {missing: ["0"]}}']
    told = json.loads(parameters(graph(tmp_path, *asked)["Trainer"])["custom_config"].string_value)["na_values"]
    assert told["fare"] == ["N/A", "-999"]
    assert told["company"] == ["N/A"]
    assert "tips" not in told, "what the model does not read"
    tuning = ("tuning.enabled=true", *asked)
    none, some = every_parameter(graph(tmp_path, tuning[0])), every_parameter(graph(tmp_path, *tuning))
    assert changed(none, some) == {"ExampleGen", "Trainer"}


def test_the_rows_asked_for_are_the_business_of_hard_examples_alone(tmp_path):
    none = every_parameter(graph(tmp_path))
    some = every_parameter(graph(tmp_path, "code.settings.HardExamples.rows=25"))
    more = every_parameter(graph(tmp_path, "code.settings.HardExamples.rows=26"))
    assert changed(none, some) == changed(some, more) == {"HardExamples"}
    assert every_parameter(graph(tmp_path, "training.steps=1000")) == none


@pytest.mark.parametrize(("day", "held"), [("2026-07-31", True), ("2026-08-01", False)])
def test_a_waiver_is_in_force_until_its_day_by_the_day_that_is_given(tmp_path, day, held):
    from millrace.execution.graph import compile_graph
    from pipeline.pipeline import create_pipeline

    waiver = "data_gate.waivers=[{feature: fare, reason: FLOAT_TYPE_BIG_FLOAT, until: 2026-07-31, because: rush hour}]"
    config = load("conf/taxi.yaml", [f"root={tmp_path}", waiver])
    compiled = compile_graph(create_pipeline(config, LOCAL, date.fromisoformat(day)))
    [gate] = [node.pipeline_node for node in compiled.nodes if node.pipeline_node.node_info.id == "DataGate"]
    assert ("rush hour" in parameters(gate)["waivers"].string_value) == held


def test_a_stage_that_is_not_there_is_answered_with_the_nearest(tmp_path):
    from millrace.execution.graph import bind, compile_graph
    from pipeline.pipeline import create_pipeline

    compiled = compile_graph(create_pipeline(load("conf/taxi.yaml", [f"root={tmp_path}"]), LOCAL, TODAY))
    with pytest.raises(BadInput, match=r"there is no stage trianer; did you mean Trainer\?"):
        bind(compiled, "a-run", from_stage="trianer")
