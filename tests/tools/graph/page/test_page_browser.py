"""The page of a graph in a real browser: everything that a reader can do with it."""

import re

import pytest
from browser import expect
from graph_pages import box, details, middle, recorded, set_depth

import minigrad as mg
from minigrad import nn
from minigrad.inspect.graph.timeline import columns
from minigrad.tools.graph import build, passes


@pytest.fixture
def lstm(opened):
    """The page of an LSTM with two layers over 20 steps."""
    return opened(recorded(nn.LSTM(3, 4, 2), mg.ones((20, 2, 3))))


def names(page):
    """The spoken names of all that is drawn."""
    return page.eval_on_selector_all("#world [data-item]", "all => all.map(e => e.getAttribute('aria-label'))")


def toggle(page, label, nth=0):
    """Open or close a box by a click on its sign."""
    page.keyboard.press("0")  # all of it is in the window
    box(page, label, nth).locator(".sign").click()


# --- opening and closing ----------------------------------------------------------------------------------------------


def test_it_opens_folded_and_readable(lstm):
    assert 5 < len(names(lstm)) < 80
    assert lstm.evaluate("minigrad.viewport.zoom") > 0.6
    view = lstm.locator("#graph").bounding_box()
    for drawn in lstm.locator("#world .item").all():  # all of it is in the window
        found = drawn.bounding_box()
        assert view["x"] <= found["x"]
        assert found["x"] + found["width"] <= view["x"] + view["width"]


def test_layers_time_steps_and_cells_open_and_close(lstm):
    set_depth(lstm, 1)
    assert box(lstm, "l0, module").get_attribute("aria-expanded") == "false"
    toggle(lstm, "l0, module")
    assert box(lstm, "l0, module").get_attribute("aria-expanded") == "true"
    toggle(lstm, "cell × 20, axis")
    assert [n.split(",")[0] for n in names(lstm) if ", step," in n] == ["t = 0", "t = 1", "t = 18", "t = 19"]
    toggle(lstm, "t = 1, step")
    toggle(lstm, "cell, module, 15 operations")
    assert box(lstm, "sigmoid, operation, 2×4, in LSTM › l0 › t=1 › cell").is_visible()
    toggle(lstm, "l0, module")
    assert not any("l0 ›" in name for name in names(lstm))


def test_ranges_of_steps_open_step_by_step(opened):
    page = opened(recorded(nn.RNN(2, 2), mg.ones((300, 1, 2))))
    set_depth(page, 3)
    toggle(page, "296 steps, range")
    ranges = [n.split(",")[0] for n in names(page) if ", range," in n and "296" not in n]
    assert ranges == ["98 steps", "100 steps", "98 steps"]
    toggle(page, "100 steps, range")
    toggle(page, "10 steps, range")
    assert [n.split(",")[0] for n in names(page) if ", step," in n][2:12] == [f"t = {t}" for t in range(100, 110)]


def test_a_double_click_opens_and_what_is_clicked_stays_where_it_is(lstm):
    set_depth(lstm, 1)
    lstm.locator("#zoom-out").click()
    before = middle(box(lstm, "l1, module"))
    box(lstm, "l1, module").dblclick()
    frame = box(lstm, "l1, module")
    assert frame.get_attribute("aria-expanded") == "true"
    assert middle(frame) == pytest.approx(before, abs=2)


def test_the_slider_opens_all_to_a_depth(lstm):
    counts = []
    most = int(lstm.locator("#depth").get_attribute("max"))
    for depth in range(most + 1):
        set_depth(lstm, depth)
        assert lstm.locator("#depth-text").inner_text() == f"{depth} of {most}"
        counts.append(lstm.locator("#world .item").count())
    assert counts == sorted(set(counts))


def test_thousands_of_nodes_without_a_module_are_put_together(opened):
    page = opened(recorded(lambda x: mg.stack([x[i] * 2.0 for i in range(1600)]), mg.ones(1600).requires_grad_()))
    assert page.locator("#world .item").count() <= 12
    toggle(page, "1000 nodes, part")
    toggle(page, "100 nodes, part")
    toggle(page, "10 nodes, part")
    assert "multiply, operation, scalar" in names(page)


