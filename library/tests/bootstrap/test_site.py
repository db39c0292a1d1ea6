"""Building the documentation site: its own environment, made once; the generated pages first; what mkdocs refuses."""

from pathlib import Path

import pytest

from bootstrap.commands import Runner
from bootstrap.environment import Checkout
from bootstrap.errors import SetupError
from bootstrap.site import build_site

MACHINE = None  # only asked where uv has to be fetched


@pytest.fixture
def checkout(tmp_path: Path, make_tool) -> Checkout:
    """A checkout whose tools write down how they were called."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "docs.txt").write_text("mkdocs==1\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    make_tool(tmp_path / ".venv" / "bin" / "python", f'echo "python $*" >> {tmp_path}/calls\n')
    (tmp_path / "bin").mkdir()
    makes = f"mkdir -p {tmp_path}/.cache/docs/bin; cp {tmp_path}/mkdocs {tmp_path}/.cache/docs/bin/python\n"
    make_tool(tmp_path / "mkdocs", f'echo "mkdocs $*" >> {tmp_path}/calls; echo "WARNING - a link"; exit $MKDOCS\n')
    make_tool(
        tmp_path / "bin" / "uv",
        f'[ "$1" = --version ] && echo "uv 99.0.0" && exit\n'
        f'echo "uv $1" >> {tmp_path}/calls\n[ "$1" = venv ] && {makes}',
    )
    return Checkout(tmp_path)


def runner(checkout: Checkout, mkdocs: str = "0") -> Runner:
    environment = {"PATH": f"{checkout.root}/bin:/usr/bin:/bin", "MKDOCS": mkdocs}
    return Runner(checkout.cache / "docs.log", environment, lambda line: None)


def calls(checkout: Checkout) -> list:
    return [" ".join(line.split()[:4]) for line in (checkout.root / "calls").read_text().splitlines()]


def test_the_environment_is_made_once_and_the_generated_pages_come_first(checkout: Checkout) -> None:
    build_site(checkout, MACHINE, runner(checkout))
    build_site(checkout, MACHINE, runner(checkout))
    pages = f"python -m library.site {checkout.cache}/docs-pages"
    assert calls(checkout) == ["uv venv", "uv pip", pages, "mkdocs -m mkdocs build", pages, "mkdocs -m mkdocs build"]


def test_another_lock_makes_another_environment(checkout: Checkout) -> None:
    build_site(checkout, MACHINE, runner(checkout))
    (checkout.root / "requirements" / "docs.txt").write_text("mkdocs==2\n")
    build_site(checkout, MACHINE, runner(checkout))
    assert calls(checkout).count("uv venv") == 2


def test_what_mkdocs_warns_of_ends_the_build(checkout: Checkout) -> None:
    with pytest.raises(SetupError, match="building the site failed") as refusal:
        build_site(checkout, MACHINE, runner(checkout, mkdocs="1"))
    assert "WARNING - a link" in str(refusal.value)
    called = (checkout.root / "calls").read_text()
    assert "--strict" in called and "--quiet" not in called, "mkdocs counts the warnings that it prints"
