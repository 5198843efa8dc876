"""The page of a graph as a file: what it holds, that it needs nothing else, that names cannot break it."""

import base64
import gzip
import json
import re

import pytest

import minigrad as mg
from minigrad import nn
from minigrad.inspect.graph.timeline import columns
from minigrad.primitives import PRIMITIVES
from minigrad.tools.graph import build, passes
from minigrad.tools.graph.page import SCRIPTS, page
from minigrad.tools.graph.page.data import page_data

NASTY = [
    "<script>alert(1)</script>",
    "</script>",
    "{{DATA}}",
    "{{STYLE}}",
    "\ud800",
    "a\x00b",
    "日本語",
    '"',
    "&lt;",
    "",
]


def recorded(module, x):
    """A forward pass with all details, gradients included."""
    with mg.Tape(details=True) as tape:
        out = module(x)
        loss = (out[0] if isinstance(out, tuple) else out).sum()
    loss.backward()
    return passes(build(tape), "forward")


def lstm(steps=3, layers=1):
    return recorded(nn.LSTM(3, 4, layers), mg.ones((steps, 2, 3)))


def held(text):
    """The data in a page."""
    (found,) = re.findall(r'<script id="data"[^>]*>([^<]*)</script>', text)
    return json.loads(gzip.decompress(base64.b64decode(found)))


def test_the_columns_say_what_the_graph_says():
    graph = lstm()
    data = page_data(graph)
    texts, nodes = data["texts"], data["nodes"]
    assert {len(column) for column in nodes.values()} == {len(graph.nodes)}
    for i, node in enumerate(graph.nodes):
        assert texts[nodes["label"][i]] == node.label
        assert texts[nodes["kind"][i]] == node.kind
        assert texts[nodes["code"][i]] == node.code
        assert nodes["bytes"][i] == node.saved_bytes
        assert nodes["norm"][i] == (None if node.grad_norm is None else pytest.approx(node.grad_norm, rel=1e-3))
    edges = list(zip(data["edges"]["source"], data["edges"]["target"]))
    assert sorted(edges) == sorted((edge.source, edge.target) for edge in graph.edges)
    assert data["edges"]["target"] == sorted(data["edges"]["target"])
    assert len(texts) == len(set(texts))


def test_scopes_are_a_tree_with_a_place_for_each_time_step():
    data = page_data(lstm(steps=3))
    scopes, texts = data["scopes"], data["texts"]
    assert all(parent < i for i, parent in enumerate(scopes["parent"]))
    assert sorted(step for step in scopes["step"] if step >= 0) == [0, 1, 2]
    assert {"LSTM", "l0", "cell"} <= {texts[name] for name in scopes["name"]}


def test_operands_tell_the_rules_apart():
    x = mg.tensor([1.0], requires_grad=True)
    with mg.Tape() as tape:
        mg.where(mg.tensor([True]), 2.0, x)  # a number is no node: the one input is the third
    data = page_data(columns(build(tape)))
    assert list(zip(data["edges"]["operand"], data["edges"]["target"])) == [(0, 2), (2, 2)]
    assert data["primitives"]["where"]["rules"][2] == "g where the condition does not hold, else 0"


def test_every_primitive_has_a_sentence():
    from minigrad.tools.graph.page.data import _does

    assert [name for name, row in PRIMITIVES.items() if row.differentiable and not _does(name)] == []


def test_numbers_that_are_not_finite_are_left_out():
    x = mg.tensor([float("nan")], requires_grad=True)
    with mg.Tape(details=True) as tape:
        y = (x * x).sum()
    y.backward()
    data = held(page(columns(build(tape))))
    assert None in data["nodes"]["norm"]
    assert data["nodes"]["value"][1] == 0  # no finite element: no summary


def test_the_page_is_one_file_that_asks_for_nothing():
    text = page(lstm(), "An LSTM")
    assert "<title>An LSTM</title>" in text
    assert "default-src 'none'" in text
    assert "{{" not in text
    urls = set(re.findall(r"https?://[^\"' ]+", text))
    assert urls == {"http://www.w3.org/2000/svg"}  # the name of SVG, nothing that is asked for
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|WebSocket)\s*\(", text)


def test_the_scripts_never_write_markup():
    text = page(lstm())
    assert len(re.findall(r"^class ", text, re.MULTILINE)) > 8
    assert len(SCRIPTS) == len(set(SCRIPTS))
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert name not in text


@pytest.mark.parametrize("name", NASTY)
def test_names_cannot_break_the_page(name):
    w = mg.ones((2, 2)).requires_grad_()
    h = mg.ones((2, 2))
    with mg.Tape() as tape:
        for t in range(2):
            with mg.scope(name or None, step=t), mg.scope(name or "empty"):
                h = mg.tanh(h @ w)
    text = page(columns(build(tape, {name or "w": w})), title=name)
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "<script>alert" not in text
    assert text.encode()
    data = held(text)
    if name.isprintable() and name:
        assert name in data["texts"]


def test_ten_thousands_of_nodes_fit_into_three_megabytes():
    graph = lstm(steps=650, layers=2)
    assert len(graph.nodes) > 20_000
    assert len(page(graph)) < 3_000_000


def test_a_backward_pass_is_in_the_page_if_it_is_shown():
    x = mg.tensor([2.0], requires_grad=True)
    with mg.Tape() as tape:
        y = mg.tanh(x * x).sum()
    y.backward()
    data = page_data(passes(build(tape), "both"))
    labels = [data["texts"][i] for i in data["nodes"]["label"]]
    assert labels == ["leaf", "multiply", "tanh", "sum", "∂sum", "∂tanh", "∂multiply", "∂leaf"]
    assert data["nodes"]["backward"] == [0] * 4 + [1] * 4
    assert data["primitives"]["∂tanh"]["does"].startswith("What its inputs receive: g times (one less the output")
