"""The page of a graph, opened in a real browser, and what the tests of it ask again and again."""

import pytest

import minigrad as mg
from minigrad.inspect.graph.timeline import columns
from minigrad.tools.graph import build
from minigrad.tools.graph.page import page as page_of


def recorded(module, *inputs):
    with mg.Tape(details=True) as tape:
        out = module(*inputs)
        loss = (out[0] if isinstance(out, tuple) else out).sum()
    loss.backward()
    return columns(build(tape))


@pytest.fixture
def opened(browser_page, tmp_path):
    """Opens a graph's page as a file, without a network."""

    def open_page(graph, title="A graph"):
        path = tmp_path / "graph.html"
        path.write_text(page_of(graph, title), encoding="utf-8")
        browser_page.context.set_offline(True)
        browser_page.goto(path.as_uri())
        browser_page.locator("#world .item").first.wait_for()
        return browser_page

    return open_page


def box(page, label, nth=0):
    """A closed box, leaf or open frame, by its spoken name."""
    return page.locator(f'#world [aria-label^="{label}"]').nth(nth)


def middle(locator):
    found = locator.bounding_box()
    return found["x"] + found["width"] / 2, found["y"] + found["height"] / 2


def set_depth(page, depth):
    page.locator("#depth").fill(str(depth))


def details(page):
    return page.locator("#details").inner_text()
