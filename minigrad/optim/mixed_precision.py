"""Loss scaling, for training with 16-bit floats."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..backends.halves import widened
from ..engine.recorded import wrap
from ..tensors.tensor import Tensor
from .optimizer import Optimizer


class GradScaler:
    """Multiplies the loss, so that small gradients do not vanish in float16, and divides the gradients again.

        scaler = GradScaler()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)                     # needed only to look at gradients, or to clip them
        scaler.step(optimizer)                         # leaves out the step if a gradient is not finite
        scaler.update()

    The scale is halved when gradients have overflowed and doubled after `growth_interval` steps without (Micikevicius
    et al., Mixed precision training, 2018; the names are those of `torch.amp.GradScaler`). bfloat16 reaches as far as
    float32 and needs no scaling. `step` reads one truth value a backend from the device.

    Args:
        init_scale: the first scale, > 0; by default the largest power of two that float16 holds.
        growth_factor: > 1. backoff_factor: between 0 and 1. growth_interval: steps, >= 1.
        enabled: if false, everything passes unchanged, and `step` is the optimizer's.

    Raises ValueError for arguments out of range.
    """

    def __init__(
        self,
        init_scale: float = 2.0**15,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not (init_scale > 0 and math.isfinite(init_scale)):
            raise ValueError(f"GradScaler: init_scale must be > 0 and finite, not {init_scale!r}")
        if not (growth_factor > 1 and 0 < backoff_factor < 1 and growth_interval >= 1):
            raise ValueError(
                "GradScaler needs growth_factor > 1, 0 < backoff_factor < 1 and growth_interval >= 1, "
                f"not {growth_factor!r}, {backoff_factor!r}, {growth_interval!r}"
            )
        self.growth_factor, self.backoff_factor, self.growth_interval = growth_factor, backoff_factor, growth_interval
        self.enabled = enabled
        self._scale = float(init_scale)
        self._good_steps = 0
        self._finite: dict[int, bool] = {}  # for each optimizer that was unscaled since the last update

    def __repr__(self) -> str:
        return f"<GradScaler: scale {self.get_scale():g}{'' if self.enabled else ', not enabled'}>"

    def get_scale(self) -> float:
        """The factor that the loss is multiplied by; 1 if not enabled."""
        return self._scale if self.enabled else 1.0

    def scale(self, loss: Tensor) -> Tensor:
        """The loss times the scale, in float32 at least, so that it does not overflow itself."""
        if not self.enabled:
            return loss
        return widened(loss) * self._scale

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of the optimizer's parameters by the scale. Those of 16-bit parameters become float32.

        Raises RuntimeError if that was done already since the last `update`.
        """
        if not self.enabled:
            return
        if id(optimizer) in self._finite:
            raise RuntimeError("unscale_() was called already for this optimizer since the last update()")
        found: dict[Any, Any] = {}
        for p in (p for group in optimizer.param_groups for p in group["params"] if p.grad is not None):
            xp = p.backend
            with xp.active():
                g = widened(p.grad.array) / self._scale
            p._collector.grad = wrap(g, xp)
            finite = xp.all(xp.isfinite(g))
            found[xp] = xp.logical_and(found[xp], finite) if xp in found else finite
        self._finite[id(optimizer)] = all(bool(xp.to_numpy(finite)) for xp, finite in found.items())

    def step(self, optimizer: Optimizer) -> bool:
        """Unscale the gradients if need be, and update the parameters unless a gradient is infinite or NaN.

        Returns whether they were updated.
        """
        if not self.enabled:
            optimizer.step()
            return True
        if id(optimizer) not in self._finite:
            self.unscale_(optimizer)
        if self._finite[id(optimizer)]:
            optimizer.step()
        return self._finite[id(optimizer)]

    def update(self) -> None:
        """Adapt the scale to what the steps since the last call met. Raises RuntimeError if there were none."""
        if not self.enabled:
            return
        if not self._finite:
            raise RuntimeError("update() comes after step(): no gradients were looked at since the last update()")
        if all(self._finite.values()):
            self._good_steps += 1
            if self._good_steps == self.growth_interval:
                self._scale *= self.growth_factor
                self._good_steps = 0
        else:
            self._scale *= self.backoff_factor
            self._good_steps = 0
        self._finite.clear()

    def state_dict(self) -> dict[str, Any]:
        """The scale and the number of steps since it changed, as plain data."""
        return {"scale": self._scale, "good_steps": self._good_steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was called."""
        self._scale, self._good_steps = float(state["scale"]), int(state["good_steps"])
