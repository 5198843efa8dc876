"""Random numbers in forked processes: others than the parent's and each other's, and the same when run again."""

import copy
import json
import os

import pytest

import minigrad as mg
from minigrad import random

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")


def in_child(f):
    """What f() returns in a forked process."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            with open(writing, "w") as out:
                json.dump(f(), out)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def drawn(generator=None):
    return random.uniform(3, generator=generator).tolist()


def everybody(g):
    """What the parent, its children and grandchildren draw from `g`, or by default from the default generator."""

    def child_and_grandchild():
        return [in_child(lambda: drawn(g)), drawn(g), in_child(lambda: drawn(g))]

    first = in_child(lambda: drawn(g))
    family = in_child(child_and_grandchild)
    return [first, *family, in_child(lambda: drawn(g)), drawn(g)]


def test_no_two_processes_draw_the_same(backend):
    mg.manual_seed(0)
    random.normal(5)
    g = random.Generator(0)
    for source in (None, g):
        numbers = everybody(source)
        assert len({tuple(x) for x in numbers}) == len(numbers)


def test_a_program_that_runs_or_seeds_again_draws_the_same(backend):
    def program():
        mg.manual_seed(3)
        return everybody(None), everybody(random.Generator(4))

    assert program() == program()


def test_forks_leave_the_parent_alone():
    mg.manual_seed(3)
    wanted = drawn()
    mg.manual_seed(3)
    in_child(drawn)
    assert drawn() == wanted


def test_a_seed_means_the_same_in_every_process():
    def seeded():
        mg.manual_seed(3)
        return drawn(), drawn(random.Generator(4))

    assert json.loads(json.dumps(seeded())) == in_child(seeded)


def test_a_default_generator_that_was_not_used_before_the_fork():
    """Numbers do not depend on whether the parent had made the generator of the backend already."""
    pytest.importorskip("numba")

    def of_numba():
        with mg.use_backend("numba"):
            return drawn()

    mg.manual_seed(1)
    lazy = [in_child(of_numba) for _ in range(2)]
    mg.manual_seed(1)
    random.default_generator("numba")
    assert [in_child(of_numba) for _ in range(2)] == lazy
    assert lazy[0] != lazy[1]


def test_a_copy_is_its_original_in_a_child_too():
    g = random.Generator(0)
    in_child(drawn)
    twin = copy.deepcopy(g)
    one, other = in_child(lambda: [drawn(g), drawn(twin)])
    assert one == other


def test_a_pool_of_workers():
    import multiprocessing

    mg.manual_seed(0)
    random.normal(5)
    workers = multiprocessing.get_context("fork").Pool(3)
    with workers:
        numbers = dict(workers.map(_slowly, range(6), chunksize=1))
    assert len(set(numbers.values())) == len(numbers) > 1


def _slowly(_):
    import time

    time.sleep(0.1)
    return os.getpid(), tuple(drawn())
