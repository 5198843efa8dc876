"""Optimizers, with the arguments, defaults and numerical behaviour of `torch.optim`.

All change parameters in place, and tell the tape so: backward through anything that was recorded with the old values
and needs them is refused afterwards.

For a parameter of 16-bit floats the optimizer keeps a float32 copy, its master weights (Micikevicius et al., Mixed
precision training, 2018): steps too small to be seen in 16 bits add up there, and moments are float32 too.

Symbols: p a parameter, g its gradient, lr the learning rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .. import dtypes
from ..record import describe, wrap
from ..tensor import Tensor

Group = dict[str, Any]


class Optimizer:
    """Base class: parameter groups, state, and the loop over parameters. A subclass defines `_update`.

    Attributes:
        param_groups: dictionaries with "params" (a list of tensors) and the options of these parameters ("lr", ...).
            Options may be changed between steps; schedules change "lr".
        state: for each parameter that has been updated, its arrays and counters by name.
    """

    def __init__(self, params: Iterable[Any], **defaults: Any) -> None:
        """Take the parameters.

        Args:
            params: tensors, as from `module.parameters()`, or dictionaries {"params": tensors, option: value, ...} that
                set options for some of them.
            defaults: the options of parameters that do not set their own.

        Raises:
            ValueError: there are no parameters, one is given twice, or an option is out of range or unknown.
            TypeError: something given is not a tensor, or not one that can be trained.
        """
        if isinstance(params, (Tensor, Mapping)):
            raise TypeError(f"{type(self).__name__} takes a list of tensors or groups, not a {type(params).__name__}")
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        groups = list(params)
        if not groups:
            raise ValueError(f"{type(self).__name__} got no parameters")
        if not isinstance(groups[0], Mapping):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add a dictionary {"params": tensors, option: value, ...}. Raises as the constructor does."""
        what = type(self).__name__
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f"{what}: a group is a dictionary with 'params', not {group!r}")
        unknown = set(group) - set(self.defaults) - {"params"}
        if unknown:
            raise ValueError(f"{what} has no option {', '.join(sorted(unknown))}; it has {', '.join(self.defaults)}")
        given = group["params"]
        params = [given] if isinstance(given, Tensor) else list(given)
        taken = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"{what}: expected tensors, as from module.parameters(), got a {type(p).__name__}")
            if not p.is_leaf:
                raise TypeError(f"{what}: {describe(p)} was computed from others; only leaves can be trained")
            if not dtypes.is_float(p.dtype):
                raise TypeError(f"{what}: {describe(p)} has no gradients; only real numbers can be trained")
            if id(p) in taken:
                raise ValueError(f"{what}: the parameter {describe(p)} was given twice")
            taken.add(id(p))
        options = {**self.defaults, **group, "params": params}
        self._check(options)
        self.param_groups.append(options)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: `.grad` is None again."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    def step(self) -> None:
        """Update every parameter that has a gradient, in place."""
        changed_by = f"{type(self).__name__}.step()"
        for group in self.param_groups:
            for p in group["params"]:
                g = p.grad
                if g is not None:
                    update = self._update_half if dtypes.is_half(p.dtype) else self._update
                    with p.backend.active():
                        update(p, g.array, self.state.setdefault(p, {}), group)
                    p.version.change(changed_by)

    def _update_half(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        """Update the master weights of a 16-bit parameter, and round them to it."""
        xp = _calls(p)
        master = xp.astype(p.array, dtype=dtypes.float32)
        if "master" in state:  # it counts, but for elements that were set from outside since
            kept = state["master"]
            master = xp.where(xp.astype(kept, dtype=p.dtype) == p.array, kept, master)
        state["master"] = master
        self._update(wrap(master, p.backend), xp.astype(g, dtype=dtypes.float32), state, options)
        xp.assign(p.array, xp.astype(master, dtype=p.dtype))

    def _update(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        """Change the array of one parameter, given its gradient's array."""
        raise NotImplementedError(f"{type(self).__name__} does not define _update()")

    def _check(self, options: Group) -> None:
        """Raise ValueError for options out of range."""
        for name in ("lr", "weight_decay", "momentum", "eps", "lr_decay", "initial_accumulator_value"):
            if name in options and not options[name] >= 0:
                raise ValueError(f"{type(self).__name__}: {name} must be >= 0, not {options[name]!r}")
        for beta in options.get("betas", (options.get("alpha", 0),)):
            if not 0 <= beta < 1:
                name = "betas" if "betas" in options else "alpha"
                raise ValueError(f"{type(self).__name__}: {name} must be >= 0 and < 1, not {options[name]!r}")

    # --- state --------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """A copy of the state as plain data and NumPy arrays, laid out like PyTorch's: {"state", "param_groups"}.

        Parameters are named by their position, counted through all groups.
        """
        order = self._order()
        state = {
            order[id(p)]: {k: _to_host(p, v) if _is_array(p, v) else v for k, v in values.items()}
            for p, values in self.state.items()
        }
        groups = [{**group, "params": [order[id(p)] for p in group["params"]]} for group in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was called: training continues bit for bit.

        Raises ValueError if groups, numbers of parameters, options or shapes do not fit. Nothing has changed then.
        """
        what, groups = type(self).__name__, state_dict["param_groups"]
        sizes, given = [len(g["params"]) for g in self.param_groups], [len(g["params"]) for g in groups]
        if sizes != given:
            raise ValueError(f"{what}: there are groups of {sizes} parameters here, and of {given} in the given state")
        for group in groups:
            missing = set(self.defaults) - set(group)
            if missing:
                raise ValueError(f"{what}: the given state lacks the options {', '.join(sorted(missing))}")
        numbers = [i for g in groups for i in g["params"]]
        params = dict(zip(numbers, [p for g in self.param_groups for p in g["params"]]))
        state = {}
        for number, values in state_dict["state"].items():
            if number not in params:
                raise ValueError(f"{what}: the given state has values for parameter {number}, which is in no group")
            p = params[number]
            state[p] = {name: _from_host(p, name, value) for name, value in values.items() if value is not None}
        for own, group in zip(self.param_groups, groups):
            own.update((name, value) for name, value in group.items() if name != "params")
        self.state = state

    def _order(self) -> dict[int, int]:
        return {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}

    def __repr__(self) -> str:
        lines = [
            f"  group {i}: {len(group['params'])} parameters, "
            + ", ".join(f"{name}={value}" for name, value in group.items() if name != "params")
            for i, group in enumerate(self.param_groups)
        ]
        return "\n".join([type(self).__name__, *lines])


def _is_array(p: Tensor, value: Any) -> bool:
    return isinstance(value, p.backend.array_type)


def _to_host(p: Tensor, array: Any) -> np.ndarray:
    return np.array(p.backend.to_numpy(array), copy=True)


def _from_host(p: Tensor, name: str, value: Any) -> Any:
    """A stored value: a number of steps, or an array as big as the parameter."""
    if name == "step":
        return int(value)
    kind = dtypes.float32 if dtypes.is_half(p.dtype) else p.dtype
    array = p.backend.copy(p.backend.asarray(value, dtype=kind))
    if array.shape != p.shape:
        raise ValueError(f"the optimizer's state {name} has shape {array.shape}, its parameter {describe(p)}")
    return array


def _calls(p: Tensor) -> Any:
    """The parameter's backend, for the functions that backends have by name (`backends.base.REQUIRED`)."""
    return p.backend


def _kept(p: Tensor, state: dict[str, Any], name: str, value: float = 0.0) -> Any:
    """An array of the state, like the parameter; filled with `value` at first.

    Raises RuntimeError if the parameter has moved or changed its type since.
    """
    array = state.get(name)
    if array is None:
        array = state[name] = _calls(p).full(p.shape, value, p.dtype)
    elif not _is_array(p, array) or array.dtype != p.dtype:
        raise RuntimeError(
            f"the optimizer has worked with this parameter as {array.dtype}, which now is {describe(p)} on backend "
            f"{p.backend.name}: make a new optimizer after module.to()"
        )
    return array


class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's variant of it (Sutskever et al. 2013).

        g <- g + weight_decay * p
        v <- momentum * v + (1 - dampening) * g        (v = g in the first step)
        p <- p - lr * v                                (nesterov: p - lr * (g + momentum * v))

    Raises ValueError for `nesterov` without momentum or with dampening, and for options out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
        )

    def _check(self, options: Group) -> None:
        super()._check(options)
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError("SGD: nesterov needs a momentum > 0 and no dampening")

    def _update(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        first = "momentum_buffer" not in state
        velocity = _kept(p, state, "momentum_buffer") if options["momentum"] else None
        p.backend.sgd_step(
            p.array,
            g,
            velocity,
            lr=options["lr"],
            momentum=options["momentum"],
            dampening=options["dampening"],
            nesterov=options["nesterov"],
            weight_decay=options["weight_decay"],
            first=first,
        )


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of squared gradients so far (Duchi et al. 2011).

    g <- g + weight_decay * p
    s <- s + g * g                                 (s = initial_accumulator_value at first)
    p <- p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)        in step t = 1, 2, ...
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )

    def _update(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        array, xp = p.array, _calls(p)
        total = _kept(p, state, "sum", options["initial_accumulator_value"])
        if options["weight_decay"]:
            g = g + options["weight_decay"] * array
        total += g * g
        rate = options["lr"] / (1 + state.get("step", 0) * options["lr_decay"])
        array -= rate * (g / (xp.sqrt(total) + options["eps"]))
        state["step"] = state.get("step", 0) + 1


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients (Tieleman and Hinton 2012).

    g <- g + weight_decay * p
    s <- alpha * s + (1 - alpha) * g * g
    m <- alpha * m + (1 - alpha) * g               (centered, as in Graves 2013; otherwise m = 0)
    u <- g / (sqrt(s - m * m) + eps)
    p <- p - lr * u                                (with momentum: v <- momentum * v + u; p <- p - lr * v)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )

    def _update(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        array, xp, alpha = p.array, _calls(p), options["alpha"]
        if options["weight_decay"]:
            g = g + options["weight_decay"] * array
        square = _kept(p, state, "square_avg")
        square *= alpha
        square += (1 - alpha) * (g * g)
        if options["centered"]:
            mean = _kept(p, state, "grad_avg")
            mean += (1 - alpha) * (g - mean)
            square = square - mean * mean
        change = g / (xp.sqrt(square) + options["eps"])
        if options["momentum"]:
            velocity = _kept(p, state, "momentum_buffer")
            velocity *= options["momentum"]
            velocity += change
            change = velocity
        array -= options["lr"] * change
        state["step"] = state.get("step", 0) + 1


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015).

    g <- g + weight_decay * p
    m <- beta1 * m + (1 - beta1) * g
    v <- beta2 * v + (1 - beta2) * g * g
    p <- p - lr * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)       in step t = 1, 2, ...
    """

    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def _update(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        m, v = _kept(p, state, "exp_avg"), _kept(p, state, "exp_avg_sq")
        state["step"] = state.get("step", 0) + 1
        beta1, beta2 = options["betas"]
        p.backend.adam_step(
            p.array,
            g,
            m,
            v,
            lr=options["lr"],
            beta1=beta1,
            beta2=beta2,
            eps=options["eps"],
            weight_decay=options["weight_decay"],
            decoupled=self.decoupled,
            step=state["step"],
        )


class AdamW(Adam):
    """Adam with the weight decay taken out of the gradient: p <- p * (1 - lr * weight_decay) comes first.

    Loshchilov and Hutter, Decoupled weight decay regularization (2019).
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
