"""Scopes: in which module call, of which time step, does this thread, or this asyncio task, work now?

Every recorded node keeps a reference to the scope it was made in, so that drawings, tables, profiles and error
messages can all say *where*. A scope is entered by a module call, by `nn.Recurrent` for each time step, or by hand:

    with mg.scope("attention"):
        ...

A module that is called again and again in the same surrounding scope numbers its calls, so a hand-written
`for x_t in xs: h = cell(x_t, h)` has time steps without anybody declaring them.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextvars import ContextVar
from typing import Any

from ..concurrency import Entered


class Calls:
    """How often one module was called inside one scope; shared by the scopes of all those calls."""

    __slots__ = ("count", "label")

    def __init__(self, label: str) -> None:
        self.label = label
        self.count = 0


class Callers(dict[Hashable, Calls]):
    """Who was called inside one scope, by key; `labels` has the last number that was put behind each name, from 1."""

    __slots__ = ("labels",)

    def __init__(self) -> None:
        self.labels: dict[str, int] = {}


class Scope:
    """One entered scope: a name, a parent and, where the name repeats, a time step."""

    __slots__ = ("_calls", "_siblings", "_step", "_twin", "backward", "name", "parent")

    def __init__(
        self,
        name: str | None,
        parent: Scope | None,
        step: int | None = None,
        siblings: Calls | None = None,
        backward: bool = False,
    ) -> None:
        self.name = name
        self.parent = parent
        self.backward = backward
        self._step = step
        self._siblings = siblings
        self._calls: Callers | None = None
        self._twin: Scope | None = None

    @property
    def step(self) -> int | None:
        """The time step: the declared one, or the number of the call if there was more than one call."""
        if self._siblings is not None and self._siblings.count < 2:
            return None
        return self._step

    def child(self, name: str | None, *, key: Hashable = None, step: int | None = None, count: bool = True) -> Scope:
        """The scope of one more call inside this one.

        `key` tells callers of the same name apart (two cells of one class in one loop); the second gets the
        label `name#2`. A given `step` is kept as it is; without one the calls are counted, unless `count` is off.
        """
        if step is not None or name is None or not count:
            return Scope(name, self, step, backward=self.backward)
        if key is None:
            key = name
        calls = (self._calls or self._counted()).get(key)
        if calls is None:
            calls = self._first(name, key)
        scope = Scope(calls.label, self, calls.count, calls, self.backward)
        calls.count += 1
        return scope

    def _first(self, name: str, key: Hashable) -> Calls:
        known = self._counted()
        labels = known.labels
        label, number = name, labels.get(name, 0) + 1
        if number > 1:
            while (label := f"{name}#{number}") in labels:
                number += 1
            labels[label] = 1
        labels[name] = number
        calls = known[key] = Calls(label)
        return calls

    def _counted(self) -> Callers:
        if self._calls is None:
            self._calls = Callers()
        return self._calls

    def as_backward(self) -> Scope:
        """This scope, marked as backward: where nodes belong that a derivative rule records."""
        if self.backward:
            return self
        if self._twin is None:
            self._twin = Scope(self.name, self.parent, self._step, self._siblings, backward=True)
        return self._twin

    def chain(self) -> list[Scope]:
        """The scopes from the outermost (without the unnamed root) to this one."""
        scopes: list[Scope] = []
        scope: Scope | None = self
        while scope is not None and scope.parent is not None:
            scopes.append(scope)
            scope = scope.parent
        return scopes[::-1]

    @property
    def path(self) -> str:
        """The names joined by dots, without time steps: `decoder.cell`; empty at the top."""
        return ".".join(s.name for s in self.chain() if s.name)

    @property
    def steps(self) -> tuple[int, ...]:
        """The time steps on the way from the outermost scope to this one, outermost first."""
        return tuple(s.step for s in self.chain() if s.step is not None)

    def __str__(self) -> str:
        text = self.path or "top level"
        if self.steps:
            text += " @ t=" + ",".join(map(str, self.steps))
        return text + (" (backward)" if self.backward else "")

    def __repr__(self) -> str:
        return f"<Scope {self}>"


class _Top(Scope):
    """Outside of all scopes. There is one for all, but each thread and task counts its own calls in it."""

    __slots__ = ("_own",)

    def __init__(self, backward: bool = False) -> None:
        super().__init__(None, None, backward=backward)
        self._own: ContextVar[Callers | None] = ContextVar("calls", default=None)
        if not backward:
            self._twin = _Top(backward=True)

    def _counted(self) -> Callers:
        calls = self._own.get()
        if calls is None:
            calls = Callers()
            self._own.set(calls)
        return calls

    def restart(self) -> None:
        """Begin counting at zero again."""
        self._own.set(None)
        if isinstance(self._twin, _Top):
            self._twin.restart()


class Mode:
    """Whether operations are recorded, and who watches. Never changed, as tasks share it: another one is set instead.

    `entered` are the open blocks that switched recording, with the mode that each found; see `settings`.
    """

    __slots__ = ("entered", "observers", "recording")

    def __init__(self, recording: bool = True, observers: tuple[Any, ...] = (), entered: Entered = ()) -> None:
        self.recording = recording
        self.observers = observers
        self.entered = entered


# Where we are. A new thread starts at the top, recording; an asyncio task goes on as the one that started it.
TOP = _Top()
SCOPE: ContextVar[Scope] = ContextVar("scope", default=TOP)
MODE: ContextVar[Mode] = ContextVar("mode", default=Mode())  # noqa: B039 - never changed


def restart_counts() -> None:
    """Begin counting module calls at zero again, if no scope is open: a new unrolling starts."""
    if SCOPE.get() is TOP:
        TOP.restart()


class scope:
    """Context manager: name the part of a computation that is recorded inside.

    Args:
        name: the name shown in drawings, tables and errors; None for a bare time step.
        step: the time step, if this part is one step of several.
    """

    def __init__(self, name: str | None = None, step: int | None = None) -> None:
        if name is None and step is None:
            raise ValueError("scope() needs a name, a step, or both")
        self._name, self._step = name, step
        self._entered: list[Scope] = []

    def __enter__(self) -> Scope:
        entered = SCOPE.get().child(self._name, step=self._step, count=MODE.get().recording)
        self._entered.append(entered)
        SCOPE.set(entered)
        return entered

    def __exit__(self, *_: object) -> None:
        scope: Scope | None = SCOPE.get()
        while scope is not None and scope not in self._entered:  # one that was opened inside may be open still
            scope = scope.parent
        if scope is not None and scope.parent is not None:
            self._entered.remove(scope)
            SCOPE.set(scope.parent)


def current_scope() -> Scope:
    """The scope that this thread, or this asyncio task, is in."""
    return SCOPE.get()
