"""The page of results: written from metrics, and what the table asks for exists."""

import dataclasses
import importlib.util
import json

import pytest
from project import ROOT

from minigrad.models import PROGRAMS, program
from minigrad.tools.results.page import anchor, page
from minigrad.tools.results.table import RESULTS, Mark, find


def made_up(**results):
    """Metrics as a run leaves them."""
    return {
        "settings": {"seed": 0, "backend": "numpy"},
        "parameters": 12345,
        "steps": 100,
        "kept_step": 90,
        "seconds": 75.0,
        "results": results,
    }


@pytest.mark.parametrize("name", RESULTS)
def test_commands_are_ones_that_there_are(name):
    result = RESULTS[name]
    arguments = result.command if result.module else result.command[1:]
    settings = program("char-lm" if result.module else result.command[0]).Settings
    options = {f"--{f.name.replace('_', '-')}" for f in dataclasses.fields(settings)}
    assert set(arguments[::2]) <= options
    assert result.module is None or importlib.util.find_spec(result.module)


def test_every_program_has_results():
    assert {result.command[0] for result in RESULTS.values() if not result.module} == set(PROGRAMS)


def test_the_page_says_what_was_reached_and_what_was_missed():
    runs = {
        "char-lm": made_up(nats_per_character=1.5, bits_per_character=2.164),
        "char-lm-pytorch": made_up(nats_per_character=1.47),
        "caption": made_up(exact_greedy=0.99, exact_beam=0.985),
    }
    text = page(runs)
    assert "| 1.5 | <= 1.49, PyTorch's, trained alike, and 0.02 | **missed** |" in text
    assert "| 99.0 % | >= 95.0 %, the mark set | reached |" in text
    assert "| sentiment | test accuracy | not run | | |" in text
    assert "minigrad train caption" in text
    assert "Seed 0, backend numpy, 12,345 parameters; 100 batches in 1.2 minutes" in text
    assert "Also measured: exact with beam search: 0.985." in text
    assert "(images/results/caption.png)" in text
    assert f"(#{anchor(RESULTS['caption'].title)})" in text
    assert all(len(line) <= 120 for line in text.splitlines() if not line.startswith(("|", "    ")))


def test_numbers_that_are_not_there_are_named():
    with pytest.raises(KeyError, match=r"there is no results\.test\.accuracy"):
        find({"results": {"test": {}}}, "results.test.accuracy")
    with pytest.raises(KeyError, match=r"there is no rmse\.1"):
        find({"rmse": [0.5]}, "rmse.1")
    assert find({"rmse": [0.5]}, "rmse.0") == 0.5


@pytest.mark.parametrize(("compare", "value", "reached"), [("<=", 1.0, True), ("<", 1.0, False), (">=", 0.9, False)])
def test_marks(compare, value, reached):
    assert Mark("m", "m", compare, 1.0, "").reached(value, 1.0) is reached


def test_the_page_in_docs_is_made_of_the_numbers_beside_it():
    numbers = json.loads((ROOT / "docs" / "results.json").read_text(encoding="utf-8"))
    assert page(numbers) == (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    pictures = [path.stem for path in (ROOT / "docs" / "images" / "results").iterdir()]
    assert sorted(pictures) == sorted(name for name in numbers if not RESULTS[name].module)
