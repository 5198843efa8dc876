"""The page of a graph as people use it: at once by the keyboard, on a phone, after a search; and what it says."""

import pytest
from browser import expect
from graph_examples import EXAMPLES
from graph_pages import box, details, middle, recorded, set_depth

import minigrad as mg
from minigrad import nn
from minigrad.tools.graph import build, passes

PHONE = {"width": 390, "height": 844}

# For each depth the edges, as texts, that pass behind a box which is none of their ends: looked at every two pixels.
BEHIND = """() => {
  const found = [];
  for (let depth = 0; depth < minigrad.depths.length; depth++) {
    minigrad.setDepth(depth);
    minigrad.refresh();
    const boxes = minigrad.visible.items.map((item) => {
      const loop = item.carries ? 16 : 0;
      return [item, item.x + loop + 1, item.y + loop + 1, item.x + item.w - loop - 1, item.y + item.h - 1];
    });
    for (const [edge, drawn] of minigrad.painter.paths) {
      const path = drawn.firstChild;
      const near = boxes.filter(([item]) => item !== edge.from && item !== edge.to);
      const length = path.getTotalLength();
      for (let at = 0; at <= length; at += 5) {  // boxes are several times larger
        const { x, y } = path.getPointAtLength(at);
        const hit = near.find(([, left, top, right, bottom]) => x > left && x < right && y > top && y < bottom);
        if (!hit) continue;
        found.push(`depth ${depth}: ${edge.from.label} -> ${edge.to.label} behind ${hit[0].label}`);
        break;
      }
    }
  }
  return found;
}"""

# Labels of edges that cover each other, as pairs of texts.
COVERED = """() => {
  const drawn = [...document.querySelectorAll("#world .edge text")];
  const labels = drawn.map((e) => [e.textContent, e.getBoundingClientRect()]);
  const covers = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  const after = (i, a) => labels.slice(i + 1).filter(([, b]) => covers(a, b));
  return labels.flatMap(([text, a], i) => after(i, a).map(([other]) => [text, other]));
}"""


@pytest.fixture
def small(opened):
    """The page of a product of data and a weight in three time steps."""
    w, h = mg.ones((3, 3)).requires_grad_(), mg.zeros((2, 3))
    for x_t in mg.ones((3, 2, 3)):
        with mg.scope("cell", step=None):
            h = mg.tanh(x_t @ w + h @ w)
    loss = (h * 0.5).sum()
    return opened(passes(build(loss, {"W": w}), "forward"))


# --- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_edge_passes_behind_a_box(opened, name):
    page = opened(passes(build(EXAMPLES[name]()), "forward"))
    assert page.evaluate(BEHIND) == []


def test_no_edge_passes_behind_a_box_beside_a_backward_pass(opened):
    page = opened(passes(build(EXAMPLES["lstm"]()), "both"))
    assert page.evaluate(BEHIND) == []


def test_labels_of_the_states_that_a_closed_step_hands_on_are_apart(opened):
    class Two(nn.Module):
        """A cell with two states of different sizes."""

        def __init__(self):
            super().__init__()
            self.W, self.V = nn.Parameter(mg.ones((3, 3))), nn.Parameter(mg.ones((3, 5)))

        def forward(self, h, c):
            return mg.tanh(h @ self.W + c.sum(axis=-1, keepdims=True)), mg.sigmoid(h @ self.V) * c

    cell, h, c = Two(), mg.zeros((2, 3)), mg.ones((2, 5))
    for _ in range(3):
        h, c = cell(h, c)
    page = opened(passes(build(h.sum() + c.sum()), "forward"))
    for steps in ([1], [0, 1], [2], []):
        page.evaluate(
            """(steps) => {
              minigrad.tree.openTo(9);
              const all = minigrad.tree.items.filter((item) => item.kind === "step");
              for (const item of all) item.open = steps.includes(item.step[0]);
              minigrad.refresh();
              minigrad.fit();
            }""",
            steps,
        )
        assert page.evaluate(COVERED) == []


# --- inputs and outputs -----------------------------------------------------------------------------------------------


def test_inputs_stand_there_and_the_output_has_its_name(small):
    set_depth(small, 9)
    spoken = small.eval_on_selector_all("#world .item", "all => all.map(e => e.getAttribute('aria-label'))")
    assert sorted(text.split(",")[0] for text in spoken if ", data, " in text) == ["data 2×3"] * 3 + ["x_t"]
    assert any(text.startswith("loss, output") for text in spoken)
    box(small, "loss").hover()
    assert details(small).startswith("loss output")
    assert "sum" in details(small)


# --- panels -----------------------------------------------------------------------------------------------------------


def test_a_panel_says_which_input_each_gradient_goes_to(opened):
    x, y = mg.ones((2, 3)).requires_grad_(), mg.ones((2, 3)).requires_grad_()
    made = mg.exp(x) / mg.tanh(y)
    page = opened(passes(build(made + mg.stack([x * k for k in range(35)]).sum(axis=0)), "forward"))
    box(page, "divide").hover()
    assert "x: exp receives g divided by the divisor" in details(page)
    assert "y: tanh receives g times -(the dividend) / (the divisor squared)" in details(page)
    box(page, "stack").hover()
    assert "inputs 0 … 34: multiply × 35, each, receives its own part of g" in details(page)
    assert details(page).count("receives") == 1


# --- keyboard, search, phone ------------------------------------------------------------------------------------------


def test_arrow_keys_work_at_once(small):
    small.keyboard.press("ArrowUp")
    first = small.evaluate("document.activeElement.getAttribute('aria-label')")
    assert first
    small.keyboard.press("ArrowUp")
    assert small.evaluate("document.activeElement.getAttribute('aria-label')") != first
    before = small.evaluate("minigrad.viewport.x")
    small.locator("body").evaluate("() => document.activeElement.blur()")
    small.keyboard.press("Shift+ArrowRight")
    assert small.evaluate("minigrad.viewport.x") < before


def test_play_leaves_no_words_of_a_search(small):
    small.locator("#search").fill("tanh")
    small.keyboard.press("Enter")
    expect(small.locator("#status")).to_contain_text("depends on")
    small.locator("#play").click()
    expect(small.locator("#story")).to_contain_text("Forward")
    assert small.locator("#status").inner_text() == ""
    assert small.locator("#search").input_value() == ""
    assert small.locator("#world .selected").count() == 0
    small.locator("#play").click()


def test_on_a_phone_it_opens_in_the_space_that_it_has(opened, browser_page):
    browser_page.set_viewport_size(PHONE)
    page = opened(recorded(nn.LSTM(3, 4, 2), mg.ones((20, 2, 3))))
    view = page.locator("#graph").bounding_box()
    assert view["height"] > PHONE["height"] / 3
    for drawn in page.locator("#world .item").all():
        found = drawn.bounding_box()
        assert view["x"] <= found["x"]
        assert found["x"] + found["width"] <= view["x"] + view["width"]
        assert view["y"] <= found["y"]
        assert found["y"] + found["height"] <= view["y"] + view["height"]
    x, y = middle(page.locator("#play"))
    assert 0 < x < PHONE["width"]
    assert 0 < y < PHONE["height"]
    browser_page.set_viewport_size({"width": PHONE["height"], "height": PHONE["width"]})  # turned
    page.wait_for_timeout(100)
    turned = page.locator("#graph").bounding_box()
    found = page.locator("#world .item").first.bounding_box()
    assert turned["x"] <= found["x"] <= turned["x"] + turned["width"]
