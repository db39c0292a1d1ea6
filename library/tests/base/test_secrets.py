"""Secrets are cut out of whatever is written, in every spelling that a library may give them."""

import base64
import hashlib
import html
import json
import logging
import os
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest

from millrace.base import secret_filter, secrets
from millrace.base.errors import MillraceError, describe
from millrace.base.quiet import output_to

HOOK = "https://someone:p%40ss-W0rd@hooks.example.org:8443/services/T024/B0 77/x?key=Q7-sesame&v=1#frag-99"


@pytest.fixture
def known(monkeypatch):
    """Makes one value a secret, for as long as a test takes."""
    monkeypatch.setattr(secrets, "_names", set())
    monkeypatch.setenv(secrets.NAMES_VARIABLE, "")

    def make(value: str) -> None:
        monkeypatch.setenv("SOME_SECRET", value)
        secrets.know(["SOME_SECRET", "NOT_SET", ""])

    return make


@pytest.mark.parametrize(
    "part", ["p%40ss-W0rd", "p@ss-W0rd", "T024", "B0 77", "Q7-sesame", "frag-99", "/services/T024/B0 77/x"]
)
def test_each_part_of_an_address_that_is_secret_is_cut(known, part):
    known(HOOK)
    for spelling in (
        part,
        quote(part),
        quote(part, safe=""),
        quote(part, safe="").replace("%2F", "%2f"),
        quote_plus(part),
    ):
        assert secrets.cut(f"<{spelling}>") == "<***>", spelling
    assert secrets.cut(HOOK) == "***"
    assert secrets.cut("the webhook at hooks.example.org:8443 and its services, someone") == (
        "the webhook at hooks.example.org:8443 and its services, someone"
    )


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "with space",
        'quo"te',
        "quo'te",
        "back\\slash",
        "ümläut",
        "a<b&c",
        "line\nbreak",
        "p%41ss",
        "ab",
        "tr\tab ",
    ],
)
def test_every_spelling_of_a_password_is_cut(known, value):
    known(value)
    spellings = [value, repr(value)[1:-1], ascii(value)[1:-1], json.dumps(value)[1:-1], html.escape(value)]
    spellings += [quote(value), quote(value, safe=""), quote_plus(value), base64.b64encode(value.encode()).decode()]
    for spelling in spellings:
        assert secrets.cut(f"<{spelling}>") == "<***>", spelling


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("mysql://root:sl/ash@db:3306/mlmd", "sl/ash"),
        ("mysql://root:at@sign@db/mlmd", "at@sign"),
        ("mysql://root:colon:s@db/mlmd", "colon:s"),
        ("postgresql://:only-77@db", "only-77"),
        ("http://host:80/some@T0KEN9/x", "T0KEN9"),
    ],
)
def test_the_password_of_a_database_is_cut_and_its_host_is_not(known, url, password):
    known(url)
    assert secrets.cut(f"refused {password}, db root host") == "refused ***, db root host".replace(
        "***", "some@***" if "some@" in password else "***"
    )


def test_a_variable_that_is_set_later_and_one_that_changes_are_known(known, monkeypatch):
    known("first-77")
    monkeypatch.setenv("NOT_SET", "later-77")
    assert secrets.cut("first-77 later-77") == "*** ***"
    monkeypatch.setenv("SOME_SECRET", "second-77")
    assert secrets.cut("first-77 second-77") == "first-77 ***"


def test_nothing_is_cut_where_nothing_is_secret(known):
    known("")
    assert secrets.values() == frozenset()
    assert secrets.cut("as it is") == "as it is"


def test_a_failure_is_described_without_secrets(known):
    known("s3same-77")
    failure = describe(MillraceError("no s3same-77", where="at s3same-77", remedy="try s3same-77"))
    assert (failure.what, failure.where, failure.remedy) == ("no ***", "at ***", "try ***")
    assert describe(KeyError("s3same-77")).what == "KeyError: '***'"


