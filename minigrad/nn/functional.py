"""`minigrad.functional` in PyTorch's place for it, so that `import minigrad.nn.functional as F` finds it."""

from .. import functional as _functional
from ..functional import *  # noqa: F403


def __getattr__(name: str) -> object:
    return getattr(_functional, name)
