"""Programs around minigrad: drawing what the tape recorded, benchmarks, the command line.

This folder is installed as `minigrad.tools`.
"""

from .graph import draw

__all__ = ["draw"]
