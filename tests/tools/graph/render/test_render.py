"""DOT text becomes a picture: with a `dot` program, without one, and what is said when it cannot."""

import importlib
import importlib.util
import re
import shutil
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from minigrad.extras import install
from minigrad.tools.graph.render import graphviz as render_module
from minigrad.tools.graph.render.graphviz import FORMATS, render

SOURCE = 'digraph { rankdir=LR; "h₀" -> "h₁" [label=<W<sub>hh</sub>>]; x [label="x_t" shape=box]; x -> "h₁" }'
BEGINNINGS = {"svg": b"<?xml", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}

# Each of these sources is broken; the text is part of what Graphviz says about it.
BROKEN = {
    "digraph { a -> ": "syntax error",
    "digraph { a [label=b; c }": "syntax error in line 1 near '}'",
    "graph { a -> b }": "near '->'",
    'digraph { a [label="no end ] }': "quoted string",
    "digraph { a [label=<<b>x>] }": "mismatched tag",
    "digraph { layout=nosuch; a }": "not recognized",
    "not DOT at all": "near 'not'",
    "/etc/hostname": "syntax error",
}


@pytest.fixture
def no_dot(monkeypatch, tmp_path):
    """A PATH on which nothing is found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("dot") is None


def fake_dot(folder, monkeypatch, body):
    """Put a `dot` on PATH, alone there: a Python program with the given body."""
    if sys.platform == "win32":
        pytest.skip("a script is no program on Windows")
    program = folder / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def hide(monkeypatch, library):
    """Let a library look as if it were not installed."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        render_module.importlib.util,
        "find_spec",
        lambda name, *rest: None if name == library else find_spec(name, *rest),
    )


# Without dot: pygraphviz


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_without_dot(no_dot, format):
    assert render(SOURCE, format).startswith(BEGINNINGS[format])


def test_svg_is_the_default_and_keeps_the_text(no_dot):
    picture = ElementTree.fromstring(render(SOURCE))
    assert picture.tag.endswith("svg")
    assert {"h₀", "h₁", "x_t", "hh"} <= {text.strip() for text in picture.itertext()}


def test_a_node_without_a_label_shows_its_name(no_dot):
    picture = ElementTree.fromstring(render('digraph { a [label="first"]; a -> b; empty [label=""] }'))
    texts = [element.text for element in picture.iter() if element.tag.endswith("}text")]
    assert sorted(texts) == ["b", "first"]


def test_a_large_graph(no_dot):
    chain = " -> ".join(f"n{i}" for i in range(1500))
    assert render(f"digraph {{ {chain} }}").count(b'class="node"') == 1500


@pytest.mark.parametrize(("source", "message"), BROKEN.items())
def test_a_broken_source_is_a_value_error_and_prints_nothing(no_dot, capfd, source, message):
    with pytest.raises(ValueError, match="Graphviz cannot draw") as caught:
        render(source)
    assert message in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_warning_is_neither_an_error_nor_printed(no_dot, capfd):
    assert render("digraph { a [shape=nosuch] }").startswith(BEGINNINGS["svg"])
    assert capfd.readouterr() == ("", "")


def test_a_child_that_dies_is_an_error_here(no_dot, monkeypatch, tmp_path):
    script = tmp_path / "dies.py"
    script.write_text("import os; os.abort()", encoding="utf-8")
    monkeypatch.setattr(render_module, "__file__", str(script))
    with pytest.raises(RuntimeError, match="made no picture"):
        render(SOURCE)


# With dot


@pytest.mark.skipif(shutil.which("dot") is None, reason="no dot program on PATH")
@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_with_the_real_dot(format):
    assert render(SOURCE, format).startswith(BEGINNINGS[format])


def test_a_dot_on_path_is_preferred(tmp_path, monkeypatch):
    fake_dot(tmp_path, monkeypatch, "print(sys.argv[1:], sys.stdin.buffer.read().decode())")
    hide(monkeypatch, "pygraphviz")
    assert render("digraph { a }", "png") == b"['-Tpng'] digraph { a }\n"


def test_an_error_of_dot_is_a_value_error(tmp_path, monkeypatch, capfd):
    fake_dot(tmp_path, monkeypatch, "sys.exit('Warning: odd\\nError: syntax error in line 7\\nWarning: more')")
    with pytest.raises(ValueError, match=r"source: syntax error in line 7$"):
        render("digraph { a }")
    assert capfd.readouterr() == ("", "")


def test_a_dot_that_fails_silently_is_a_runtime_error(tmp_path, monkeypatch):
    fake_dot(tmp_path, monkeypatch, "sys.exit(3)")
    with pytest.raises(RuntimeError, match="exit status 3"):
        render("digraph { a }")


# What is refused before anything runs


@pytest.mark.parametrize("format", ["gif", "SVG", "", ".svg"])
def test_an_unknown_format_names_the_possible_ones(format):
    with pytest.raises(ValueError, match="svg, png, pdf"):
        render(SOURCE, format)


@pytest.mark.parametrize("source", ["", " \n"])
def test_an_empty_source(source):
    with pytest.raises(ValueError, match="empty"):
        render(source)


def test_a_missing_pygraphviz_names_the_extra(no_dot, monkeypatch):
    hide(monkeypatch, "pygraphviz")
    with pytest.raises(ImportError, match=re.escape(install("viz"))):
        render(SOURCE)
