"""What the tree says of its own pages: one that is named in code, comments, configurations and messages is there."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = re.compile(r"(?<![\w/.])docs/(?:[\w-]+/)*[\w-]+\.md")


def test_every_page_that_the_tree_names_is_there() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = listed.stdout.splitlines() if listed.returncode == 0 else []
    texts = [ROOT / name for name in files if name.endswith((".py", ".md", ".yaml", ".sh", "Dockerfile", "Makefile"))]
    named = {
        (page, path.relative_to(ROOT).as_posix())
        for path in texts
        if path.is_file() and path.name != "CHANGELOG.md"
        for page in PAGE.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20 or not files
    assert sorted((page, where) for page, where in named if not (ROOT / page).is_file()) == []
