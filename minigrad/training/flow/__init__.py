"""How gradients flow through time: the norm of dL/dh_t for every time step and state that a tape has recorded.

Start in `measure`, which has `gradient_flow`; `states` finds what time steps hand on to each other. Pictures of it are
in `minigrad.tools.gradflow`.
"""

from .measure import GradientFlow, gradient_flow

__all__ = ["GradientFlow", "gradient_flow"]
