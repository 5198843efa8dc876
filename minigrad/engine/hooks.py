"""Hooks: what backward calls when a gradient is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..concurrency import LOCK

Hook = Callable[[Any, Any], Any]  # (node, gradient) -> its replacement, or None


class Handle:
    """What registering a hook returns: the way to take it away again."""

    def __init__(self, remove: Callable[[], object]) -> None:
        self._remove = remove

    def remove(self) -> None:
        """Take the hook away. Doing so twice is harmless."""
        self._remove()


class Hooks:
    """The hooks of a node, in the order in which they are called; of a leaf also when another takes its place.

    Several threads may add, remove and call them: the tuple is replaced, never changed.
    """

    __slots__ = ("_hooks", "_last")

    def __init__(self) -> None:
        self._hooks: tuple[Hook, ...] = ()
        self._last: Hook | None = None

    def add(self, hook: Hook) -> Handle:
        """Call this one, too."""
        with LOCK:
            self._hooks = (*self._hooks, hook)
        return Handle(lambda: self.discard(lambda other: other is hook))

    def add_last(self, hook: Hook) -> None:
        """Call this one after all others, also those that come later."""
        self._last = hook

    def discard(self, unwanted: Callable[[Hook], bool]) -> None:
        """Take away those for which `unwanted` is true."""
        with LOCK:
            self._hooks = tuple(hook for hook in self._hooks if not unwanted(hook))

    def __iter__(self) -> Iterator[Hook]:
        yield from self._hooks
        if self._last is not None:
            yield self._last

    def __len__(self) -> int:
        return len(self._hooks) + (self._last is not None)


def hooks_of(node: Any) -> Hooks:
    """The hooks of a node, made where there are none yet."""
    hooks: Hooks = node.hooks
    if hooks is None:
        with LOCK:
            if node.hooks is None:
                node.hooks = Hooks()
            hooks = node.hooks
    return hooks
