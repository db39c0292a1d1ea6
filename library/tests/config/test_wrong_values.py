"""Values that cannot be used: each is told with its key, its place, what was written and what may have been meant."""

from pathlib import Path

import pytest

from millrace.base import secrets
from millrace.base.errors import ConfigError, SchemaError
from millrace.config.checks import check
from millrace.config.loading import load

TAXI = Path("conf/taxi.yaml").read_text()


def refusal(folder: Path, text: str, *overrides: str) -> ConfigError:
    file = folder / "conf.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, overrides)
    assert caught.value.exit_code == 2
    return caught.value


@pytest.mark.parametrize(
    ("line", "instead", "column", "words"),
    [
        ("  batch_size: 40", "  batch_size: 0", 15, "batch_size: should be greater than or equal to 1, not 0"),
        ("  batch_size: 40", "  batch_size: yes", 15, "should be a number, not yes, which YAML reads as true"),
        (
            "  batch_size: 40",
            "  batchsize: 40",
            3,
            "training.batchsize: there is no such key; did you mean batch_size?",
        ),
        ("  seed: 20", "  seed: 4294967296", 9, "training.seed: should be less than 4294967296, not 4294967296"),
        ("  seed: 20", "  seed: 1e99", 9, "not 1e99"),
        ("  learning_rate: 0.001", "  learning_rate: .inf", 18, "learning_rate: should be a finite number, not .inf"),
        ("  learning_rate: 0.001", "  learning_rate: true", 18, "learning_rate: should be a number, not true"),
        ("  task: binary", "  task: binry", 9, "not 'binry'; did you mean binary?"),
        ("  mode: auto ", "  mode: spak ", 9, "not 'spak'; did you mean spark?"),
        ("  region: us-central1", "  region: [a]", 11, "vertex.region: should be a text"),
        (
            "  hidden_units: [64, 32]",
            "  hidden_units: [64, on]",
            22,
            "hidden_units.1: should be a number, not on, which",
        ),
        ("  classes: [0, 1] ", "  classes: [no, 1] ", 13, "classes.0: should be a number or a text in quotes, not no"),
        ("root: ../runs/taxi ", "root: ''  ", 7, "root: is empty; write a path"),
        ("root: ../runs/taxi ", "root: ~nosuchuser/x", 7, "root: ~nosuchuser/x: there is no such user; write the"),
        (
            "root: ../runs/taxi ",
            "root: NO  ",
            7,
            "root: should be a text; put it in quotes, not NO, which YAML reads as",
        ),
        ("name: taxi", "name: 007x y", 7, "name: should match"),
        (
            "name: taxi",
            "name: taxi\nregistry: {file: gs://b/r.db}",
            18,
            "registry.file: must be a file of this machine",
        ),
        ("{kind: numeric, scale: log}", "{kind: numbr}", 34, "fare.kind: should be numeric,"),
        ("platform: process", "platform: docker\n  tries: -1", 10, "infra_validation.tries: should be greater than"),
    ],
)
def test_a_value_in_the_file_is_told_with_its_line_and_column(line, instead, column, words, tmp_path):
    at = TAXI.index(line) if "numbr" not in instead else TAXI.index(line, TAXI.index("  fare:"))
    error = refusal(tmp_path, TAXI[:at] + instead + TAXI[at + len(line) :])
    assert words in error.what
    number = TAXI[:at].count("\n") + 1 + instead.count("\n")
    assert error.where == f"{tmp_path / 'conf.yaml'}:{number}:{column}"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.batch_size=1:30", "1:30 is the number 90 to YAML"),
        ("training.learning_rate=.inf", "should be a finite number, not .inf"),
        ("training.seed=4294967296", "should be less than 4294967296"),
        ("training.steps=99999999999999999999", "is a number of 20 digits"),
        ("training.steps=2026-02-31", "there is no such day or time as 2026-02-31"),
        ("root=''", "root: is empty"),
        ("root=", "root: should be a text, not empty"),
        ("notify.webhook_env=''", "notify: nobody would be told: name webhook_env"),
        ("notify={webhook_env: ''}", "notify: nobody would be told: name webhook_env"),
        ("data.path=~nosuchuser", "there is no such user"),
        ('data.path="a\\0b"', "no text can have the characters of 'a\\x00b'"),
        ("features={1: {kind: numeric}}", "the key 1 is no text"),
        ("features.fare={}", "features.fare.kind: is missing"),
        ("features.fare.kind=numbr", "not 'numbr'; did you mean numeric?"),
        ("metadata={backend: mysq}", "metadata.backend: should be sqlite, mysql or postgresql, not 'mysq'; did you"),
        ("evaluation.thresholds.0.metric=AUCC", "names AUCC, which is not among the metrics; did you mean AUC?"),
        ("data.path=package:a.b/c", "the package a.b is not installed"),
        ("model.wide=maybe", "model.wide: should be true or false, not 'maybe'"),
        (f"code.settings.Transform={{a: {'[' * 3000}{']' * 3000}}}", "nested too deeply"),
        (
            "tuning.space={lerning_rate: {values: [1]}}",
            "lerning_rate is not a hyperparameter; did you mean learning_rate?",
        ),
        ("tuning.space={dropout: {values: [0.5, 1.5]}}", "dropout cannot be 1.5: should be less than 1"),
        ("tuning.space={dropout: {low: 1}}", "tuning.space.dropout.high: is missing"),
        ("tuning.space={dropout: {low: 1, high: 0}}", "tuning.space.dropout: low must be below high"),
        ("tuning.space={dropout: 3}", "tuning.space.dropout: should be keys with values, not 3"),
        ("features.fare.kind=null", "sequence or image, not null"),
        ("label.classes=''", "label.classes: should be a list, not ''"),
        ("label.classes={}", "label.classes: should be a list"),
        ("features.fare.missing=[1]", "features.fare.missing: should be mean or a number"),
        ("evaluation.thresholds.2.slice.trip_start_hour=[1]", "should be a whole number, a number or a text"),
        ("training=null", "training: should be keys with values, not null"),
        ("data.missing=NA", "data.missing: should be a list, not 'NA'"),
        ("tuning={enabled: true, space: {}}", "tuning: there is nothing to search over"),
    ],
)
def test_an_override_is_told_by_its_own_text(override, words, tmp_path):
    message = str(refusal(tmp_path, TAXI, override))
    assert words in message
    assert f"--set {override[:100]}" in message or "_env" in override or "metric" in override
    assert len(message) < 800


