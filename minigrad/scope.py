"""Scopes: in which module call, of which time step, does this thread work now?

Every recorded node keeps a reference to the scope it was made in, so that drawings, tables, profiles and error
messages can all say *where*. A scope is entered by a module call, by `nn.Recurrent` for each time step, or by hand:

    with mg.scope("attention"):
        ...

A module that is called again and again in the same surrounding scope numbers its calls, so a hand-written
`for x_t in xs: h = cell(x_t, h)` has time steps without anybody declaring them.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any


class Calls:
    """How often one module was called inside one scope; shared by the scopes of all those calls."""

    __slots__ = ("count", "label")

    def __init__(self, label: str) -> None:
        self.label = label
        self.count = 0


NO_LABELS: dict[str, int] = {}


class Scope:
    """One entered scope: a name, a parent and, where the name repeats, a time step."""

    __slots__ = ("_calls", "_labels", "_siblings", "_step", "_twin", "backward", "name", "parent")

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
        self._calls: dict[Hashable, Calls] | None = None
        self._labels: dict[str, int] = NO_LABELS  # label -> the last number that was put behind it, from 1
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
        calls = self._calls_of(name, name if key is None else key)
        scope = Scope(calls.label, self, calls.count, calls, self.backward)
        calls.count += 1
        return scope

    def _calls_of(self, name: str, key: Hashable) -> Calls:
        if self._calls is None:
            self._calls, self._labels = {}, {}
        calls = self._calls.get(key)
        if calls is None:
            labels = self._labels
            label, number = name, labels.get(name, 0) + 1
            if number > 1:
                while (label := f"{name}#{number}") in labels:
                    number += 1
                labels[label] = 1
            labels[name] = number
            calls = self._calls[key] = Calls(label)
        return calls

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


class Now:
    """What one thread is doing: its scope, whether it records, and who watches."""

    __slots__ = ("observers", "recording", "scope")

    def __init__(self) -> None:
        self.scope = Scope(None, None)
        self.recording = True
        self.observers: tuple[Any, ...] = ()

    def restart_counts(self) -> None:
        """Begin counting module calls at zero again, if no scope is open: a new unrolling starts."""
        if self.scope.parent is None:
            self.scope = Scope(None, None)


class ThreadState(threading.local):
    """`now` is this thread's `Now`. Looking into a thread-local costs as much as a small function call: do it once."""

    def __init__(self) -> None:
        self.now = Now()


local = ThreadState()


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
        self._outer: list[Scope] = []

    def __enter__(self) -> Scope:
        now = local.now
        self._outer.append(now.scope)
        now.scope = now.scope.child(self._name, step=self._step, count=now.recording)
        return now.scope

    def __exit__(self, *_: object) -> None:
        local.now.scope = self._outer.pop()


def current_scope() -> Scope:
    """The scope that this thread is in."""
    return local.now.scope