def test_too_many_boxes_at_once_are_refused_and_that_is_said(opened):
    def wide(x):
        for name in "abc":
            with mg.scope(name):
                for t in range(12):
                    with mg.scope(step=t):
                        x = mg.stack([x * 0.01 for i in range(90)]).sum(axis=0)
        return x

    page = opened(recorded(wide, mg.ones(2).requires_grad_()))
    set_depth(page, int(page.locator("#depth").get_attribute("max")))
    assert {kind for name in names(page) if (kind := name.split(", ")[1]) != "output"} >= {"step"}  # all are closed
    page.evaluate("minigrad.tree.items.filter(i => i.kind === 'step').slice(0, 32).forEach(i => { i.open = true; })")
    page.evaluate("minigrad.toggle(minigrad.tree.items.filter(i => i.kind === 'step')[32])")
    assert re.search(r"t = \d+ stays closed: with it, 3,\d\d\d boxes", page.locator("#status").inner_text())


def test_parameters_and_data_can_be_hidden(lstm):
    assert any(", parameter," in name for name in names(lstm))
    lstm.locator("#leaves").uncheck()
    assert not any(", parameter," in name or ", data," in name for name in names(lstm))


# --- moving about -----------------------------------------------------------------------------------------------------


def test_dragging_moves_the_picture_and_the_wheel_enlarges_it(lstm):
    target = box(lstm, "LSTM, module")
    lstm.mouse.move(30, 700)
    before = target.bounding_box()
    lstm.mouse.down()
    lstm.mouse.move(90, 660, steps=4)
    lstm.mouse.up()
    moved = target.bounding_box()
    assert (moved["x"] - before["x"], moved["y"] - before["y"]) == pytest.approx((60, -40), abs=1)
    lstm.mouse.wheel(0, -300)
    for _ in range(100):  # the browser tells the page when it likes
        if target.bounding_box()["width"] > 1.2 * moved["width"]:
            break
        lstm.wait_for_timeout(50)
    assert target.bounding_box()["width"] > 1.2 * moved["width"]
    lstm.locator("#fit").click()
    assert target.bounding_box() == pytest.approx(before, abs=1)


def test_the_buttons_and_keys_zoom(lstm):
    width = lambda: box(lstm, "LSTM, module").bounding_box()["width"]
    start = width()
    lstm.locator("#zoom-in").click()
    assert width() == pytest.approx(1.25 * start, rel=0.01)
    lstm.keyboard.press("-")
    assert width() == pytest.approx(start, rel=0.01)
    lstm.keyboard.press("+")
    lstm.keyboard.press("0")
    assert width() == pytest.approx(start, rel=0.01)


def test_a_search_finds_a_step_and_shows_it(lstm):
    lstm.keyboard.press("/")
    lstm.keyboard.type("tanh l1 t=7")
    found = lstm.locator("#found [role=option]")
    assert found.count() == 2  # of the candidate, and of the cell's state
    assert "LSTM › l1 › t=7 › cell" in found.first.inner_text()
    lstm.keyboard.press("ArrowDown")
    assert found.nth(1).get_attribute("aria-selected") == "true"
    lstm.keyboard.press("Enter")
    assert lstm.locator("#found").is_hidden()
    chosen = lstm.locator("#world .selected")
    assert chosen.get_attribute("aria-label") == "tanh, operation, 2×4, in LSTM › l1 › t=7 › cell"
    assert chosen.evaluate("e => e === document.activeElement")
    view, place = lstm.locator("#graph").bounding_box(), middle(chosen)
    assert view["x"] < place[0] < view["x"] + view["width"]
    assert view["y"] < place[1] < view["y"] + view["height"]