def test_several_problems_are_listed_each_with_its_place(tmp_path):
    text = TAXI.replace("batch_size: 40", "batch_size: 0").replace("task: binary", "task: binry")
    error = refusal(tmp_path, text, "model.dropout=2")
    lines = error.what.splitlines()
    assert lines[0] == "3 problems:"
    places = {line.split(":")[0].strip(" -"): line[line.rindex("[") :] for line in lines[1:]}
    assert places == {
        "label.task": f"[line {text[: text.index('binry')].count(chr(10)) + 1}, column 9]",
        "model.dropout": "[--set model.dropout=2]",
        "training.batch_size": f"[line {text[: text.index('batch_size: 0')].count(chr(10)) + 1}, column 15]",
    }


def test_a_secret_in_place_of_its_variables_name_is_not_shown(tmp_path):
    url = "http://hooks.example.org/T0K3N"
    messages = [
        str(refusal(tmp_path, f"{TAXI}\nnotify: {{webhook_env: '{url}'}}\n")),
        str(refusal(tmp_path, TAXI, f"notify.webhook_env={url}")),
        str(refusal(tmp_path, TAXI, f"notify={{webhook_env: '{url}'}}")),
        str(refusal(tmp_path, TAXI, f"notify={{webhook_env: '{url}'}}", "training.steps=0")),
        str(refusal(tmp_path, TAXI, f"notify={{webhook_env: '{url}', a: 2026-11-31}}")),
        str(refusal(tmp_path, TAXI, f"kubeflow.token_env={url}")),
        str(refusal(tmp_path, TAXI, f"notify.webhook_env:{url}")),
        str(refusal(tmp_path, TAXI, f'notify={{"webhook_env" : "{url}"}}')),
        str(
            refusal(
                tmp_path, TAXI, f"metadata={{backend: mysql, port: 1, database: d, user: u, password_env: '{url}'}}"
            )
        ),
    ]
    for message in messages:
        assert "T0K3N" not in message, message
    assert "notify.webhook_env: should match" in messages[0]


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("code.settings.Transform.api_env=sk-PLANTED777", "Transform.api_env"),
        ("code.settings.Transform={api_env: sk-PLANTED777}", "Transform.api_env"),
        ("code.settings={Trainer: {of: [{api_env: sk-PLANTED777}]}}", "Trainer.of.0.api_env"),
        ("code.settings.Trainer.api_env=[A, sk-PLANTED777]", "Trainer.api_env.1"),
        ("code.settings.Trainer.api_env={x: sk-PLANTED777}", "Trainer.api_env.x"),
        ("code.settings.Trainer.pin_env=7770777", "Trainer.pin_env"),
    ],
)
def test_under_a_key_of_ones_own_a_secret_is_not_taken_for_its_variables_name(override, key, tmp_path):
    message = str(refusal(tmp_path, TAXI, override))
    assert f"code.settings.{key}: should be the name of an environment variable" in message
    assert "777" not in message
    assert "777" not in str(refusal(tmp_path, TAXI, override, "training.steps=0"))


