"""What the tape keeps in memory: it goes with the loss, does not pile up, and grows with the number of steps alone."""

import gc
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest
from conftest import leaf

import minigrad as mg
from minigrad.engine.tape import Node

# --- what is kept, and when it goes -----------------------------------------------------------------------------------


def small_model():
    g = mg.random.Generator(0)
    weights = [mg.random.normal((16, 16), std=0.1, generator=g, requires_grad=True) for _ in range(2)]

    def loss(x):
        h = mg.zeros((4, 16))
        for t in range(5):
            with mg.scope("cell", step=t):
                h = mg.tanh(x[t] @ weights[0] + h @ weights[1])
        return (h * h).mean()

    return weights, loss


def test_the_graph_is_freed_with_the_loss(without_gc):
    weights, loss_of = small_model()
    x = mg.ones((5, 4, 16))
    loss = loss_of(x)
    node = loss.node
    seen, stack, arrays = set(), [node], []
    while stack:
        n = stack.pop()
        seen.add(n.index)
        arrays += [weakref.ref(a) for a in n.saved or () if isinstance(a, np.ndarray)]
        stack += [p for p in n.inputs if p is not None and p.primitive is not None and p.index not in seen]
    del n, node, stack
    kept = [weights[0].array, weights[1].array, x.array]
    mine = [r for r in arrays if not any(r() is k for k in kept)]
    assert len(mine) > 15
    assert all(r() is not None for r in mine)
    del loss
    assert [r() for r in mine if r() is not None] == []


def test_backward_frees_what_was_saved_as_it_goes(without_gc):
    x = leaf(1.0, 2.0)
    y = mg.exp(x)
    z = mg.exp(y)
    saved = weakref.ref(y.node.saved[0])
    out = z.sum()
    del y, z
    assert saved() is not None
    out.backward()
    assert saved() is None  # although `out` is still here


def step(weights, loss_of, x):
    loss = loss_of(x)
    loss.backward()
    with mg.no_grad():
        for w in weights:
            w.copy_(w - 0.1 * w.grad)
            w.grad = None
    return loss.item()


def in_use():
    """Bytes in arrays of NumPy, and the number of nodes that are alive."""
    arrays = tracemalloc.take_snapshot().filter_traces([tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)])
    return sum(s.size for s in arrays.statistics("filename")), sum(type(o) is Node for o in gc.get_objects())


def test_arrays_and_nodes_do_not_pile_up_over_training(without_gc):
    """Not one byte and not one node more after 200 steps than after 2."""
    tracemalloc.start()
    try:
        weights, loss_of = small_model()
        x = mg.ones((5, 4, 16))
        for _ in range(2):
            step(weights, loss_of, x)
        before = in_use()
        for _ in range(200):
            step(weights, loss_of, x)
        after = in_use()
    finally:
        tracemalloc.stop()
    assert before[0] >= x.nbytes + sum(w.nbytes for w in weights)
    assert after == before


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_resident_memory_stays_flat(without_gc):
    """The operating system's view, with arrays of a megabyte: leaking one a step would show as a multiple."""
    w = mg.ones((512, 512), requires_grad=True)

    def run():
        h = w
        for _ in range(4):
            h = mg.tanh(h * w)
        step([w], lambda _: h.mean(), None)

    for _ in range(20):
        run()
    before = resident()
    for _ in range(200):
        run()
    assert resident() < before * 1.02


def test_watching_does_not_leak(without_gc):
    """A Tape and its graph go together when both are dropped, and leaves do not collect hooks of old tapes."""
    w = mg.ones(1000, requires_grad=True)
    refs = []
    for _ in range(5):
        with mg.Tape() as tape:
            y = mg.exp(w)
        refs.append(weakref.ref(y.array))
        y.sum().backward()
        del y
        assert tape[1].grad_norm == pytest.approx(1000**0.5)
        del tape
    assert [r() for r in refs] == [None] * 5
    assert len(w.node.hooks or ()) <= 1


# --- reading slices costs O(T) ----------------------------------------------------------------------------------------


def unrolled(steps):
    x = mg.ones((steps, 4, 8), requires_grad=True)
    with mg.Tape() as tape:
        h = mg.zeros((4, 8))
        for t in range(steps):
            h = mg.tanh(x[t] + h)
        loss = h.sum()
    return x, loss, tape


def test_saved_bytes_grow_with_the_number_of_steps_and_not_faster():
    per_step = [unrolled(n)[2].saved_bytes / n for n in (16, 64, 256)]
    assert per_step == [4 * 8 * 4] * 3  # the output of each tanh, nothing else


def test_work_of_backward_grows_with_the_number_of_steps_and_not_faster(monkeypatch):
    """Counted in elements that arrays are made of or added to, not in seconds."""
    numpy = mg.get_backend("numpy")

    def elements(steps):
        count = [0]

        def counted(f, size):
            def run(*args, **kwargs):
                out = f(*args, **kwargs)
                count[0] += size(out, *args)
                return out

            return run

        def update_size(_, x, index, values):
            return values.size

        with monkeypatch.context() as patch:
            for name in ("zeros", "copy", "empty"):
                patch.setattr(numpy, name, counted(getattr(numpy, name), lambda out, *_: out.size), raising=False)
            patch.setattr(numpy, "add_at", counted(numpy.add_at, update_size))
            x, loss, _ = unrolled(steps)
            loss.backward()
            assert x.grad.shape == (steps, 4, 8)
        return count[0] / steps

    few, many = elements(16), elements(256)
    assert many <= few * 1.1


def test_slices_give_right_gradients_in_all_orders():
    rng = np.random.default_rng(0)
    x = mg.tensor(rng.standard_normal((5, 3)))
    assert mg.gradcheck(lambda x: sum(x[t] * (t + 1) for t in range(5)), [x])
    assert mg.gradcheck(lambda x: sum(x[t] * (t + 1) for t in (3, 1, 3)), [x])
    assert mg.gradcheck(lambda x: mg.concat([x[1:3], x[2:], x[:, ::-1]]) ** 2, [x])
    assert mg.gradcheck(lambda x: mg.concat([x * 2, x[1:3], x]), [x])
    assert mg.gradcheck(lambda x: mg.concat(mg.split(x, [2, 0, 3])[::-1]) ** 2, [x])
    assert mg.gradcheck(lambda x: mg.stack([x[:, 0], x[:, 2]]) ** 2, [x])
    assert mg.gradcheck(lambda x: x[[0, 0, 4]] + x[1:4] + x[mg.tensor([True, False, True, True, False])], [x])
    assert mg.gradgradcheck(lambda x: x[[0, 0, 4]] * x[1:4] * x[2], [x])