def test_a_search_without_result_says_so(lstm):
    lstm.locator("#search").fill("no such thing")
    assert lstm.locator("#found").inner_text() == "nothing found"
    lstm.keyboard.press("Escape")
    assert lstm.locator("#found").is_hidden()


# --- what is known ----------------------------------------------------------------------------------------------------


def test_pointing_at_an_operation_shows_all_that_is_known_of_it(lstm):
    lstm.evaluate("minigrad.show(minigrad.tree.items.find(i => i.label === 'tanh'))")
    lstm.locator("#graph").press("Escape")
    box(lstm, "sigmoid, operation").hover()
    text = details(lstm)
    for part in ("2×4", "float32", "bytes for backward", "mean", "deviation", "gradient norm", "recurrent/cells.py:"):
        assert part in text
    assert "c = sigmoid(f) * c + sigmoid(i) * tanh(g)" in text
    assert "g times the output times (one less the output)" in text
    assert "the logistic function" in text
    assert "Tape(details=True)" not in text


def test_pointing_at_a_box_sums_up_what_it_holds(lstm):
    set_depth(lstm, 1)
    box(lstm, "l0, module").hover()
    text = details(lstm)
    assert "weight_hh_l0 16×4" in text
    assert re.search(r"operations\s+\d{3}", text)
    assert "KiB for backward" in text


def test_a_graph_without_details_says_how_to_get_them(opened):
    page = opened(columns(build(nn.RNN(2, 3)(mg.ones((2, 1, 2)))[0].sum())))
    page.locator("#world .item").first.hover()
    assert "Tape(details=True)" in details(page)


def test_a_click_highlights_what_is_upstream_and_downstream(lstm):
    set_depth(lstm, 4)
    target = box(lstm, "getitem, operation, 2×16, in LSTM › l0 › t=1")
    target.click()
    lit = lambda name: lstm.eval_on_selector_all(
        f"#world .item.{name}", "a => a.map(e => e.getAttribute('aria-label'))"
    )
    assert any("weight_ih_l0" in name for name in lit("upstream"))
    assert not any("l1" in name for name in lit("upstream"))
    assert any("in LSTM › l1 › t=18" in name for name in lit("downstream"))
    assert not any("l0 › t=0" in name for name in lit("downstream"))
    assert re.search(r"depends on \d+ nodes; \d+ depend on it", lstm.locator("#status").inner_text())
    lstm.keyboard.press("Escape")
    assert lstm.locator("#world .upstream, #world .downstream, #world .selected").count() == 0


def test_reachability_is_that_of_the_graph(lstm):
    graph_reach = (
        """([i, links]) => [...minigrad.graph.reach([i], minigrad.graph[links])].flatMap((f, j) => f ? [j] : [])"""
    )
    edges = lstm.evaluate("[...minigrad.graph.source].map((s, e) => [s, minigrad.graph.target[e]])")
    for start in (5, 60, 200):
        for links, way in (("inputs", lambda s, t: (t, s)), ("users", lambda s, t: (s, t))):
            expected, waiting = set(), [start]
            while waiting:
                here = waiting.pop()
                new = {b for a, b in (way(s, t) for s, t in edges) if a == here} - expected
                expected |= new
                waiting += new
            assert lstm.evaluate(graph_reach, [start, links]) == sorted(expected)


def test_gradient_norms_colour_the_edges(lstm):
    path = lstm.locator("#world .edge.state path").first
    plain = path.evaluate("e => getComputedStyle(e).stroke")
    lstm.locator("#gradients").check()
    assert path.evaluate("e => getComputedStyle(e).stroke") != plain
    assert re.search(r"norm \S+ to \S+", lstm.locator("#legend").inner_text())
    unread = lstm.evaluate(
        "minigrad.visible.edges.filter(e => e.to.kind === 'output' && e.to.label === 'stack')"
        ".map(e => ({ norm: e.norm }))"
    )
    assert unread
    assert {edge["norm"] for edge in unread} == {None}  # nothing depends on the final state: no gradient flows there
    lstm.locator("#gradients").uncheck()
    assert path.evaluate("e => getComputedStyle(e).stroke") == plain


