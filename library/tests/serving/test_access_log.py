"""The access log, read on through its renaming, and what its lines mean."""

import json

import pytest

from millrace.serving import access_log
from millrace.serving.access_log import end, put_aside, read_on, tallies


def line(version=1, code=200, grpc=None, ms=5, flags="-", cluster=None, path="/v1/models/taxi:predict"):
    cluster = cluster or f"{version}-rest"
    fields = {"time": "1795689180.819", "id": "a", "cluster": cluster, "path": path, "code": code, "grpc": grpc}
    return json.dumps({**fields, "ms": ms, "flags": flags}) + "\n"


def add(folder, *lines):
    with open(folder / "access.log", "a") as file:
        file.write("".join(lines))


def test_each_line_is_read_once_through_the_renaming_of_the_file(tmp_path):
    add(tmp_path, line(1), line(2))
    answers, inode, offset = read_on(tmp_path, 0, 0)
    assert [one.version for one in answers] == [1, 2]
    add(tmp_path, line(3), line(4)[:20])
    answers, inode, offset = read_on(tmp_path, inode, offset)
    assert [one.version for one in answers] == [3]
    add(tmp_path, line(4)[20:], line(5))
    assert put_aside(tmp_path, larger_than=10, kept=2)
    add(tmp_path, line(6))
    assert put_aside(tmp_path, larger_than=10, kept=2)
    add(tmp_path, line(7))
    answers, inode, offset = read_on(tmp_path, inode, offset)
    assert [one.version for one in answers] == [4, 5, 6, 7]
    assert (inode, offset) == end(tmp_path)
    assert read_on(tmp_path, inode, offset)[0] == []
    assert put_aside(tmp_path, larger_than=10, kept=2)
    assert [file.name for file in access_log.log_files(tmp_path)] == ["access-000002.log", "access-000003.log"]
    assert not put_aside(tmp_path, larger_than=10, kept=2)


def test_before_the_first_line_there_is_nothing(tmp_path):
    assert end(tmp_path) == (0, 0) and read_on(tmp_path, 0, 0) == ([], 0, 0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        *(({"code": code}, "good") for code in (200, 204, 299)),
        # No version answers with a redirect.
        *(({"code": code}, "failed") for code in (300, 302, 429, 500, 502, 503, 504)),
        *(({"code": code}, "refused") for code in (400, 404, 413, 499, 501)),
        *(({"code": 200, "grpc": status}, "failed") for status in (2, 4, 6, 8, 10, 13, 14, 15)),
        *(({"code": 200, "grpc": status}, "refused") for status in (1, 3, 5, 7, 9, 11, 12, 16)),
        # gRPC has its own words: HTTP's code says nothing then.
        *(({"code": code, "grpc": 0}, "good") for code in (200, 503)),
        *(({"code": 503, "flags": flags}, "") for flags in ("DC", "UF,DC")),
        *(({"code": 503, "flags": flags}, "failed") for flags in ("-", "UF", "UDCX")),
    ],
)
def test_a_version_is_charged_with_what_it_failed_and_with_nothing_of_the_client_s(tmp_path, fields, said):
    add(tmp_path, line(7, **fields))
    answers, *_ = read_on(tmp_path, 0, 0)
    words = ["failed" if one.failed else "refused" if one.refused else "good" for one in answers]
    assert words == [said][: bool(said)] and not any(one.failed and one.refused for one in answers)
    assert {one.version for one in answers} <= {7}
    wrong = {"failed": {1.0: 1}, "good": {0.0: 1}}.get(said)
    assert tallies(answers, None)["errors"] == ({7: wrong} if wrong else {})


def test_just_at_its_limit_an_answer_is_not_slow(tmp_path):
    add(tmp_path, line(1, ms=500), line(1, ms=501))
    assert tallies(read_on(tmp_path, 0, 0)[0], 500)["slow"] == {1: {0.0: 1, 1.0: 1}}


def test_what_failed_and_what_was_slow(tmp_path):
    add(
        tmp_path,
        line(1), line(1, code=204), line(1, code=404), line(2, code=503, flags="UF"), line(2, ms=900),
        line(2, grpc=0, cluster="2-grpc"), line(2, grpc=14, cluster="2-grpc"),
        line(1, code=0, flags="DC"), line(cluster="-", code=404), "no json\n", "[]\n",
    )  # fmt: skip
    answers, *_ = read_on(tmp_path, 0, 0)
    assert tallies(answers, 500) == {
        "errors": {1: {0.0: 2}, 2: {0.0: 2, 1.0: 2}},
        # What a request is to blame for; a mirror's gRPC errors are not known, so the champion's are left out, too.
        "refused": {1: {0.0: 2, 1.0: 1}, 2: {0.0: 1}},
        "slow": {1: {0.0: 2}, 2: {0.0: 3, 1.0: 1}},
    }
    assert list(tallies(answers, None)) == ["errors", "refused"]


def test_only_predictions_are_answers_of_a_model(tmp_path):
    asked = [
        "/v1/models/taxi/labels/champion:predict", "/v1/models/taxi/versions/2:Regress", "/v1/models/taxi:classify",
        "/tensorflow.serving.PredictionService/Predict",
    ]  # fmt: skip
    looked = [
        "/v1/models/taxi", "/v1/models/taxi/metadata", "/", "/v1/models/taxi/labels/champion",
        "/x/v1/models/taxi:predict",
        "/tensorflow.serving.ModelService/GetModelStatus", "/tensorflow.serving.PredictionService/GetModelMetadata",
        "/grpc.health.v1.Health/Check",
    ]  # fmt: skip
    for path in (*asked, *looked):
        add(tmp_path, line(1, grpc=0 if path.startswith(("/tensorflow", "/grpc")) else None, path=path))
    assert len(read_on(tmp_path, 0, 0)[0]) == len(asked)
