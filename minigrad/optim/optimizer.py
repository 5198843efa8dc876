"""What all optimizers share: parameter groups, state, and the loop over the parameters.

Arguments and behaviour are those of `torch.optim`. Optimizers change parameters in place, and tell the tape so:
backward through anything that was recorded with the old values and needs them is refused afterwards.

For a parameter of 16-bit floats the optimizer keeps a float32 copy, its master weights (Micikevicius et al., Mixed
precision training, 2018): steps too small to be seen in 16 bits add up there, and moments are float32 too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .. import dtypes
from ..engine.recorded import describe, wrap
from ..engine.recording import enable_grad
from ..tensors.tensor import Tensor
from .parameters import check_trainable, forget_gradients, listed, listed_tensors

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
            ValueError: there are no parameters, an iterator over them was used up before, one is given twice, or an
                option is out of range or unknown.
            TypeError: something given is not a tensor, or not one that can be trained.
        """
        if isinstance(params, (Tensor, Mapping)):
            raise TypeError(f"{type(self).__name__} takes a list of tensors or groups, not a {type(params).__name__}")
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        groups = listed(params, type(self).__name__)
        if not groups:
            raise ValueError(f"{type(self).__name__} got no parameters")
        if not isinstance(groups[0], Mapping):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add a dictionary {"params": tensors, option: value, ...}. Raises as the constructor does.

        A schedule that was made before takes the group in at its next step: see `minigrad.optim.lr_scheduler`.
        """
        what = type(self).__name__
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f"{what}: a group is a dictionary with 'params', not {group!r}")
        unknown = set(group) - set(self.defaults) - {"params", "initial_lr"}
        if unknown:
            raise ValueError(f"{what} has no option {', '.join(sorted(unknown))}; it has {', '.join(self.defaults)}")
        params = listed_tensors(group["params"], what)
        taken = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            check_trainable(p, what)
            if id(p) in taken:
                raise ValueError(f"{what}: the parameter {describe(p)} was given twice")
            taken.add(id(p))
        options = {**self.defaults, **group, "params": params}
        self._check(options)
        self.param_groups.append(options)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters: `.grad` is None again, or all zeros where there was a gradient."""
        for group in self.param_groups:
            forget_gradients(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, in place.

        Args:
            closure: a function that forgets the gradients, computes the loss, calls its `backward` and returns it. It
                is called first, once, and with recording on.

        Returns what the closure returned; None without one.
        """
        if closure is not None and not callable(closure):
            raise TypeError(f"step() takes a function that computes the loss, not a {type(closure).__name__}")
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        changed_by = f"{type(self).__name__}.step()"
        for group in self.param_groups:
            for p in group["params"]:
                g = p.grad
                if g is not None:
                    update = self._update_half if dtypes.is_half(p.dtype) else self._update
                    with p.backend.active():
                        update(p, g.array, self.state.setdefault(p, {}), group)
                    p.version.change(changed_by)
        return loss

    def _update_half(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        """Update the master weights of a 16-bit parameter, and round them to it."""
        xp = calls(p)
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
        what = type(self).__name__
        for name in ("lr", "weight_decay", "momentum", "eps", "lr_decay", "initial_accumulator_value"):
            if name in options and not (_is_number(options[name]) and options[name] >= 0):
                raise ValueError(f"{what}: {name} must be >= 0, not {options[name]!r}")
        if "betas" in options and not (isinstance(options["betas"], (tuple, list)) and len(options["betas"]) == 2):
            raise ValueError(f"{what}: betas are two numbers, as (0.9, 0.999), not {options['betas']!r}")
        for beta in options.get("betas", (options.get("alpha", 0),)):
            if not (_is_number(beta) and 0 <= beta < 1):
                name = "betas" if "betas" in options else "alpha"
                raise ValueError(f"{what}: {name} must be >= 0 and < 1, not {options[name]!r}")

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


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number, np.ndarray, Tensor))


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


def calls(p: Tensor) -> Any:
    """The parameter's backend, for the functions that backends have by name (`backends.base.REQUIRED`)."""
    return p.backend


def kept(p: Tensor, state: dict[str, Any], name: str, value: float = 0.0) -> Any:
    """An array of the state, like the parameter; filled with `value` at first.

    Raises RuntimeError if the parameter has moved or changed its type since.
    """
    array = state.get(name)
    if array is None:
        array = state[name] = calls(p).full(p.shape, value, p.dtype)
    elif not _is_array(p, array) or array.dtype != p.dtype:
        raise RuntimeError(
            f"the optimizer has worked with this parameter as {array.dtype}, which now is {describe(p)} on backend "
            f"{p.backend.name}: make a new optimizer after module.to()"
        )
    return array
