"""What asyncio tasks, threads and generators switch on and off stays theirs: recording, scopes, watchers, settings."""

import asyncio
import contextvars
import threading

import pytest
from conftest import leaf

import minigrad as mg
from minigrad import nn


def overlapping(block_of):
    """Two tasks whose blocks overlap: the first ends while the second is inside. What `seen` notes, in order."""
    seen = []

    async def task(name, first, begin, end):
        await begin.wait()
        with block_of(name):
            seen.append((name, "inside", state()))
            first.set()
            await end.wait()
            seen.append((name, "still inside", state()))
        seen.append((name, "outside", state()))

    def state():
        return mg.is_grad_enabled(), str(mg.current_scope())

    async def main():
        a_in, b_in, a_out, start = (asyncio.Event() for _ in range(4))
        start.set()

        async def a():
            await task("a", a_in, start, b_in)
            a_out.set()

        await asyncio.gather(a(), task("b", b_in, a_in, a_out))
        seen.append(("main", "", state()))

    asyncio.run(main())
    return seen


def test_recording_of_tasks_that_overlap():
    seen = overlapping(lambda name: mg.no_grad())
    assert [(name, where, recording) for name, where, (recording, _) in seen] == [
        ("a", "inside", False),
        ("b", "inside", False),
        ("a", "still inside", False),
        ("a", "outside", True),
        ("b", "still inside", False),
        ("b", "outside", True),
        ("main", "", True),
    ]
    assert mg.is_grad_enabled()


def test_one_task_is_silent_and_the_other_records():
    seen = overlapping(lambda name: mg.no_grad() if name == "a" else mg.enable_grad())
    assert [recording for _, _, (recording, _) in seen] == [False, True, False, True, True, True, True]


def test_one_switch_for_several_tasks():
    off = mg.no_grad()
    assert [recording for _, _, (recording, _) in overlapping(lambda name: off)][-1]
    assert mg.is_grad_enabled()


def test_scopes_of_tasks_that_overlap():
    seen = overlapping(mg.scope)
    assert [scope for _, _, (_, scope) in seen] == ["a", "b", "a", "top level", "b", "top level", "top level"]
    shared = mg.scope("both")
    seen = overlapping(lambda name: shared)
    assert [scope for _, _, (_, scope) in seen][-1] == "top level"


def test_tapes_of_tasks_that_overlap():
    tapes = {}

    async def task(name, count):
        x = leaf(1.0)
        with mg.Tape() as tapes[name]:
            for _ in range(count):
                x = x * 2
                await asyncio.sleep(0)

    async def main():
        await asyncio.gather(task("a", 3), task("b", 5))
        leaf(1.0) * 2

    asyncio.run(main())
    assert [len(tape) for tape in tapes.values()] == [4, 6]


def test_anomalies_are_looked_for_in_one_task():
    async def watched(begin, end):
        with mg.detect_anomaly():
            begin.set()
            await end.wait()
            with pytest.raises(mg.AnomalyError):
                mg.log(leaf(-1.0))

    async def other(begin, end):
        await begin.wait()
        mg.log(leaf(-1.0))
        end.set()

    async def main():
        begin, end = asyncio.Event(), asyncio.Event()
        await asyncio.gather(watched(begin, end), other(begin, end))

    with pytest.warns(RuntimeWarning):
        asyncio.run(main())


def test_draws_are_noted_in_one_task():
    a, b = mg.random.Generator(0), mg.random.Generator(1)
    draws = []

    async def task(generator):
        with mg.random.Draws() as noted:
            draws.append(noted)
            await asyncio.sleep(0)
            mg.random.normal(2, generator=generator)
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(task(a), task(b))

    asyncio.run(main())
    assert [[generator for generator, _ in noted._states] for noted in draws] == [[a], [b]]


def test_modules_count_their_calls_in_each_task():
    layer = nn.Linear(1, 1)
    scopes = []

    async def task():
        for _ in range(2):
            scopes.append(layer(mg.ones((1, 1))).node.scope)
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(task(), task())

    asyncio.run(main())
    assert sorted(str(scope) for scope in scopes) == ["Linear @ t=0", "Linear @ t=0", "Linear @ t=1", "Linear @ t=1"]


def test_a_task_begins_as_the_one_that_starts_it():
    async def child():
        return mg.is_grad_enabled()

    async def main():
        with mg.no_grad():
            silent = asyncio.create_task(child())
        there = asyncio.to_thread(mg.is_grad_enabled)
        return await silent, await there

    assert asyncio.run(main()) == (False, True)


def test_a_thread_starts_by_recording():
    seen = []
    with mg.no_grad(), mg.scope("main"):
        thread = threading.Thread(target=lambda: seen.append((mg.is_grad_enabled(), str(mg.current_scope()))))
        thread.start()
        thread.join()
    assert seen == [(True, "top level")]


def test_threads_count_calls_for_themselves():
    layer, seen = nn.Linear(1, 1), []
    layer(mg.ones((1, 1)))
    thread = threading.Thread(target=lambda: seen.append(str(layer(mg.ones((1, 1))).node.scope)))
    thread.start()
    thread.join()
    assert seen == ["Linear"]


