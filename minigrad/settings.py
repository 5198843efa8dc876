"""What is set for the time of a `with` block, when blocks need not end in the opposite order of their beginning.

They overlap when several threads or tasks change one setting, or when a generator stops inside a block. Each block
remembers what it found. Where another block has begun since, the end of this one changes nothing, but leaves what it
found to that other one to bring back: at the end of all, the setting is what it was before all.
"""

from __future__ import annotations

from typing import Any

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