def test_the_log_has_no_secret_whoever_prints_it(known, tmp_path):
    known(HOOK)
    log = tmp_path / "run.log"
    with output_to(log):
        os.write(1, b"half a line with Q7-ses")
        os.write(1, b"ame in two writes\n")
        subprocess.run([sys.executable, "-c", "import os; print(os.environ['SOME_SECRET'])"], check=True)
        # A child knows by the names alone what to cut.
        child = "from millrace.base.secrets import cut; import sys; sys.stdout.write(cut('child Q7-sesame') + '\\n')"
        subprocess.run([sys.executable, "-c", child], check=True)
        try:
            try:
                raise ValueError(f"cannot post to {HOOK}")
            except ValueError as error:
                raise RuntimeError("chained") from error
        except RuntimeError:
            logging.getLogger("library").exception("password %s", "p@ss-W0rd")
        logging.getLogger("library").info("x" * 3990 + " Q7-sesame " + "x" * 100)
        os.write(2, b"the end, without a line's end: Q7-sesame")
    text = log.read_text()
    for part in ("sesame", "ss-W0rd", "T024", "B0 77", "frag-99"):
        assert part not in text
    assert "half a line with *** in two writes\n***\nchild ***\n" in text
    assert "RuntimeError: chained" in text and "ValueError: cannot post to ***" in text
    assert text.endswith("without a line's end: ***")


@pytest.mark.parametrize("value", ["http://127.0.0.1:9/\udcff\udcfeTOKEN12", "p\udcff-77", "http://h/%ff%feTOKEN12"])
def test_a_secret_that_is_no_text_is_cut_in_every_spelling(known, tmp_path, value):
    known(value)
    path = value.rpartition("/")[2]
    raw = os.fsencode(path)
    for spelling in (
        path,
        ascii(path)[1:-1],
        quote(raw),
        quote(raw).replace("%FF%FE", "%ff%fe"),
        json.dumps(path)[1:-1],
        repr(raw)[2:-1],
    ):
        assert secrets.cut(f"<{spelling}>") == "<***>", spelling
    assert secrets.cut(f"<{raw.decode(errors='replace')}>") == "<***>"
    with output_to(tmp_path / "run.log"):
        os.write(1, b"printed: " + raw + b"\n")
        logging.getLogger("library").info("logged: %s", raw)
    text = (tmp_path / "run.log").read_text()
    assert "printed: ***\n" in text and "logged: b'***'\n" in text


def long_address() -> str:
    return "https://hooks.example.org/" + "/".join(f"Part-{number:04}" for number in range(900))


def long_key() -> str:
    lines = [base64.b64encode(hashlib.sha384(bytes([number])).digest()).decode() for number in range(100)]
    return "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])


@pytest.mark.parametrize(("value", "separator"), [(long_address(), "/"), (long_key(), "\n")], ids=["address", "key"])
def test_a_secret_of_some_kilobytes_is_cut_from_the_log(known, tmp_path, value, separator):
    assert sum(map(len, secrets.spellings([value]))) > 128 << 10, "more than an argument of a program can hold"
    known(value)
    with output_to(tmp_path / "run.log"):
        os.write(1, f"whole: {value!r}\n".encode())
        os.write(2, f"one part: {value.split(separator)[-5]}\n".encode())
    assert (tmp_path / "run.log").read_text() == "whole: '***'\none part: ***\n"


def test_a_secret_is_cut_from_a_line_without_end(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"x" * secret_filter.LONGEST_LINE + b"hush" * 50_000 + b"hu\nhush\n")
    with source.open("rb") as reading, target.open("wb") as writing:
        secret_filter.copy(reading, writing.fileno(), ["hush"], "***")
    assert target.read_bytes() == b"x" * secret_filter.LONGEST_LINE + b"***" * 50_000 + b"hu\n***\n"
