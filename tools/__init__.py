"""Programs around minigrad: drawing what the tape recorded, gradients through time, benchmarks, the command line.

This folder is installed as `minigrad.tools`.
"""

from .gradflow import gradient_flow, plot_flow
from .graph import draw

__all__ = ["draw", "gradient_flow", "plot_flow"]
