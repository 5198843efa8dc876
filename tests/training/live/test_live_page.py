"""The page of a running training in a real browser."""

import numpy as np
import pytest
from browser import expect
from watched import HOSTILE, Remember, filled, serving, settings

from minigrad.tools.gradflow import GradientFlow
from minigrad.training.fitting import fit
from minigrad.training.live import LivePage
from minigrad.training.live.feed import AT_ONCE
from minigrad.training.live.server import serve
from minigrad.training.watchers import End, Step, Validation

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def served():
    """Serve feeds: returns the port. The servers outlive the pages, which ask once a second."""
    with serving() as start:
        yield start


def shown(page, port):
    page.goto(f"http://127.0.0.1:{port}/")
    expect(page.locator("#step")).not_to_have_text("-")
    return page


FLOW = GradientFlow({f"h {HOSTILE}": np.array([0.1, 0.2, 0.4]), "c": np.array([1.0, 0.5, np.nan])})
VALIDATIONS = [
    Validation(2, {"error": 0.5, HOSTILE: 1.5}, "the first", FLOW),
    Validation(3, {"error": 0.25, HOSTILE: 2.5}, f"the second\n  {HOSTILE}", FLOW),
]


def inked(page, section):
    """How many pixels of a chart are not empty."""
    return page.evaluate(
        """(section) => {
          const canvas = document.querySelector(`#${section} canvas`);
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          return pixels.filter((value, i) => i % 4 === 3 && value > 0).length;
        }""",
        section,
    )


def test_the_page_shows_values_measures_examples_and_flow(browser_page, served):
    page = shown(browser_page, served(filled(3, VALIDATIONS)))
    assert page.locator("#state").inner_text() == "training"
    assert page.locator("#step").inner_text() == "3 of 10"
    assert "error\t0.3333" in page.locator("#values").inner_text()
    assert "error, held out\t0.25" in page.locator("#values").inner_text()
    assert page.locator("#measures tr").first.inner_text().split("\t") == ["3", "0.25", "2.5"]
    assert page.locator("#examples > article pre").inner_text() == f"the second\n  {HOSTILE}"
    assert page.locator("#flow-note").inner_text() == "Measured in step 3."
    legend = page.locator("#flow .legend li")
    assert legend.first.inner_text() == f"h {HOSTILE} (× 0.500 with each step back)"
    for chart in ("loss", "norm", "rate", "flow"):
        assert inked(page, chart) > 500


def test_names_and_texts_are_never_markup(browser_page, served):
    page = shown(browser_page, served(filled(3, VALIDATIONS)))
    page.locator("summary").click()
    assert page.locator("img").count() == 0  # and nothing ran: the fixture looks at the console


def test_new_steps_appear_by_themselves(browser_page, served):
    feed = filled(3)
    page = shown(browser_page, served(feed))
    feed.step(Step(4, 1, 0.125, 0.5, 0.01, 0.4))
    expect(page.locator("#step")).to_have_text("4 of 10")
    assert "error\t0.125" in page.locator("#values").inner_text()
    assert page.locator("#epoch").inner_text() == "1"


def test_the_flow_of_an_older_validation_can_be_chosen(browser_page, served):
    page = shown(browser_page, served(filled(3, VALIDATIONS)))
    page.select_option("#flow-step", "2")
    assert page.locator("#flow-note").inner_text() == "Measured in step 2."


def test_the_page_says_why_there_is_no_flow(browser_page, served):
    page = shown(browser_page, served(filled(3, [Validation(2, {}, "", "no state")])))
    assert page.locator("#flow-note").inner_text() == "There is none: no state."
    assert not page.locator("#flow canvas").is_visible()
    assert not page.locator("#examples").is_visible()  # as there are none


def test_charts_have_words_and_are_read_with_the_keyboard(browser_page, served):
    page = shown(browser_page, served(filled(3, VALIDATIONS)))
    canvas = page.locator("#loss canvas")
    assert "Error, up to step 3; last values: training, each batch: 0.3333" in canvas.get_attribute("aria-label")
    canvas.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert "step 2: training, each batch 0.5" in page.locator("#loss .readout").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#loss .readout").inner_text() == ""


