"""When memory was changed in place: how backward knows that what it saved is no longer what it was.

A tensor's `version` is shared by all tensors that see the same memory. Changes through tensors (`copy_`, optimizer
steps) are noted there, and backward compares: a change after the operation that saved the memory is an error. Changes
that nobody tells of, by those who have the memory in other hands, cannot be noted: such memory is `Foreign`, and what
of it backward needs is copied when it is saved. `docs/how-it-works.md` lists what is watched and what is copied.
"""

from __future__ import annotations

import itertools
from typing import Any

from ..concurrency import LOCK

new_index = itertools.count().__next__  # positions on the tape, and times of changes, are of one sequence


class Version:
    """When the memory behind a tensor, and behind all views of it, was last changed in place."""

    __slots__ = ("changed_at", "changed_by")
    foreign = False
    latest = -1  # when any memory was last changed: what was recorded after that needs no closer look

    def __init__(self) -> None:
        self.changed_at = -1
        self.changed_by = ""

    def change(self, by: str) -> None:
        """Note a change made now by `by` (a name for the error message)."""
        with LOCK:  # or another thread's later change would be overwritten by this earlier one
            self.changed_at = Version.latest = new_index()
            self.changed_by = by


class Foreign(Version):
    """The version of memory that others may write: a NumPy array that was taken without a copy."""

    __slots__ = ()
    foreign = True


# Two kinds of memory of which it is not known who shares it.
OF_GRADIENT = Version()  # of a gradient: copied before its first change
SEALED = Version()  # `.data` of a computed tensor: never changed, as nobody would see it


def memory_of(array: Any) -> Any:
    """The array that owns the memory that an array is a view of; the array itself if it is no view."""
    while getattr(array, "base", None) is not None and hasattr(array.base, "nbytes"):
        array = array.base
    return array
