"""Whatever a file or `--set` says, it is read, or refused in a sentence: no traceback, no hang, no silent nonsense.

`make fuzz` tries many more; CI tries the same few each time.
"""

import datetime
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from millrace.base.errors import MillraceError
from millrace.config.checks import check
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.config.platform import KUBEFLOW, VERTEX, deployed
from millrace.config.reference import ANY_NAME, sections

pytestmark = [
    pytest.mark.slow,
    # Numbers of thousands of digits are among what is tried; that hypothesis prints them slowly is no fault.
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
]

TAXI = Path("conf/taxi.yaml").read_text(encoding="utf-8")
VALUES = yaml.safe_load(TAXI)
# What belongs to a file of the project is taken from there, wherever the configuration is written to.
VALUES["schema"]["file"] = str(Path("schema/taxi/schema.pbtxt").resolve())
KEYS = sorted({key.name for section in sections() for key in section.keys})
WORDS = [
    *("", " ", "~", "null", "true", "no", "NO", "on", "y", ".inf", "-.inf", ".nan", "1:30", "010", "0x1F", "1_0", "-0"),
    *("1e-3", "1e999", "9" * 25, "2026-11-31", "2026-11-30", "12:30:45", "=", "<<", "*a", "&a", "&a x", "!!int x"),
    *("!!python/object:os.system x", "|", ">", "%", "@", "`", "'", '"', "[", "]", "{", "}", "[[", ": ", "- ", "? "),
    *("#", "---", "...", "\t", "\n", "\r", "\x00", "\x1b[31m", "\x85", "\u2028", "\ufeff", "\u202e", "\U0001f600"),
    *("~nosuchuser", "/", "/dev/zero", "/dev/full", "..", "a/" * 400, "package:", "package:os/x", "package:.x/y"),
    *("gs://", "gs://b", "s3://b/x", "http://[", "file:///", "*", "**", "[a", "{SPAN}", "{SPAN:0}", "{YYYY}"),
    *("{VERSION}", "é" * 40, "train", "eval", "AUC", "AUCC", "fare", "numeric", "binary", "os.system", "a.b"),
    *("models.model.build_model", "%Y"),
    *("1" + ":59" * 200, "0" + "7" * 6000, "0x" + "f" * 6000, "-0b" + "1" * 20000, "9" * 6000, "1e400", "1:30.5"),
]

texts = st.sampled_from(WORDS) | st.sampled_from(KEYS) | st.text(max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 2**31, 2**32, 2**63, -(2**63) - 1, 10**30])
    | st.floats()
    | st.dates(datetime.date(1, 1, 1))
    | texts
)
nested = st.recursive(
    scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(texts, below, max_size=4), max_leaves=8
)

# Most slips are of one value; what is nested is mostly refused for its shape alone.
values = st.one_of(scalars, scalars, texts, st.integers(-2, 5), st.lists(scalars, max_size=3), nested)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for key, entry in below for one in _paths(entry, (*path, key)))]


# Every place of taxi's configuration, and every key of every section where one may be written.
PLACES = sorted({path for path in _paths(VALUES) if path}, key=str)
PLACES += [
    tuple(
        0 if part == "0" else "fare" if part == ANY_NAME else part
        for part in f"{section.path}.{key.name}".split(".")
        if part
    )
    for section in sections()
    for key in section.keys
]


@pytest.fixture(scope="module")
def conf(tmp_path_factory) -> Path:
    """The file that each case is written to."""
    return tmp_path_factory.mktemp("conf") / "conf.yaml"


def assert_read_or_refused(conf: Path, content: bytes, *overrides: str) -> None:
    conf.write_bytes(content)
    config = done_or_refused(lambda: load(conf, overrides))
    if config is None:
        return
    assert_sensible(json.loads(config.model_dump_json()))
    # What was understood is what a file says that is written from it.
    again = Config.model_validate(json.loads(config.model_dump_json(by_alias=True)))
    assert again.model_dump() == config.model_dump()
    for platform in (VERTEX, KUBEFLOW):
        assert deployed(config, platform).root
    done_or_refused(lambda: check(config))


