"""The benchmark of drawing: all draw the same computation, and those that fail or take too long are left out."""

import shutil

import numpy as np
import pytest

from minigrad.tools.bench.frameworks import Settings
from minigrad.tools.bench.groups import drawers
from minigrad.tools.bench.groups.drawers import DRAWERS, described, timed, unrolled, why_absent
from minigrad.tools.bench.groups.drawing import OURS, _rendered, _Stage, _taking_part

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="no dot program on PATH")


def test_the_cell_is_the_same_in_pytorch():
    torch = pytest.importorskip("torch")
    theirs = drawers.torch_model()(drawers.torch_input(5))
    assert isinstance(theirs, torch.Tensor)
    np.testing.assert_allclose(unrolled(5).item(), theirs.item(), rtol=1e-5)


@pytest.mark.parametrize("name", DRAWERS)
def test_each_draws_in_a_process_of_its_own(name, tmp_path):
    if why_absent(name):
        pytest.skip(why_absent(name))
    seconds, nodes = described(name, 3, tmp_path / "x.dot", limit=120)
    assert all(s > 0 for s in seconds)
    assert nodes > 3
    text = (tmp_path / "x.dot").read_text()
    assert "digraph" in text
    assert "->" in text


@needs_dot
@pytest.mark.parametrize("name", DRAWERS)
def test_graphviz_reads_what_each_draws(name, tmp_path):
    if why_absent(name):
        pytest.skip(why_absent(name))
    described(name, 3, tmp_path / "x.dot", limit=120)
    assert _rendered(name, 3, tmp_path / "x.dot")[0]


def test_who_takes_too_long_is_ended(tmp_path):
    with pytest.raises(RuntimeError, match="not done after 0 s"):
        described(OURS, 3, tmp_path / "x.dot", limit=0.01)


def test_who_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="No such file or directory"):
        described(OURS, 3, tmp_path / "nowhere" / "x.dot", limit=120)


@needs_dot
def test_what_cannot_be_drawn_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="syntax error"):
        (tmp_path / "x.dot").write_text("digraph {{")
        _rendered(OURS, 3, tmp_path / "x.dot")
    with pytest.raises(RuntimeError, match="there is no text"):
        _rendered(OURS, 3, tmp_path / "y.dot")


def test_who_fails_is_left_out_at_greater_lengths(tmp_path):
    def work(name, steps, path):
        if name == "other" and steps > 10:
            raise RuntimeError("too deep")
        return [steps / 1e3], "a note"

    stage = _Stage("title", work, ["absent"])
    found = [stage.row(steps, dict.fromkeys((OURS, "other"), tmp_path)) for steps in (10, 100, 1000)]
    assert [list(row.figures) for row in found] == [[OURS, "other"], [OURS], [OURS]]
    assert found[0].figures[OURS].median == pytest.approx(10)
    assert found[0].notes == ["absent", f"{OURS}: a note", "other: a note"]
    assert found[1].notes[2] == "other failed: too deep"
    assert found[2].notes[2] == "other: left out, it failed at T=100"


def test_minigrad_has_to_run(tmp_path):
    def work(*_):
        raise RuntimeError("too deep")

    with pytest.raises(RuntimeError, match="too deep"):
        _Stage("title", work, []).row(10, {OURS: tmp_path})


def test_without_pytorch_minigrad_is_alone():
    names, notes = _taking_part(Settings(absent={"torch": "not installed"}))
    assert all(name.startswith("minigrad") for name in names)
    assert len(names) + len(notes) == len(DRAWERS)


def test_the_first_run_of_several_does_not_count():
    seconds, drawn = timed(lambda: ("digraph {}", 0))
    assert len(seconds) == 11
    assert drawn == ("digraph {}", 0)
