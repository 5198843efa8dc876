"""The pages that are kept, of one training and of several, in a real browser without a network."""

import json

import pytest
from watched import HOSTILE, Remember, settings

from minigrad.training.fitting import fit
from minigrad.training.live import report, saved
from minigrad.training.watchers import Watcher

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")

INKED = """(section) => {
  const canvas = document.querySelector(`#${section} canvas`);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.filter((value, i) => i % 4 === 3 && value > 0).length;
}"""


class Looks(Watcher):
    flow = True


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with two runs, the first with its gradient flow."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())
        fit(settings(folder / "one"), Remember, [Looks()])
        fit(settings(folder / "two", lr=0.03, steps=12), Remember)
    return folder


def opened(page, path):
    page.context.set_offline(True)
    page.goto(path.as_uri())
    return page


def test_the_page_of_a_training_is_kept(browser_page, runs):
    page = opened(browser_page, runs / "one" / "report.html")
    assert page.title() == "finished - remember"
    assert page.locator("#program").inner_text() == "remember"
    assert page.locator("#state").inner_text() == "finished after 24 steps"
    assert page.locator("#step").inner_text() == "24 of 24"
    assert not page.locator("#left").is_visible()
    assert page.locator("#measures tr").count() == 4
    assert page.locator("#examples > article pre").inner_text() == f"one\n  two {HOSTILE}"
    assert page.locator("#flow .legend li").count() == 2
    for chart in ("loss", "norm", "rate", "flow"):
        assert page.evaluate(INKED, chart) > 500
    assert page.locator("img").count() == 0


def test_what_was_not_measured_is_not_shown(browser_page, runs):
    report.write(runs / "two", runs / "page.html")
    page = opened(browser_page, runs / "page.html")
    assert not page.locator("#flow").is_visible()
    assert page.locator("#step").inner_text() == "12 of 12"


def test_a_training_that_was_cut_off_has_a_page(browser_page, runs, tmp_path):
    lines = (runs / "one" / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_text("".join([*lines[:9], '{"step": 8, "lo']), encoding="utf-8")
    page = opened(browser_page, report.write(tmp_path))
    assert page.title() == "broken off - remember"
    assert page.locator("#step").inner_text() == "7 of 24"


@pytest.fixture
def compared(browser_page, runs, tmp_path):
    path = runs / "runs.html"
    path.write_text(report.overlay(saved.find(runs), f"Runs {HOSTILE}", path), encoding="utf-8")
    return opened(browser_page, path)


def test_runs_are_laid_over_each_other(compared):
    assert compared.title() == f"Runs {HOSTILE}"
    head, one, two = [row.split("\t") for row in compared.locator("table").inner_text().split("\n")]
    assert [cell.strip() for cell in head] == ["run", "began", "steps", "state", "best error", "time in steps", "lr"]
    assert (one[0].split(), one[2:4], one[-1].strip()) == (["one", "page"], ["24 of 24", "finished"], "0.01")
    assert (two[0].split(), two[2:4], two[-1].strip()) == (["two", "page"], ["12 of 12", "finished"], "0.03")
    assert compared.locator("#held-out-0 .legend li").all_inner_texts() == ["one", "two"]
    for chart in ("held-out-0", "training-0"):
        assert compared.evaluate(INKED, chart) > 500
    compared.locator("a").first.click()
    assert compared.title() == "finished - remember"


def test_a_run_can_be_left_out(compared):
    compared.get_by_role("checkbox", name="two").uncheck()
    assert compared.locator("#training-0 .legend li").all_inner_texts() == ["one"]
    compared.get_by_role("checkbox", name="two").check()
    assert compared.locator("#training-0 .legend li").all_inner_texts() == ["one", "two"]


def test_another_measure_can_be_chosen(compared):
    before = compared.locator("#held-out-0 canvas").get_attribute("aria-label")
    assert before.startswith("Error, held out, up to step 24")
    compared.locator("#held-out-0 select").select_option(HOSTILE)
    assert compared.locator("#held-out-0 h2").inner_text() == f"{HOSTILE}, held out"
    assert compared.locator("#held-out-0 canvas").get_attribute("aria-label") != before


def test_arrow_keys_go_from_one_measured_step_to_the_next(compared):
    compared.locator("#held-out-0 canvas").focus()
    compared.keyboard.press("Home")
    readout = compared.locator("#held-out-0 .readout")
    for step, names in ((3, ["two"]), (6, ["one", "two"]), (9, ["two"]), (12, ["one", "two"]), (18, ["one"])):
        text = readout.inner_text()
        assert text.startswith(f"step {step}: ")
        assert [part.split()[0] for part in text.partition(": ")[2].split(", ")] == names
        compared.keyboard.press("ArrowRight")


@pytest.mark.parametrize("width", [320, 1600])
def test_the_page_of_runs_fits_its_window(width, compared):
    compared.set_viewport_size({"width": width, "height": 700})
    assert compared.evaluate("document.documentElement.scrollWidth") <= width


def test_data_cannot_end_the_script_that_holds_it(runs):
    text = report.overlay(saved.find(runs), "</script><!--<script>", runs / "runs.html")
    assert text.count("</script>") == 2
    assert json.loads(text.partition('id="data">')[2].partition("</script>")[0])["title"] == "</script><!--<script>"