def test_derivatives_in_tasks():
    async def task(x):
        async def slope():
            await asyncio.sleep(0)
            return mg.grad(lambda y: y * y)(x)

        with mg.no_grad():
            await asyncio.sleep(0)
            inside = (await slope()).item()
        x.requires_grad_()
        (x * x).backward()
        return inside, x.grad.item()

    async def main():
        return await asyncio.gather(*(task(mg.tensor(float(i))) for i in range(3)))

    assert asyncio.run(main()) == [(0, 0), (2, 2), (4, 4)]


# --- blocks that do not end in the opposite order ---------------------------------------------------------------------


def test_blocks_that_end_in_any_order():
    for order in ((0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)):
        switches = [mg.no_grad(), mg.enable_grad(), mg.no_grad()]
        for switch in switches:
            switch.__enter__()
        left = [0, 1, 2]
        for i in order:
            switches[i].__exit__(None, None, None)
            left.remove(i)
            assert mg.is_grad_enabled() == (left[-1] == 1 if left else True)


def test_a_block_that_is_left_elsewhere_changes_nothing_there():
    off = mg.no_grad()
    contextvars.copy_context().run(off.__enter__)
    off.__exit__(None, None, None)
    assert mg.is_grad_enabled()


def test_default_backends_that_overlap():
    pytest.importorskip("numba")
    a = mg.use_backend("numba")
    a.__enter__()
    b = mg.use_backend("numpy")
    b.__enter__()
    c = mg.use_backend("numba")
    c.__enter__()
    a.__exit__(None, None, None)
    assert mg.default_backend().name == "numba"
    c.__exit__(None, None, None)
    assert mg.default_backend().name == "numpy"
    b.__exit__(None, None, None)
    assert mg.default_backend().name == "numpy"


def test_numbers_of_threads_that_overlap():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    limits = lambda: [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    before = mg.get_num_threads(), limits()
    a = mg.set_num_threads(2)
    a.__enter__()
    b = mg.set_num_threads(3)
    b.__enter__()
    a.__exit__(None, None, None)
    assert mg.get_num_threads() == 3
    b.__exit__(None, None, None)
    assert (mg.get_num_threads(), limits()) == before


# --- generators and coroutines ----------------------------------------------------------------------------------------


def test_a_generator_does_not_record_while_it_runs():
    x, seen = leaf(1.0), []

    @mg.no_grad()
    def numbers(n):
        """Counts."""
        for i in range(n):
            seen.append((x * 2).requires_grad)
            sent = yield i
            seen.append((sent, mg.is_grad_enabled()))
        return "end"

    def consumer():
        result = yield from numbers(2)
        seen.append(result)

    generator = consumer()
    assert next(generator) == 0
    assert mg.is_grad_enabled()
    assert (x * 2).requires_grad
    assert generator.send("word") == 1
    assert mg.is_grad_enabled()
    assert list(generator) == []
    assert seen == [False, ("word", False), False, (None, False), "end"]
    assert numbers.__doc__ == "Counts."
    assert list(numbers(3)) == [0, 1, 2]


def test_a_generator_that_records_inside_a_silent_consumer():
    @mg.enable_grad()
    def results():
        x = leaf(1.0)
        while True:
            yield (x * 2).requires_grad

    with mg.no_grad():
        for recorded, _ in zip(results(), range(2), strict=False):
            assert recorded
            assert not mg.is_grad_enabled()
    assert mg.is_grad_enabled()


def test_errors_and_ends_reach_a_generator():
    seen = []

    @mg.no_grad()
    def patient():
        try:
            while True:
                try:
                    yield mg.is_grad_enabled()
                except KeyError:
                    seen.append(("caught", mg.is_grad_enabled()))
        finally:
            seen.append(("closed", mg.is_grad_enabled()))

    generator = patient()
    next(generator)
    assert generator.throw(KeyError("a")) is False
    with pytest.raises(IndexError):
        generator.throw(IndexError("b"))
    generator = patient()
    next(generator)
    generator.close()
    assert seen == [("caught", False), ("closed", False), ("closed", False)]
    assert mg.is_grad_enabled()


def test_coroutines_and_asynchronous_generators():
    @mg.no_grad()
    async def answer():
        await asyncio.sleep(0)
        return mg.is_grad_enabled()

    @mg.no_grad
    async def answers():
        try:
            for _ in range(3):
                await asyncio.sleep(0)
                yield mg.is_grad_enabled()
        finally:
            assert not mg.is_grad_enabled()

    async def main():
        found = [await answer()]
        async for inside in answers():
            found.append((inside, mg.is_grad_enabled()))
        ended = answers()
        await anext(ended)
        await ended.aclose()
        return [*found, mg.is_grad_enabled()]

    assert asyncio.run(main()) == [False, (False, True), (False, True), (False, True), True]


def test_what_can_be_decorated():
    @mg.no_grad
    def without_brackets(a, b=1):
        return mg.is_grad_enabled(), a, b

    assert without_brackets(2) == (False, 2, 1)
    with pytest.raises(TypeError, match="no_grad decorates functions; decorate the methods of Net"):
        mg.no_grad()(type("Net", (), {}))
    with pytest.raises(TypeError, match="not a int"):
        mg.no_grad(3)
