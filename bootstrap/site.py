"""Builds the documentation site: generated pages by the library, the site by mkdocs in an environment of its own."""

import shutil
from pathlib import Path

from bootstrap.beside import install
from bootstrap.commands import Runner
from bootstrap.environment import Checkout
from bootstrap.machine import Machine


def build_site(checkout: Checkout, machine: Machine, runner: Runner) -> Path:
    """Builds the site from docs/, with the pages that the code itself writes.

    What mkdocs warns of ends it: a link that leads nowhere, a page that no menu has, a file from another host.

    Args:
        checkout: where; its .venv must be there.
        machine: this machine, for the words of advice where uv has to be fetched.
        runner: runs the programs.

    Returns:
        The folder of the site.

    Raises:
        SetupError: a step failed; tells the end of its output.
    """
    environment = checkout.cache / "docs"
    lock = checkout.root / "requirements" / "docs.txt"
    install(environment, lock, checkout, machine, runner)
    site, pages = checkout.cache / "site", checkout.cache / "docs-pages"
    for folder in (site, pages):
        shutil.rmtree(folder, ignore_errors=True)
    python = str(checkout.venv / "bin" / "python")
    runner.run([python, "-m", "library.site", str(pages)], "writing the generated pages")
    # Without --quiet: what mkdocs does not print, --strict does not count.
    mkdocs = [str(environment / "bin" / "python"), "-m", "mkdocs", "build", "--strict"]
    runner.environment["NO_MKDOCS_2_WARNING"] = "1"  # the theme's advertisement, longer than what is shown of a failure
    runner.run(
        [*mkdocs, "--config-file", str(checkout.root / "mkdocs.yml"), "--site-dir", str(site)],
        "building the site",
        "each WARNING above names a page of docs/, or of what library/site writes, and what is wrong with it",
    )
    runner.tell(f"==> the site is in {site.relative_to(checkout.root)}; to read it: python3 -m http.server -d {site}")
    return site