def test_the_scale_can_be_switched(browser_page, served):
    page = shown(browser_page, served(filled(3, VALIDATIONS)))
    picture = "document.querySelector('#loss canvas').toDataURL()"
    before = page.evaluate(picture)
    page.locator("#loss .log").check()
    assert page.evaluate(picture) != before


@pytest.mark.parametrize("how", ["finished", "stopped early", "interrupted", "failed"])
def test_the_page_says_how_training_ended_and_keeps_what_it_has(how, browser_page, served):
    feed = filled(3, VALIDATIONS)
    page = shown(browser_page, served(feed))
    feed.end(End(how, f"so it {HOSTILE}"))
    expect(page.locator("#state")).to_have_text(f"{how}: so it {HOSTILE}")
    assert page.title() == f"{how} - remember"
    assert page.locator("#program").inner_text() == "remember"
    assert page.locator("#step").inner_text() == "3 of 10"
    feed.wait_for_viewers(1000)


def test_the_page_says_when_nobody_answers(browser_page, browser_problems):
    server = serve(filled(3, VALIDATIONS))
    page = shown(browser_page, server.server_address[1])
    server.stop()
    expect(page.locator("#state")).to_have_class("lost")
    assert "does not answer" in page.locator("#state").inner_text()
    assert page.title() == "ended - remember"
    assert page.locator("#measures tr").count() == 2
    assert browser_problems
    page.goto("about:blank")  # where nothing is asked any more
    browser_problems.clear()


def test_a_page_without_an_answer_does_not_ask_for_ever(browser_page, browser_problems):
    server = serve(filled(3, VALIDATIONS))
    browser_page.clock.install()
    page = shown(browser_page, server.server_address[1])
    asked = []
    page.on("requestfailed", lambda request: asked.append(request.url))
    server.stop()
    for _ in range(300):  # its clock is not the network's: a failure may be told before or after the next question
        if len(asked) == 3:
            break
        page.clock.run_for(1_000)
        page.wait_for_timeout(20)
    page.clock.run_for(3_600_000)
    page.wait_for_timeout(100)
    assert len(asked) == 3
    with page.expect_event("requestfailed"):
        page.evaluate("dispatchEvent(new Event('focus'))")  # somebody looks
    assert len(asked) == 4
    assert page.locator("#step").inner_text() == "3 of 10"
    browser_problems.clear()


def test_a_page_left_open_shows_the_training_that_follows(browser_page, browser_problems):
    server = serve(filled(3, VALIDATIONS))
    port = server.server_address[1]
    page = shown(browser_page, port)
    server.stop()
    other = serve(filled(2), port)
    expect(page.locator("#step")).to_have_text("2 of 10")
    assert page.locator("#measures tr").count() == 0
    assert not page.locator("#examples").is_visible()
    page.goto("about:blank")  # where nothing is asked any more
    other.stop()
    browser_problems.clear()


@pytest.mark.parametrize("width", [320, 768, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window(width, scheme, browser_page, served):
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.set_viewport_size({"width": width, "height": 700})
    page = shown(browser_page, served(filled(3, VALIDATIONS)))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_long_training_is_drawn_quickly(browser_page, served):
    """A hundred thousand steps: the lines have no more corners than the canvas has columns."""
    page = shown(browser_page, served(filled(5 * AT_ONCE)))
    expect(page.locator("#step")).to_have_text("100,000 of 10")


def test_a_training_is_watched_from_beginning_to_end(browser_page, tmp_path, monkeypatch):
    """The whole way: `--live`, a browser that looks on, and the end that it is told."""

    class Noted(LivePage):
        def __init__(self, port):
            super().__init__(port)
            browser_page.goto(self.url)

        def close(self):
            expect(browser_page.locator("#state")).to_have_class("finished")
            super().close()

    monkeypatch.setattr("minigrad.training.live.LivePage", Noted)
    fit(settings(tmp_path, live=True), Remember)
    assert browser_page.locator("#step").inner_text() == "24 of 24"
    assert browser_page.locator("#state").inner_text() == "finished after 24 steps"
    assert browser_page.locator("#measures tr").count() == 4
    assert browser_page.locator("#flow .legend li").count() == 2
