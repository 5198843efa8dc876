"""A real browser for the tests of pages: Chromium without a window, driven by Playwright.

`browser_page` is an empty tab in a context of its own. What goes wrong in it fails the test at its end: errors on the
console, exceptions, failed requests, requests to another computer. A test that means to cause such a thing takes it out
of `browser_problems`. `browser_page.context.set_offline(True)` takes the network away, for pages opened as files.
"""

from urllib.parse import urlsplit

import pytest

from minigrad.tools.bench.groups.pages import chromium, chromium_arguments

HERE = ("127.0.0.1", "localhost", None)  # None: files and data


def expect(locator):
    """Playwright's assertions, which wait: `expect(page.locator("h1")).to_have_text("...")`.

    `page.wait_for_function` does not work in pages whose Content-Security-Policy forbids eval.
    """
    from playwright.sync_api import expect

    return expect(locator)


@pytest.fixture(scope="session")
def browser():
    """Chromium; skips the tests where it, or Playwright, is not installed."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = chromium()
    if path is None:
        pytest.skip("there is no chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=chromium_arguments())
        yield running
        running.close()


@pytest.fixture
def browser_problems():
    """What went wrong in the page so far, as text."""
    return []


@pytest.fixture
def browser_page(browser, browser_problems):
    """An empty tab; see the module."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()

    def note(kind, text):
        browser_problems.append(f"{kind}: {text}")

    def requested(request):
        if urlsplit(request.url).hostname not in HERE:
            note("request to another computer", request.url)

    page.on("console", lambda message: note("console", message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: note("exception", error))
    page.on("request", requested)
    page.on("requestfailed", lambda request: note("failed request", request.url))
    yield page
    if not page.is_closed():
        page.evaluate("0")  # an answer comes after what was told before it
    problems = list(browser_problems)
    context.close()  # cuts off what the page has just asked for: no fault of it
    assert not problems, problems
