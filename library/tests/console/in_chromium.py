"""A real Chromium for tests of pages: opened at the printed address, and what it complains of."""

import shutil
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
TOKEN = "a-token-of-the-tests"
NEEDS_CHROMIUM = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine")


def opened(browser: Browser, running: Any, width: int = 1280, theme: str = "light") -> tuple[Page, list[str]]:
    """A page that has come by the printed address, and what its browser complains of."""
    context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme=theme)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: None if running.host in request.url else complaints.append(request.url))
    page.goto(f"http://{running.host}/?token={TOKEN}")
    assert "token" not in page.url
    return page, complaints


# What a screen reader would have no name for.
UNLABELLED = """() => [...document.querySelectorAll("input:not([type=hidden]), select, button, a, svg[role=img]")]
    .filter(one => one.checkVisibility() && !one.getAttribute("aria-label") && !one.textContent.trim()
        && !(one.labels && one.labels.length) && !one.querySelector("title"))
    .map(one => one.outerHTML)"""


# Names and commands that go on in a next line within a word; what is longer than any column, such as a digest, may.
BROKEN_WORDS = r"""() => {
    const broken = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const lines = (node, from, to) => {
        const range = document.createRange();
        range.setStart(node, from), range.setEnd(node, to);
        return new Set([...range.getClientRects()].filter((one) => one.width).map((one) => Math.round(one.top))).size;
    };
    while (walker.nextNode()) {
        const node = walker.currentNode, parent = node.parentElement;
        if (!parent.checkVisibility() || parent.closest("svg, script, style, textarea, .unseen, pre")) continue;
        if (parent.closest(".command code") && lines(node, 0, node.data.length) > 1) broken.push(node.data);
        for (const word of node.data.matchAll(/[\p{L}\p{N}_]{1,36}(?![\p{L}\p{N}_])/gu)) {
            const before = node.data[word.index - 1] ?? " ";
            if (/[\p{L}\p{N}_]/u.test(before)) continue;
            if (lines(node, word.index, word.index + word[0].length) > 1) broken.push(word[0]);
        }
    }
    return broken;
}"""


def broken_rules(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA and good practice."""
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": rules}).response["violations"]
    return [f"{one['id']}: {[node['html'][:200] for node in one['nodes'][:3]]}" for one in found]
