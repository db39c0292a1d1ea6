"""The report of a run: one file that asks for nothing, with the reason first."""

import base64
import hashlib
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from past_runs import NOW

from millrace.cli.main import millrace
from millrace.config.loading import load
from millrace.console.report import report
from millrace.metadata.run_summaries import run_summaries


@pytest.fixture
def text(four) -> str:
    return report(four, run_summaries(four)[1].run_id, NOW)


def test_it_asks_for_nothing_and_has_no_script(text):
    assert not re.search(r"<script|<link|<iframe|<form|\bsrc=|url\(|@import", text)
    assert set(re.findall(r'href="(.)', text)) == {"#"}, "links lead to places of the file alone"


def test_its_policy_allows_its_own_style_and_nothing_else(text):
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"sha256-{digest}" in policy.replace("&#39;", "'") and policy.startswith("default-src")


def test_every_place_that_it_points_to_is_there(text):
    for place in set(re.findall(r'href="#([^"]+)"', text)):
        assert f'id="{place}"' in text, place


def test_the_reason_stands_first_and_is_text(text):
    assert text.index("AUC 0.6 is below") < text.index("<h2>")
    assert "<script>alert" not in text and "hx-get" not in text


def test_its_times_stay_true_when_it_is_read_later(text):
    assert "ago</time>" not in text and re.search(r">20\d\d-\d\d-\d\d \d\d:\d\d \S+</time>", text)


def test_the_command_writes_one_file(four, tmp_path: Path):
    target = tmp_path / "new" / "r.html"
    asked = ["report", "-c", "conf/taxi.yaml", "--set", f"root={four.root}", "-o", str(target)]
    refused = CliRunner().invoke(millrace, asked, standalone_mode=False)
    assert "no such folder" in str(refused.exception) and not target.parent.exists()
    target.parent.mkdir()
    done = CliRunner().invoke(millrace, asked, standalone_mode=False)
    assert done.exception is None and str(target) in done.output
    assert target.read_text().startswith("<!doctype html>") and len(list(target.parent.iterdir())) == 1


def test_a_report_says_what_the_folder_knows_where_ml_metadata_is_gone(four, tmp_path: Path):
    """It said of a run that was done that it ended before its first stage, and wrote nothing."""
    config = load("conf/taxi.yaml", [f"root={shutil.copytree(four.root, tmp_path / 'root')}"])
    ids = [run.run_id for run in run_summaries(config)]
    (tmp_path / "root" / "metadata.db").unlink()
    for run_id in ids:
        assert run_id in report(config, run_id, NOW)
