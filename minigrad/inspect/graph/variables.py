"""The names that tensors have in a program: those of the variables that are these very tensors."""

from __future__ import annotations

from collections.abc import Mapping
from types import FrameType
from typing import Any

import numpy as np

from ...engine.recorded import Recorded

Names = Mapping[int, str]  # by the `id` of a node, or of the array of what has none


def variables_of(frame: FrameType) -> dict[str, Any]:
    """What can be read by name where a frame is, but for names that begin with an underscore."""
    seen = {**frame.f_globals, **frame.f_locals}
    return {name: value for name, value in seen.items() if not name.startswith("_")}


def names_among(variables: Mapping[str, Any]) -> Names:
    """The names of tensors and NumPy arrays. What has several names gets none: who knows which is meant?

    An id is good as long as somebody holds what has it, as the variables do.
    """
    found: dict[int, str] = {}
    for name, value in variables.items():
        if isinstance(value, Recorded):
            key = id(value.array) if value.node is None else id(value.node)
        elif isinstance(value, np.ndarray):
            key = id(value)
        else:
            continue
        found[key] = "" if key in found else name
    return {key: name for key, name in found.items() if name}
