"""The page of a graph: what it costs to make, how large it is, and how fast a browser opens it and a time step of it.

The targets, for an LSTM of more than 20,000 nodes over 1,000 steps: it opens folded in under 2 s, opens any one step in
under 0.3 s, and its file has less than 3 MB.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import minigrad as mg
from minigrad import nn
from minigrad.tools.graph import Graph, build, passes
from minigrad.tools.graph.page import page

from ..frameworks import Settings
from ..harness import Figure, Row, per_step, scaled, summary
from .drawing import length_text

LENGTHS, QUICK_LENGTHS = (100, 1_000, 10_000), (20,)
LAYERS = 2  # 32,000 nodes for 1,000 steps
SHAPE = f"LSTM, {LAYERS} layers, B=2 F=4 H=8"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Opens a step in the middle of the first layer: all ranges around it, and then the step itself. The browser has drawn
# it when the second frame begins.
OPEN_STEP = """async (t) => {
  const { tree } = minigrad;
  const step = tree.items.find((item) => item.kind === "step" && item.step[0] === t);
  const start = performance.now();
  step.open = true;
  minigrad.show(step);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}"""


def rows(settings: Settings) -> Iterator[Row]:
    """Microseconds a time step to make the page; then milliseconds, in a browser, to open it and to open one step."""
    lengths = QUICK_LENGTHS if settings.quick else LENGTHS
    runs = 2 if settings.quick else 7
    graphs = {steps: _graph(steps) for steps in lengths}
    figures = per_step({steps: partial(_page, graph) for steps, graph in graphs.items()}, min(runs, 3), warm_up=0)
    texts = {steps: _page(graph) for steps, graph in graphs.items()}
    notes = [
        f"{length_text(steps)}: {len(graph.nodes):,} nodes, {len(texts[steps].encode()) / 1e6:.2f} MB"
        for steps, graph in graphs.items()
    ]
    yield Row("page", f"making the page, {SHAPE}, per time step", "us", figures, length_text(lengths[0]), notes=notes)
    yield from _in_browser(texts, runs)


def _graph(steps: int) -> Graph:
    lstm = nn.LSTM(4, 8, LAYERS)
    with mg.Tape(details=True) as tape:
        loss = (lstm(mg.ones((steps, 2, 4)))[0] ** 2).sum()
    loss.backward()
    return build(tape)


def _page(graph: Graph) -> str:
    return page(passes(graph, "forward"))


def chromium() -> str | None:
    """The path of Chromium; None if it is not installed."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def chromium_arguments() -> list[str]:
    """What Chromium must be told here: root has no sandbox to run it in, as in most containers."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def _in_browser(texts: dict[int, str], runs: int) -> Iterator[Row]:
    """The rows that need Chromium and Playwright; one that says what is missing, without them."""
    program = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        yield Row("page", "in a browser", "ms", {}, notes=["not measured: it needs Chromium and Playwright"])
        return
    opened: dict[str, Figure] = {}
    expanded: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=chromium_arguments())
        version = f"Chromium {browser.version}, without a window"
        for steps, text in texts.items():
            path = Path(folder) / f"{steps}.html"
            path.write_text(text, encoding="utf-8")
            opening, expanding = [], []
            for run in range(runs):
                tab = browser.new_page(viewport={"width": 1280, "height": 800})
                begun = time.perf_counter()
                tab.goto(path.as_uri())
                tab.locator("#world .item").first.wait_for()
                opening.append(time.perf_counter() - begun)
                expanding.append(tab.evaluate(OPEN_STEP, steps // 2 + run) / 1e3)
                tab.close()
            opened[length_text(steps)], expanded[length_text(steps)] = summary(opening), summary(expanding)
        browser.close()
    first = next(iter(opened))
    yield Row("page", f"opening it, folded, {SHAPE}", "ms", scaled(opened, 1e3), first, notes=[version])
    yield Row("page", f"opening one step of it, {SHAPE}", "ms", scaled(expanded, 1e3), first, notes=[version])