def test_a_carried_state_is_a_loop_of_a_closed_time_axis(lstm):
    set_depth(lstm, 2)
    loops = lstm.evaluate("minigrad.visible.edges.filter(e => e.from === e.to).map(e => e.from.label)")
    assert loops == ["cell × 20", "cell × 20"]


# --- playing ----------------------------------------------------------------------------------------------------------


def test_playing_walks_the_tape_forward_and_then_backward(opened):
    x, w = mg.tensor([2.0], requires_grad=True), mg.tensor([3.0], requires_grad=True)
    page = opened(recorded(lambda x, w: mg.tanh(w * x), x, w))
    stories = []
    for _ in range(page.evaluate("minigrad.play.length")):
        page.locator("#on").click()
        stories.append(page.locator("#story").inner_text())
        assert page.locator("#world .playing").count() == 1
    heads = [story.split(":")[0] + ":" + story.split(":")[1].split(" ")[1] for story in stories]
    assert heads == [
        "Forward 1 of 3:multiply",
        "Forward 2 of 3:tanh",
        "Forward 3 of 3:loss",
        "Backward 1 of 5:loss",
        "Backward 2 of 5:tanh",
        "Backward 3 of 5:multiply",
        "Backward 4 of 5:leaf",
        "Backward 5 of 5:leaf",
    ]
    assert "multiply receives g times (one less the output squared)" in stories[4]
    assert "leaf receives g times the other factor" in stories[5]
    page.locator("#back").click()
    assert page.locator("#story").inner_text() == stories[-2]


def test_a_backward_pass_that_is_shown_is_played_on_its_own_nodes(opened, tmp_path):
    x = mg.tensor([2.0], requires_grad=True)
    with mg.Tape() as tape:
        y = mg.tanh(x * x).sum()
    y.backward()
    page = opened(passes(build(tape), "both"))
    set_depth(page, 1)
    page.evaluate("minigrad.play.go(4)")
    assert (
        page.locator("#story").inner_text()
        == "Backward 1 of 4: ∂sum in backward of norm 1. What its inputs receive: g for each element of the sum."
    )
    assert page.locator("#world .playing").get_attribute("aria-label").startswith("∂sum")
    assert page.locator("#world .flows-back").count() == 0
    forward, backward = box(page, "forward").bounding_box(), box(page, "backward").bounding_box()
    assert forward["x"] + forward["width"] < backward["x"]  # side by side, beginning at the same height
    assert forward["y"] + forward["height"] == pytest.approx(backward["y"] + backward["height"], abs=1)


def test_play_runs_by_itself_and_pauses(lstm):
    lstm.locator("#speed").select_option("40")
    lstm.locator("#play").click()
    assert lstm.locator("#play").inner_text() == "Pause"
    expect(lstm.locator("#story")).to_contain_text(re.compile(r"Forward ([5-9]|\d\d+) of"))
    lstm.keyboard.press("p")
    stopped = lstm.evaluate("minigrad.play.position")
    lstm.wait_for_timeout(200)
    assert lstm.evaluate("minigrad.play.position") == stopped
    assert lstm.locator("#play").inner_text() == "Play"


def test_following_opens_each_step_of_backpropagation_through_time_and_closes_it_again(lstm):
    set_depth(lstm, 2)
    steps = []
    for position in range(lstm.evaluate("minigrad.play.forward.length"), lstm.evaluate("minigrad.play.length"), 8):
        lstm.evaluate(f"minigrad.play.go({position + 1})")
        now = lstm.locator("#world .playing")
        if now.count() and (found := re.search(r"l0 › t=(\d+)", now.get_attribute("aria-label"))):
            steps.append(int(found[1]))
            view, place = lstm.locator("#graph").bounding_box(), middle(now)
            assert view["x"] < place[0] < view["x"] + view["width"]
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) == 20
    lstm.evaluate("minigrad.play.go(minigrad.play.length)")
    assert lstm.locator("#world .item").count() < 100  # the steps are closed again


