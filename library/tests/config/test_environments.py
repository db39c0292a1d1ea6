"""Environments: what an overlay says, what it may not say, and where each value is said to come from."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from millrace.base.errors import ConfigError
from millrace.config import environments, json_schema, yaml_text
from millrace.config.loading import load
from millrace.config.paths import layout, registry_file
from millrace.config.settings import differences, settings
from millrace.config.trials import load_run

ROOT = Path(__file__).resolve().parents[3]

SHOP = """\
name: shop
data: {path: ../data, format: csv}
label: {column: bought, task: binary, classes: [0, 1]}
features:
  price: {kind: numeric, scale: log}
  brand: {kind: categorical, top_k: 20}
training: {steps: 100, seed: 7}
evaluation:
  metrics: [AUC, ExampleCount]
  thresholds: [{metric: AUC, at_least: 0.8}]
notify: {webhook_env: HOOK}
vertex: {project: shop-dev, labels: {team: shop}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The configuration of a project without overlays."""
    conf = tmp_path / "conf"
    (conf / "environments" / "prod").mkdir(parents=True)
    (conf / "shop.yaml").write_text(SHOP)
    return conf / "shop.yaml"


def overlay(shop: Path, name: str, text: str) -> Path:
    file = shop.parent / "environments" / f"{name}.yaml"
    file.write_text(text)
    return file


def in_prod(shop: Path, *overrides: str) -> Any:
    return load(shop, ("environment=prod", *overrides))


def test_mappings_are_merged_lists_replaced_and_null_takes_out(shop: Path) -> None:
    overlay(
        shop,
        "prod",
        "vertex: {project: shop-prod, labels: {bill: '42'}}\n"
        "evaluation: {metrics: [AUC]}\n"
        "notify: null\n"
        "training: {seed: ~}\n"
        "features: {brand: {top_k: 50}}\n",
    )
    config = in_prod(shop)
    assert (config.vertex.project, config.vertex.labels) == ("shop-prod", {"team": "shop", "bill": "42"})
    assert [str(one) for one in config.evaluation.metrics] == [str(load(shop).evaluation.metrics[0])]
    assert (config.notify, config.training.seed) == (None, type(config.training).model_fields["seed"].default)
    assert (config.features["brand"].top_k, config.features["price"].scale) == (50, "log")
    assert load(shop).vertex.project == "shop-dev", "without an environment nothing is laid over"


def test_the_file_comes_first_then_all_pipelines_then_this_one_then_set(shop: Path) -> None:
    overlay(shop, "prod", "vertex: {project: shop-prod, region: europe-west1, display_name: all}\n")
    overlay(shop, "prod/shop", "vertex: {region: europe-west4, display_name: one}\n")
    (shop.parent / "other.yaml").write_text(SHOP)
    config = in_prod(shop, "vertex.display_name=set")
    assert (config.vertex.project, config.vertex.region, config.vertex.display_name) == (
        "shop-prod",
        "europe-west4",
        "set",
    )
    assert load(shop.parent / "other.yaml", ["environment=prod"]).vertex.region == "europe-west1"
    folder = shop.parent / "environments"
    assert [config.place(f"vertex.{key}") for key in ("project", "region", "display_name", "labels.team")] == [
        f"{folder}/prod.yaml:1:19",
        f"{folder}/prod/shop.yaml:1:18",
        "--set vertex.display_name=set",
        f"{shop}:12:44",
    ]


def test_a_path_is_relative_to_the_file_that_says_it(shop: Path) -> None:
    overlay(shop, "prod", "schema: {file: schema.pbtxt}\nregistry: {file: /srv/registry.db}\n")
    overlay(shop, "prod/shop", "push: {directory: ../served}\n")
    config, folder = in_prod(shop, "metadata={backend: sqlite, file: here.db}"), shop.parent / "environments"
    assert config.schema_.file == str(folder / "schema.pbtxt")
    assert config.push.directory == str(folder / "served")
    assert registry_file(config) == Path("/srv/registry.db")
    assert config.metadata.file == str(shop.parent / "here.db")
    assert config.data.path == str(shop.parent.parent / "data")


def test_epochs_of_an_overlay_take_the_place_of_steps(shop: Path) -> None:
    overlay(shop, "prod", "training: {epochs: 3}\n")
    config = in_prod(shop)
    assert (config.training.epochs, config.training.steps) == (3, None)
    assert in_prod(shop, "training.steps=9").training.epochs is None
    assert "training.steps" not in config.places, "what is taken out is written nowhere"


def test_each_environment_has_a_root_of_its_own(shop: Path) -> None:
    overlay(shop, "prod", "")
    overlay(shop, "staging", "root: gs://shop-staging/runs\n")
    overlay(shop, "dev", "root: ../../elsewhere\n")
    runs = shop.parent.parent / "runs" / "shop"
    assert load(shop).root == str(runs)
    assert in_prod(shop).root == f"{runs}/environments/prod"
    assert in_prod(shop, "root=../here").root == str(shop.parent.parent / "here")
    assert load(shop, ["environment=dev"]).root == str(shop.parent.parent / "elsewhere")
    staging = layout(load(shop, ["environment=staging"]))
    assert (staging.root, staging.local) == ("gs://shop-staging/runs", runs / "environments" / "staging")


def test_a_file_may_say_its_environment_and_env_another(shop: Path) -> None:
    shop.write_text(f"environment: dev\n{SHOP}")
    overlay(shop, "dev", "training: {steps: 5}\n")
    overlay(shop, "prod", "")
    assert (load(shop).environment, load(shop).training.steps) == ("dev", 5)
    assert (in_prod(shop).environment, in_prod(shop).training.steps) == ("prod", 100)


def test_an_environment_is_no_trial_and_set_within_it_is(shop: Path) -> None:
    overlay(shop, "prod", "training: {steps: 5}\n")
    assert not load_run(shop, ["environment=prod"], push=False).push.trial
    assert load_run(shop, ["environment=prod", "training.steps=6"], push=False).push.trial


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("vertex: {projct: x}\n", "1:10", "vertex.projct: there is no such key; did you mean project?"),
        ("vertex: {projct: null}\n", "1:10", "vertex.projct: there is no such key; did you mean project?"),
        ("features: {brand: {topk: null}}\n", "1:20", "features.brand.topk: there is no such key; did you mean top_k?"),
        ("training:\n  steps: -1\n", "2:10", "training.steps: should be greater than or equal to 1, not -1"),
        ("training: {steps: true}\n", "1:19", "training.steps: should be a number, not true"),
        ("vertex:\n# project: x\n", "1:8", "vertex: is empty; write null to take out what the file says"),
        ("data: {path: ' '}\n", "1:14", "data.path: is empty"),
        ("label: null\n", None, "label: is missing"),
        ("environment: prod\n", "1:1", "environment: an overlay is one environment's already"),
        ("a: [1\n", "2:1", "not YAML"),
        ("training: {steps: 010}\n", "1:19", "is the number 8 to YAML, which reads it in base 8"),
        ("- training\n", "", "holds no keys"),
    ],
)
def test_what_is_wrong_is_told_at_its_place_in_the_overlay(shop: Path, text: str, place: Any, words: str) -> None:
    file = overlay(shop, "prod", text)
    with pytest.raises(ConfigError) as refused:
        in_prod(shop)
    assert words in refused.value.what
    if place is not None:
        assert refused.value.where == f"{file}:{place}".rstrip(":")


def test_several_mistakes_name_each_its_own_file(shop: Path) -> None:
    shop.write_text(SHOP.replace("seed: 7", "seed: x"))
    file = overlay(shop, "prod", "vertex: {region: mars}\n")
    with pytest.raises(ConfigError) as refused:
        in_prod(shop)
    text = str(refused.value)
    assert "training.seed: should be a whole number, not 'x'" in text and "[line 7, column 30]" in text
    assert f"[{file}:1:18]" in text


def test_an_environment_that_is_not_there(shop: Path) -> None:
    overlay(shop, "prod", "")
    overlay(shop, "staging", "")
    with pytest.raises(ConfigError, match="there is no environment prdo; did you mean prod") as refused:
        load(shop, ["environment=prdo"])
    assert "the environments are: prod, staging" in str(refused.value.remedy)
    for name in ("../shop", "prod/shop", ".", "environments"):
        with pytest.raises(ConfigError, match="there is no environment"):
            load(shop, [f"environment={name}"])


def test_an_overlay_for_a_pipeline_that_is_not_there(shop: Path) -> None:
    file = overlay(shop, "prod/shpo", "training: {steps: 5}\n")
    with pytest.raises(ConfigError, match="which is not there; did you mean shop") as refused:
        in_prod(shop)
    assert refused.value.where == str(file)


VERTEX = "project: shop-all, region: us-central1, endpoint: shop, image: i"
SERVER = "backend: mysql, port: 3306, database: mlmd, user: u"
DATAFLOW = "dataflow: {project: p, region: us-central1, temp_location: gs://shop/runs/temp}"
FOLDERS = [
    "root: gs://shop/runs",
    "push: {directory: gs://shop/runs}",
    "vertex: {root: gs://shop/runs}",
    "vertex: {push_directory: gs://shop/runs}",
    "kubeflow: {root: gs://shop/runs}",
    "kubeflow: {push_directory: gs://shop/runs}",
    # Within it.
    "registry: {file: gs://shop/runs/r.db}",
    "metadata: {backend: sqlite, file: gs://shop/runs/m.db}",
    "data: {bigquery: {project: p, temp_location: gs://shop/runs/temp}}",
    f"beam: {{{DATAFLOW}}}",
    f"vertex: {{beam: {{{DATAFLOW}}}}}",
    f"kubeflow: {{beam: {{{DATAFLOW}}}}}",
]


def first_key(text: str) -> str:
    """The key of the last value in a text of YAML."""
    node, keys = yaml.safe_load(text), []
    while isinstance(node, dict):
        keys.append(list(node)[-1])
        node = node[keys[-1]]
    return ".".join(keys)


@pytest.mark.parametrize(
    ("one", "other", "key"),
    [
        *[(text, text, first_key(text)) for text in FOLDERS],
        # Whatever key names it in the other one, in the same folder, within it or around it.
        *[(text, "vertex: {root: gs://shop/runs}", first_key(text)) for text in FOLDERS],
        *[("vertex: {push_directory: /gcs/shop/runs/}", text, "vertex.push_directory") for text in FOLDERS],
        ("vertex: {root: gs://shop/runs}", "vertex: {root: gs://shop/runs/}", "vertex.root"),
        ("registry: {file: ../r.db}", "registry: {file: ./../r.db}", "registry.file"),
        ("registry: {file: /srv/a.db}", "registry: {file: /srv/b.db}", "registry.file"),  # alerts.db beside both
        ("push: {directory: ../out}", "registry: {file: ../out/r.db}", "push.directory"),
        # What nobody says is a place too.
        ("push: {directory: ../../runs/shop/environments/staging/serving}", "", "push.directory"),
        (f"push: {{vertex: {{{VERTEX}}}}}", f"push: {{vertex: {{{VERTEX}}}}}", "push.vertex.endpoint"),
        (
            f"push: {{vertex: {{{VERTEX}, request_logging: {{table: 'bq://shop-all.logs.asked'}}}}}}",
            f"push: {{vertex: {{{VERTEX.replace('endpoint: shop', 'endpoint: b')}, request_logging: {{table: 'bq://shop-all.logs.asked'}}}}}}",
            "push.vertex.request_logging.table",
        ),
        *[
            (f"metadata: {{{SERVER}{one}}}", f"metadata: {{{SERVER}{other}}}", "metadata.database")
            for one in ("", ", host: 127.0.0.1", ", host: localhost")
            for other in ("", ", host: 127.0.0.1")
        ],
    ],
)
def test_two_environments_in_one_place_are_refused(shop: Path, one: str, other: str, key: str) -> None:
    file = overlay(shop, "prod", f"{one}\n")
    overlay(shop, "staging", f"{other}\n")
    with pytest.raises(ConfigError) as refused:
        in_prod(shop)
    text = str(refused.value)
    assert "the environment staging writes there too" in text and f"{key}: is " in text
    assert f"{file}:1:" in text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("vertex: {root: gs://shop/runs}", "vertex: {root: gs://shop/runs-too}"),
        ("vertex: {root: gs://shop/prod}", "push: {directory: gs://shop/staging}"),
        ("registry: {file: ../a/r.db}", "registry: {file: ../b/r.db}"),
        (f"metadata: {{{SERVER}}}", f"metadata: {{{SERVER}, host: db.shop}}"),
        (f"metadata: {{{SERVER}}}", "metadata: {backend: postgresql, port: 3306, database: mlmd, user: u}"),
        # By design each environment has a folder within this one.
        ("", "root: ../../runs/shop"),
        ("root: ../..", ""),
        ("vertex: {root: gs://shop/runs}", "vertex: null"),
    ],
)
def test_two_environments_with_a_place_each_are_none(shop: Path, one: str, other: str) -> None:
    overlay(shop, "prod", f"{one}\n")
    overlay(shop, "staging", f"{other}\n")
    assert in_prod(shop).environment == "prod"


def test_a_root_of_the_file_that_has_no_folder_for_each_is_one_place(shop: Path) -> None:
    shop.write_text(f"root: gs://shop/runs\n{SHOP}")
    overlay(shop, "prod", "")
    overlay(shop, "staging", "root: gs://shop-staging/runs\n")
    assert in_prod(shop).root == "gs://shop/runs"
    overlay(shop, "staging", "")
    with pytest.raises(ConfigError, match=r"root: is gs://shop/runs, and the environment staging writes there too"):
        in_prod(shop)


def test_what_the_file_says_for_two_environments_is_one_place_too(shop: Path) -> None:
    shop.write_text(SHOP.replace("vertex: {", "vertex: {root: gs://shop/runs, "))
    overlay(shop, "dev", "")
    overlay(shop, "staging", "")
    overlay(shop, "prod", "vertex: {root: gs://shop-prod/runs}\n")
    assert in_prod(shop).vertex.root == "gs://shop-prod/runs"
    with pytest.raises(ConfigError, match=r"vertex\.root: is gs://shop/runs, and the environment staging"):
        load(shop, ["environment=dev"])
    overlay(shop, "staging", "vertex: null\n")
    assert load(shop, ["environment=dev"]).vertex.root == "gs://shop/runs"


def test_a_mistake_in_another_environment_stops_none(shop: Path) -> None:
    overlay(shop, "staging", "a: [\n")
    overlay(shop, "prod", "vertex: {root: gs://shop-prod/runs}\n")
    assert in_prod(shop).vertex.root == "gs://shop-prod/runs"


def test_what_differs_between_two_environments_and_where_it_is_said(shop: Path) -> None:
    prod = overlay(shop, "prod", "vertex: {project: shop-prod}\nfeatures: {brand: null}\n")
    overlay(shop, "staging", "archive: {}\n")
    found = {one.key: one for one in differences(in_prod(shop), load(shop, ["environment=staging"]))}
    project, brand, image = found["vertex.project"], found["features.brand.top_k"], found["archive.image"]
    assert project.before and (project.before.value, project.before.place) == ("shop-prod", f"{prod}:1:19")
    assert project.after and (project.after.value, project.after.place) == ("shop-dev", f"{shop}:12:19")
    assert brand.before is None and brand.after and brand.after.place == f"{shop}:6:37"
    assert image.after and image.after.place == "", "a default is written nowhere"
    assert set(found) >= {"environment", "root"} and "features.price.kind" not in found
    assert not differences(in_prod(shop), in_prod(shop))


def test_every_value_of_the_file_has_its_place(shop: Path) -> None:
    written = {one.key: one.place for one in settings(load(shop)) if one.place}
    assert written["training.steps"] == f"{shop}:7:19" and written["evaluation.metrics"] == f"{shop}:9:12"
    assert "training.batch_size" not in written


_VALUES = st.recursive(
    st.none() | st.integers(0, 9) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("pqrs"), inner, max_size=4),
    max_leaves=12,
)
_MAPPINGS = st.dictionaries(st.sampled_from("pqrs"), _VALUES, max_size=4)


def _merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2, as it is written there."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merge_patch(result.get(name), value)
    return result


def _paths(value: Any, path: yaml_text.Keys = ()) -> set[yaml_text.Keys]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path}.union(*(_paths(below, (*path, key)) for key, below in entries))


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_MAPPINGS, _MAPPINGS)
def test_an_overlay_is_a_merge_patch_whose_values_keep_their_places(
    base: dict[str, Any], patch: dict[str, Any]
) -> None:
    file, laid = (yaml_text.read(yaml.safe_dump(one), name) for one, name in ((base, "file"), (patch, "overlay")))
    environments.lay_over(file, laid)
    assert file.values == _merge_patch(base, patch)
    assert set(file.places) == _paths(file.values)
    for path in _paths(file.values):
        said, node = True, patch
        for part in path:
            said = (isinstance(node, dict) and part in node) or isinstance(node, list)
            if not said:
                break
            node = node[part]
        if said and not isinstance(node, dict):
            assert file.places[path].file == "overlay"
        elif not said:
            assert file.places[path].file == "file"


def test_the_options_that_say_overrides() -> None:
    given_values = ("environment=dev", "a=1", "environment=prod", "b=2")
    assert environments.as_options(given_values) == [("--env", "prod"), ("--set", "a=1"), ("--set", "b=2")]
    assert environments.as_options(("a=1",)) == [("--set", "a=1")]


# -- the schema for editors -------------------------------------------------------------------------------------------
def mistakes(values: Any) -> list[str]:
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(json_schema.overlay_schema())
    return [error.message for error in validator.iter_errors(json.loads(json.dumps(values)))]


def test_the_overlays_of_the_checkout_are_valid_and_name_their_schema() -> None:
    assert (ROOT / "conf" / json_schema.OVERLAY_FILE_NAME).read_text() == json_schema.overlay_text(), "make golden"
    files = sorted((ROOT / "conf/environments").glob("*.yaml"))
    assert [file.stem for file in files] == ["dev", "prod", "staging"]
    for file in files:
        text = file.read_text()
        assert text.startswith(f"# yaml-language-server: $schema=../{json_schema.OVERLAY_FILE_NAME}\n")
        assert mistakes(yaml.safe_load(text)) == []
        assert load(ROOT / "conf/taxi.yaml", [f"environment={file.stem}"]).vertex.labels == {"environment": file.stem}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("vertex: {project: shop-prod}", True),
        ("notify: null", True),
        ("features: {brand: {top_k: 3}, price: null}", True),
        ("metadata: {host: db}", True),
        ("evaluation: {thresholds: [{metric: AUC, at_least: 0.5}]}", True),
        ("evaluation: {thresholds: [{at_least: 0.5}]}", False),  # a list takes the place of the file's, whole
        ("vertex: {projct: shop-prod}", False),
        ("training: {steps: -1}", False),
        ("environment: prod", False),
    ],
)
def test_an_editor_sees_what_an_overlay_may_not_say(text: str, fits: bool) -> None:
    assert (mistakes(yaml.safe_load(text)) == []) is fits
