"""Pictures: files of every format, names that try to break them, what is said when something is wrong."""

import itertools
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

import minigrad as mg
from minigrad import nn
from minigrad.engine.scope import restart_counts
from minigrad.tools import draw
from minigrad.tools.graph.render.graphviz import _draw_with_pygraphviz
from minigrad.tools.graph.render.looks import LOOKS, escape, quoted, text_width

BEGINNINGS = {"svg": b"<?xml", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-", "dot": b"digraph", "json": b"{"}
NASTY = ['<script>"x', "a\\", 'b"];evil[', "</svg>&amp;", "\\N\\G", "new\nline", "\x00\x1b", "日本語", "\ud800", ""]


def lstm_loss(steps, layers=1):
    return nn.LSTM(3, 4, layers)(mg.ones((steps, 2, 3)))[0].sum()


def texts(svg):
    """The visible text of an SVG picture."""
    return [t.text for t in ElementTree.fromstring(svg).iter() if t.tag.endswith("}text")]


def messages(dot):
    """What Graphviz says about this text."""
    status, picture, complaints = _draw_with_pygraphviz(dot, "svg")
    assert status == 0
    assert picture
    return [line for line in complaints.splitlines() if line.startswith(("Warning", "Error"))]


@pytest.mark.parametrize("format", BEGINNINGS)
def test_the_format_follows_from_the_suffix(tmp_path, format):
    path = tmp_path / f"picture.{format.upper() if format == 'png' else format}"
    draw(lstm_loss(3), path)
    assert path.read_bytes().startswith(BEGINNINGS[format])


def test_a_given_format_wins(tmp_path):
    draw(lstm_loss(3), tmp_path / "picture", "svg")
    assert (tmp_path / "picture").read_bytes().startswith(b"<?xml")


def test_the_picture_says_what_it_shows():
    picture = draw(lstm_loss(100), depth=2, title="An LSTM & its state")
    shown = texts(picture.to_bytes("svg"))
    assert {"cell", "96 steps", "2 states", "An LSTM & its state", "stack", "t"} <= set(shown)
    assert any("weight_hh_l0 16×4" in text for text in shown)
    assert {"operation", "parameter", "carried state", "output", "module, folded"} <= set(shown)  # the legend
    assert "96 × (2×4)" in shown


def test_the_legend_can_be_left_out():
    assert "carried state" not in texts(draw(lstm_loss(5), legend=False).to_bytes())


def test_kinds_differ_in_shape_and_lightness():
    boxes = [look for look in LOOKS.values() if look.meaning]
    assert len({(look.shape, look.rings, "rounded" in look.style) for look in boxes}) == len(boxes)
    lightness = sorted(
        0.2126 * int(look.fill[1:3], 16) + 0.7152 * int(look.fill[3:5], 16) + 0.0722 * int(look.fill[5:], 16)
        for look in boxes
        if look.meaning not in ("module, folded", "data")
    )
    assert all(b - a > 10 for a, b in itertools.pairwise(lightness))


@pytest.mark.parametrize("steps", [1, 3, 100])
@pytest.mark.parametrize("depth", [0, 2, 9])
def test_graphviz_routes_every_view_without_a_complaint(steps, depth):
    assert messages(draw(lstm_loss(steps, layers=2), depth=depth).dot) == []


def test_the_pictures_of_other_cells():
    for kind in (nn.RNN, nn.GRU):
        assert messages(draw(kind(3, 4, bidirectional=True)(mg.ones((5, 2, 3)))[0].sum()).dot) == []


@pytest.mark.parametrize("name", NASTY)
def test_names_cannot_break_a_picture(name):
    w = mg.ones((2, 2)).requires_grad_()
    h = mg.ones((2, 2))
    for t in range(3):
        with mg.scope(name or None, step=t), mg.scope(name or "empty"):
            h = mg.tanh(h @ w)
    for depth in (0, 9):
        picture = draw(h.sum(), depth=depth, names={name or "w": w}, title=name)
        svg = picture.to_bytes("svg")
        assert not any(element.tag.endswith("script") for element in ElementTree.fromstring(svg).iter())
        json.loads(picture.to_bytes("json"))


def test_escaping_keeps_what_can_be_shown():
    assert escape('<a b="1">&') == "&lt;a b=&quot;1&quot;&gt;&amp;"
    assert quoted('a"\\N') == 'a\\"\\\\N'
    assert text_width("日本", 10) > text_width("ab", 10)


def test_dot_has_positions_and_is_the_same_every_time():
    def drawn():
        restart_counts()  # or the second would be LSTM#2
        return draw(lstm_loss(6), depth=2).dot

    first, second = drawn(), drawn()
    assert first == second
    assert all("pos=" in line for line in first.splitlines() if re.match(r" +n\d+ \[", line))


def test_what_a_notebook_shows(monkeypatch):
    picture = draw(lstm_loss(3))
    svg = picture._repr_mimebundle_()["image/svg+xml"]
    assert svg.startswith("<?xml")
    root = ElementTree.fromstring(svg)
    assert root.attrib["width"] == "100%"
    assert re.fullmatch(r"max-width: \d{3,4}(\.\d+)?pt; height: auto", root.attrib["style"])
    small = ElementTree.fromstring(draw(mg.ones(2, requires_grad=True) * 2.0)._repr_mimebundle_()["image/svg+xml"])
    assert small.attrib["width"].endswith("pt")
    assert small.attrib["style"] == "max-width: 100%; height: auto"

    def fail(*_):
        raise ImportError("drawing a graph needs <x>")

    monkeypatch.setattr("minigrad.tools.graph.picture.render", fail)
    assert "&lt;x&gt;" in picture._repr_mimebundle_()["text/html"]


def test_a_notebook_shows_the_page_that_was_drawn(tmp_path):
    shown = draw(lstm_loss(3), tmp_path / "page.html", title='a "title"')._repr_mimebundle_()["text/html"]
    frame = ElementTree.fromstring(shown)
    assert frame.attrib["sandbox"] == "allow-scripts"
    assert frame.attrib["title"] == 'a "title"'
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert frame.attrib["srcdoc"] == page.replace("\n", " ")  # as XML reads attributes; HTML leaves them as they are
    assert "text/html" in draw(lstm_loss(3), format="html")._repr_mimebundle_()


@pytest.mark.parametrize("name", ["picture.gif", "picture", "svg"])
def test_an_unknown_suffix_names_the_possible_ones(tmp_path, name):
    with pytest.raises(ValueError, match="svg, png, pdf, dot, json"):
        draw(lstm_loss(2), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_unknown_format():
    with pytest.raises(ValueError, match="svg, png, pdf, dot, json"):
        draw(lstm_loss(2)).to_bytes("html5")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        draw(lstm_loss(2), tmp_path / "no" / "picture.dot")


def test_importing_and_building_need_no_graphviz(tmp_path):
    code = (
        "import sys; from minigrad.tools import draw; import minigrad as mg;"
        "draw(mg.ones(2).requires_grad_().sum(), 'x.dot');"
        "print([m for m in ('graphviz', 'pygraphviz', 'matplotlib', 'rich', 'typer') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