def test_the_slider_of_the_tape_jumps(lstm):
    lstm.locator("#at").fill("100")
    assert lstm.locator("#story").inner_text().startswith("Forward 100 of ")


# --- without a mouse, without sight -----------------------------------------------------------------------------------


def test_the_keyboard_reaches_and_opens_everything(lstm):
    set_depth(lstm, 1)
    lstm.locator("#graph").focus()
    focused = lambda: lstm.evaluate("document.activeElement.getAttribute('aria-label')")
    for _ in range(6):
        lstm.keyboard.press("ArrowDown")
        if focused().startswith("l0"):
            break
    assert focused().startswith("l0, module")
    lstm.keyboard.press("Enter")
    assert box(lstm, "l0, module").get_attribute("aria-expanded") == "true"
    assert focused().startswith("l0, module")
    lstm.keyboard.press("ArrowDown")
    inside = focused()
    assert "in LSTM › l0" in inside
    lstm.keyboard.press(" ")
    assert lstm.locator("#world .selected").get_attribute("aria-label") == inside
    lstm.keyboard.press("Backspace")
    assert focused().startswith("l0, module")
    assert box(lstm, "l0, module").get_attribute("aria-expanded") == "false"


def test_the_keyboard_moves_the_picture(lstm):
    lstm.locator("#graph").focus()
    place = lambda: box(lstm, "LSTM, module").bounding_box()
    before = place()
    lstm.keyboard.press("Shift+ArrowRight")
    lstm.keyboard.press("Shift+ArrowUp")
    assert (place()["x"] - before["x"], place()["y"] - before["y"]) == pytest.approx((-80, 80), abs=1)


def test_tab_leaves_the_graph_in_one_step(lstm):
    lstm.locator("#graph").focus()
    lstm.keyboard.press("ArrowDown")
    lstm.keyboard.press("Tab")
    assert not lstm.evaluate("document.querySelector('#graph').contains(document.activeElement)")
    lstm.keyboard.press("Shift+Tab")
    assert lstm.evaluate("document.querySelector('#graph').contains(document.activeElement)")


def test_what_a_screen_reader_is_told(lstm):
    told = lstm.locator("body").aria_snapshot()
    for part in ('heading "A graph"', 'slider "Depth"', 'toolbar "Play"', 'application "Computation graph"', "status"):
        assert part in told
    unnamed = lstm.eval_on_selector_all(
        "button, input, select, [role]",
        "all => all.filter(e => !e.labels?.length && !e.textContent.trim() && "
        "!e.getAttribute('aria-label') && !['found', 'story', 'status'].includes(e.id)).map(e => e.outerHTML)",
    )
    assert unnamed == []


# --- names are data ---------------------------------------------------------------------------------------------------

EVIL = '<script>window.hurt = 1</script><img src=x onerror="window.hurt = 2">'


def test_a_module_called_script_is_only_a_name(opened):
    w = mg.ones((2, 2)).requires_grad_()
    h = mg.ones((2, 2))
    with mg.Tape(details=True) as tape:
        for t in range(3):
            with mg.scope(EVIL, step=t), mg.scope("</script>"):
                h = mg.tanh(h @ w)
    page = opened(columns(build(tape, {EVIL: w})), title=EVIL)
    set_depth(page, int(page.locator("#depth").get_attribute("max")))
    page.locator("#search").fill("script")
    assert page.locator("#found [role=option]").count() > 2
    page.keyboard.press("Enter")
    page.locator("#world .item").first.hover()
    for _ in range(page.evaluate("minigrad.play.length")):
        page.keyboard.press(".")
    assert page.evaluate("window.hurt") is None
    assert page.locator("img, script").count() == 2  # the data and the code
    assert EVIL in page.locator("h1").inner_text()
    assert any("</script>" in name for name in names(page))
