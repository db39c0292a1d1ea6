"""A model under validation sees a short environment: no credentials, and a home of its own."""

from pathlib import Path

import pytest

from millrace.model_server.server_process import _environment


def test_credentials_are_not_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/home/me/key.json")
    monkeypatch.setenv("HOOK", "https://hooks.example.org/SECRET")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    passed = _environment(tmp_path)
    assert not {"GOOGLE_APPLICATION_CREDENTIALS", "HOOK"} & set(passed)
    assert passed["HOME"] == passed["TMPDIR"] == str(tmp_path)
    assert passed["OPENBLAS_NUM_THREADS"] == "1" and "PATH" in passed