def done_or_refused(work: Callable[[], Optional[Config]]) -> Optional[Config]:
    """What it returns; None where it is refused as a person's mistake is."""
    try:
        return work()
    except MillraceError as error:
        refusal = error
    assert refusal.exit_code == 2
    assert 0 < len(str(refusal)) < 20_000
    str(refusal).encode("utf-8")
    return None


def assert_sensible(value: Any) -> None:
    if isinstance(value, dict):
        for key, entry in value.items():
            assert "\0" not in key
            assert_sensible(entry)
    elif isinstance(value, list):
        for entry in value:
            assert_sensible(entry)
    elif isinstance(value, str):
        assert "\0" not in value
    elif isinstance(value, (int, float)):
        assert math.isfinite(value) and abs(value) < 2**1000


def put(values: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with a value at a path; what is in the way is replaced."""
    if not path:
        return value
    if isinstance(values, list) and isinstance(path[0], int) and path[0] < len(values):
        return [*values[: path[0]], put(values[path[0]], path[1:], value), *values[path[0] + 1 :]]
    if isinstance(path[0], int):
        return [put(None, path[1:], value)]
    before = values if isinstance(values, dict) else {}
    return {**before, path[0]: put(before.get(path[0]), path[1:], value)}


few = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@few
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), values), min_size=1, max_size=3))
@example(changes=[(("root",), "")])
@example(changes=[(("training", "learning_rate"), math.inf)])
@example(changes=[(("training", "seed"), 2**32)])
@example(changes=[(("data", "pattern"), "[")])
@example(changes=[(("data", "path"), "~nosuchuser")])
@example(changes=[(("schema", "file"), "/dev/zero")])
def test_a_value_of_any_kind_in_any_place(conf, changes):
    configuration = VALUES
    for path, value in changes:
        configuration = put(configuration, path, value)
    text = yaml.safe_dump(configuration, allow_unicode=True)
    assert_read_or_refused(conf, text.encode("utf-8", errors="surrogatepass"))


edits = st.tuples(
    st.sampled_from(["insert", "delete", "repeat", "indent", "swap"]),
    st.integers(0, len(TAXI)),
    st.integers(0, 60),
    texts | st.sampled_from(KEYS).map(lambda key: f"\n{key}: "),
)


def edited(text: str, kind: str, at: int, length: int, new: str) -> str:
    """A text after one slip of a hand."""
    at = min(at, len(text))
    if kind == "insert":
        return text[:at] + new + text[at:]
    if kind == "delete":
        return text[:at] + text[at + length :]
    if kind == "repeat":
        return text[: at + length] + text[at:]
    start = text.rfind("\n", 0, at) + 1
    if kind == "indent":
        return text[:start] + " " * (length % 7) + text[start:].lstrip(" ")
    end = text.find("\n", at) + 1 or len(text)
    return text[:start] + text[end : end + length] + text[start:end] + text[end + length :]


@few
@given(changes=st.lists(edits, min_size=1, max_size=4))
def test_a_text_after_some_slips_of_a_hand(conf, changes):
    text = TAXI.replace("../schema/taxi/schema.pbtxt", VALUES["schema"]["file"])
    for change in changes:
        text = edited(text, *change)
    assert_read_or_refused(conf, text.encode("utf-8", errors="surrogatepass"))


@few
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_that_are_no_configuration(conf, content):
    assert_read_or_refused(conf, content)


words = st.lists(texts | st.sampled_from([": ", ", ", "[", "]", "{", "}", "\n"]), max_size=6).map("".join)


@few
@given(
    overrides=st.lists(
        st.tuples(st.sampled_from(PLACES).map(lambda path: ".".join(map(str, path))) | texts, words | st.none()),
        max_size=3,
    )
)
@example(overrides=[("training.batch_size", "1:30")])
@example(overrides=[("evaluation.thresholds." + "9" * 5000 + ".metric", "AUC")])
@example(overrides=[("features", "{[a]: 1}")])
@example(overrides=[("training.steps", "1" + ":59" * 200)])
@example(overrides=[("training.steps", "0" + "7" * 6000)])
@example(overrides=[("code.settings.a", "0x" + "f" * 6000)])
def test_any_text_after_set(conf, overrides):
    options = [key if value is None else f"{key}={value}" for key, value in overrides]
    assert_read_or_refused(conf, yaml.safe_dump(VALUES).encode(), *options)
