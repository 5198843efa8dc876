"""`minigrad.functional` in PyTorch's place for it, so that `import minigrad.nn.functional as F` finds it."""

from ..functional import *  # noqa: F403