@pytest.mark.parametrize("override", ["data.format=/srv/my_env/trips.csv", "data.format={a: my_env}"])
def test_a_value_is_shown_whose_text_only_looks_like_the_key_of_a_secret(override, tmp_path):
    assert f"--set {override}" in str(refusal(tmp_path, TAXI, override))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TAXI.encode("utf-16"), "it is not UTF-8 (byte 0xff at 0)"),
        (b"name: \xff", "it is not UTF-8 (byte 0xff at 6)"),
        (b"", "holds no keys"),
        (b"- a\n", "holds no keys"),
    ],
)
def test_a_file_that_is_no_configuration(content, words, tmp_path):
    file = tmp_path / "conf.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert words in caught.value.what and caught.value.where == str(file)


def test_what_never_ends_is_not_read(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.yaml")
    for file in ("/dev/zero", tmp_path / "pipe.yaml"):
        with pytest.raises(ConfigError, match="it is a device or a pipe and no file"):
            load(file)
    with pytest.raises(ConfigError, match="it is a folder and no file"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        ('{"lerning_rate": 0.1}', "", "lerning_rate is not a hyperparameter; did you mean learning_rate?"),
        ('{"values": {"tuner/epochs": 3, "batch_size": 0}}', "", "batch_size cannot be 0: should be greater than or"),
        ('{"hidden_units": "[3, 2"}', "", "hidden_units cannot be '[3, 2': no JSON"),
        ('{"dropout": 0.1\n"x"}', ":2:1", "not JSON: Expecting ',' delimiter"),
        ("[1]", "", "should be a JSON object"),
        ("[" * 100_000, "", "should be a JSON object"),
    ],
)
def test_what_is_pinned_is_checked_before_anything_runs(content, place, words, tmp_path):
    file = tmp_path / "best.json"
    file.write_text(content)
    config = load("conf/taxi.yaml", [f"tuning.pinned={file}"])
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert words in caught.value.what and caught.value.where == f"{file}{place}"
    file.write_text('{"space": [], "values": {"hidden_units": "[3, 2]", "tuner/epochs": 9, "steps": 5}}')
    check(config)


def test_a_schema_that_never_ends_is_not_read():
    with pytest.raises(SchemaError, match="it is a device or a pipe and no file"):
        check(load("conf/taxi.yaml", ["schema.file=/dev/zero"]))


def test_a_byte_order_mark_and_line_ends_of_other_systems_change_nothing(tmp_path):
    file = tmp_path / "conf.yaml"
    file.write_text(TAXI)
    plain = load(file)
    for text in ("\ufeff" + TAXI, TAXI.replace("\n", "\r\n"), TAXI.replace("\n", "\r")):
        file.write_bytes(text.encode())
        assert load(file) == plain


def test_what_is_found_out_after_reading_has_its_place_too(tmp_path):
    file = tmp_path / "conf.yaml"
    file.write_text(TAXI.replace("label:", "code: {model_fn: models.model.biuld_model}\n\nlabel:", 1))
    line = file.read_text()[: file.read_text().index("biuld")].count("\n") + 1
    config = load(file, ["training.steps=7", "model={dropout: 0.2}"])
    with pytest.raises(ConfigError, match=r"does not exist; did you mean models\.model\.build_model\?") as caught:
        check(config)
    assert caught.value.where == f"{file}:{line}:18"
    assert config.place("training.steps") == "--set training.steps=7"
    assert config.place("model.dropout") == config.place("model.l2") == "--set model={dropout: 0.2}"
    assert config.place("push.vertex.project") == config.place("push")
    assert config.place("archive.image") == str(file)


def test_every_variable_that_holds_a_secret_is_known(monkeypatch):
    monkeypatch.setattr(secrets, "_names", set())
    monkeypatch.setenv(secrets.NAMES_VARIABLE, "")
    database = "{backend: mysql, port: 1, database: d, user: u, password_env: PW}"
    config = load(
        "conf/taxi.yaml",
        [
            "notify={webhook_env: HOOK}",
            f"metadata={database}",
            "kubeflow={token_env: T, secrets: {s: {key: OF_K8S}}}",
            "code.settings={Trainer: {of: [{tracker_env: MINE}], plain: x}}",
            "code.settings.Transform={some_env: [A1, A2], by_env: {x: A3, y: [A4]}}",
        ],
    )
    assert set(config.secret_variables()) == {"HOOK", "PW", "T", "OF_K8S", "MINE", "A1", "A2", "A3", "A4"}
    monkeypatch.setenv("OF_K8S", "s3same-77")
    assert secrets.cut("with s3same-77") == "with ***"
