"""Helpers where PyTorch has them. They are defined in `minigrad.optim`."""

from ..optim.clip import clip_grad_norm_, clip_grad_value_

__all__ = ["clip_grad_norm_", "clip_grad_value_"]
