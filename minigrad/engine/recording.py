"""The switches of recording: `no_grad` and `enable_grad`. Each thread, and each asyncio task, has its own."""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

from ..concurrency import left
from .scope import MODE, Mode


class _Switch:
    """Context manager and decorator that switches recording, in this thread and task."""

    _value = True

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        switch = object.__new__(cls)
        return switch if function is None else switch(function)  # a decorator without brackets

    def __enter__(self) -> None:
        mode = MODE.get()
        MODE.set(Mode(self._value, mode.observers, (*mode.entered, (self, mode))))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode = MODE.get()
        entered, found = left(mode.entered, self, mode)
        if found.observers is mode.observers and found.entered == entered:  # as a rule: nothing else has changed
            MODE.set(found)
        else:
            MODE.set(Mode(found.recording, mode.observers, entered))

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(function, type):
            raise TypeError(f"{type(self).__name__} decorates functions; decorate the methods of {function.__name__}")
        for is_kind, wrapper in _WRAPPERS:
            if is_kind(function):
                return functools.wraps(function)(wrapper(type(self), function))
        raise TypeError(f"{type(self).__name__} decorates functions, not a {type(function).__name__}")


class no_grad(_Switch):
    """Switch recording off: results need no gradients. A context manager and a decorator.

    It decorates functions, coroutines and generators. A generator does not record while it runs; what its consumer does
    between the values is none of its business. Other threads and tasks go on as they were.
    """

    _value = False


class enable_grad(_Switch):
    """Switch recording on again inside `no_grad`. A context manager and a decorator, as that is."""

    _value = True


def is_grad_enabled() -> bool:
    """Whether operations are recorded here: in this thread, or this asyncio task."""
    return MODE.get().recording


def _function(switch: type[_Switch], function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with switch():
            return function(*args, **kwargs)

    return wrapped


def _coroutine(switch: type[_Switch], function: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        with switch():
            return await function(*args, **kwargs)

    return wrapped


def _generator(switch: type[_Switch], function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        step = partial(generator.send, None)
        while True:
            try:
                with switch():
                    value = step()
            except StopIteration as end:
                return end.value
            try:
                step = partial(generator.send, (yield value))
            except GeneratorExit:
                with switch():
                    generator.close()
                raise
            except BaseException as error:
                step = partial(generator.throw, error)

    return wrapped


def _async_generator(switch: type[_Switch], function: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        step = partial(generator.asend, None)
        while True:
            try:
                with switch():
                    value = await step()
            except StopAsyncIteration:
                return
            try:
                step = partial(generator.asend, (yield value))
            except GeneratorExit:
                with switch():
                    await generator.aclose()
                raise
            except BaseException as error:
                step = partial(generator.athrow, error)

    return wrapped


_WRAPPERS: tuple[tuple[Callable[[Any], bool], Callable[..., Any]], ...] = (
    (inspect.isgeneratorfunction, _generator),
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.iscoroutinefunction, _coroutine),
    (callable, _function),
)


class gc_paused:
    """Context manager: keep Python's cyclic garbage collector from walking a graph while it grows.

    Graphs have no reference cycles, so the collector finds nothing in them; but it looks, again and again, as a loop
    over thousands of time steps makes objects. `nn.Recurrent` pauses it while unrolling. For the whole process.
    """

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            gc.enable()
