"""What threads and tasks share, and what is set for the time of a `with` block.

`LOCK` is for the few things that threads change together: hooks, collected gradients, times of changes. Each is done in
moments, and nobody waits for anything while holding it. It can be taken again by its holder, because what is freed
meanwhile may run anybody's code; and a forked process begins with nobody holding it.

`with` blocks need not end in the opposite order of their beginning. They overlap when several threads or tasks change
one setting, or when a generator stops inside a block. Each block remembers what it found. Where another block has begun
since, the end of this one changes nothing, but leaves what it found to that other one to bring back: at the end of all,
the setting is what it was before all.
"""

from __future__ import annotations

import os
import threading
from typing import Any

LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)

Entered = tuple[tuple[Any, Any], ...]  # (block, what it found) of the open blocks, the last to begin at the end


def left(entered: Entered, block: Any, value: Any) -> tuple[Entered, Any]:
    """The open blocks and the setting after the end of `block`, before which it is `value`.

    Nothing changes if the block is not among them: it was entered elsewhere.
    """
    if entered and entered[-1][0] is block:
        return entered[:-1], entered[-1][1]
    for i in reversed(range(len(entered) - 1)):
        if entered[i][0] is block:
            heir = entered[i + 1][0], entered[i][1]
            return (*entered[:i], heir, *entered[i + 2 :]), value
    return entered, value
