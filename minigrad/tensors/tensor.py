"""Tensor: an array that remembers how it was computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import dtypes
from ..advice.missing import TensorType
from ..backends import Backend, default_backend, get_backend, is_backend_name
from ..engine.gradient import TensorHook, collect, gradient_for, gradients, retain, transfer
from ..engine.operands import allowed, raw_index, to_array
from ..engine.record import apply
from ..engine.recorded import Recorded, describe, wrap
from ..engine.scope import MODE
from ..engine.tape import GraphError, Handle, Leaf, hooks_of
from ..engine.version import OF_GRADIENT, SEALED, Version
from ..primitives import Primitive, elementwise, indexing, shaping
from .array_api import Exchanged
from .builtin import Builtins, Size
from .changes import Changes, attach
from .copies import Copies


class Tensor(Builtins, Exchanged, Changes, Copies, metaclass=TensorType):
    """An n-dimensional array that remembers how it was computed.

    Create one with `minigrad.tensor`, `zeros`, `random.normal` and so on. Operators and functions on tensors record
    what they do as soon as an input requires gradients; `backward` then computes them.

    Attributes:
        array: the backend's array. Read it, do not write to it.
        node: the tape's record of how it was made; None if it requires no gradient.
        backend: where it lives.
    """

    __slots__ = ("__weakref__", "_asleep")  # _asleep: its leaf, while a tensor that had one requires no gradients

    _asleep: Leaf

    if TYPE_CHECKING:  # the methods that `minigrad.ops` attaches

        def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False, backend: Any = None) -> None:
        self.backend = default_backend() if backend is None else get_backend(backend)
        self.array = to_array(data, dtype, self.backend, copy=True)
        self.version = Version()
        self.node = None
        if requires_grad:
            self.requires_grad_()

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self.array.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    @property
    def size(self) -> Size:
        """The number of elements; `x.size()` is the shape, and `x.size(i)` the size of an axis, as in PyTorch."""
        return Size(self.array.size, self.array.shape)

    @property
    def dtype(self) -> np.dtype:
        """The type of the elements."""
        return self.array.dtype

    @property
    def nbytes(self) -> int:
        """The memory of the elements, in bytes."""
        return int(self.array.nbytes)

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix. Raises ValueError unless there are two axes (use `mT` or `permute_dims`)."""
        if self.ndim != 2:
            raise ValueError(f"T is for matrices, this tensor has shape {self.shape}; use mT or permute_dims")
        return apply(shaping.permute_dims, (self,), {"axes": (1, 0)})

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped: a stack of transposed matrices."""
        n = self.ndim
        if n < 2:
            raise ValueError(f"mT needs at least two axes, this tensor has shape {self.shape}")
        return apply(shaping.permute_dims, (self,), {"axes": (*range(n - 2), n - 1, n - 2)})

    def __dir__(self) -> list[str]:
        return dir(type(self))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a tensor without axes has no length")
        return self.shape[0]

    # --- values out ---------------------------------------------------------------------------------------------------

    def numpy(self) -> np.ndarray:
        """The values as a read-only NumPy array: a view where the memory is the host's, a copy from a GPU.

        Copy it to change it. Raises GraphError if gradients are recorded for this tensor: detach() first.
        """
        if self.node is not None and MODE.get().recording:
            raise GraphError("this tensor requires gradients, which NumPy would lose: use .detach().numpy()")
        return self._host()

    def _host(self) -> np.ndarray:
        view = self.backend.to_numpy(self.array).view()
        view.flags.writeable = False
        return view

    def item(self) -> float | int | bool:
        """The only element, as a Python number. Raises ValueError if there are more or fewer."""
        if self.size != 1:
            raise ValueError(f"item() needs exactly one element, this tensor has shape {self.shape}")
        return self.backend.to_numpy(self.array).item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.backend.to_numpy(self.array).tolist()

    __float__ = lambda self: float(self.item())
    __int__ = lambda self: int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.size != 1:
            raise TypeError(f"only an integer tensor with one element can be an index, not {self.dtype}{self.shape}")
        return int(self.item())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.backend.array_type is not np.ndarray:
            raise TypeError(
                f"a tensor of backend {self.backend.name} does not become a NumPy array by itself: .numpy()"
            )
        values = self.numpy()
        if dtype is not None and np.dtype(dtype) != values.dtype:
            if copy is False:
                raise ValueError(f"cannot give {values.dtype} as {dtype} without a copy")
            return values.astype(dtype)
        return values.copy() if copy else values

    # --- gradients ----------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded. Assigning does what `requires_grad_` does."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"requires_grad is True or False, not {value!r}")
        self.requires_grad_(bool(value))

    @property
    def is_leaf(self) -> bool:
        """Whether it was created rather than computed from tensors that require gradients."""
        return self.node is None or self.node.primitive is None

    @property
    def _collector(self) -> Any:
        """The node that has the gradient, also while none is asked for; None if there was none ever."""
        return self.node or getattr(self, "_asleep", None)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` collected here; None before. Set it to None to start afresh.

        What is assigned has the shape, the dtype and the backend of the tensor; the values of a NumPy array are copied.
        """
        node = self._collector
        g = None if node is None else node.grad
        if g is not None and g.version is None:
            g.version = OF_GRADIENT
        return g

    @grad.setter
    def grad(self, value: Any) -> None:
        node = self._collector
        if value is not None:
            if node is None:
                raise GraphError(f"{describe(self)} does not require gradients: call requires_grad_() first")
            value = gradient_for(self, value)
        if node is not None:
            node.grad = value

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients of this leaf (or stop asking), and return it. The gradient that it has so far stays.

        Raises TypeError for integers and truth values, GraphError for a tensor that was computed.
        """
        if not self.is_leaf:
            raise GraphError("this tensor was computed from others and always requires gradients: detach() it first")
        if not requires_grad:
            if isinstance(self.node, Leaf):
                self._asleep, self.node = self.node, None
        elif self.node is None:
            if not dtypes.is_float(self.dtype):
                raise TypeError(f"only floating-point tensors have gradients, not {self.dtype}")
            v = self.version
            if v in (None, OF_GRADIENT, SEALED) or v.foreign:  # others may read or write this, and a leaf may change
                self.array, self.version = self.backend.copy(self.array), Version()
            leaf = getattr(self, "_asleep", None)  # the one that it had before, with its name and hooks
            if leaf is None:
                leaf = Leaf(self.backend, self.shape, self.dtype)
            leaf.version = self.version
            self.node = leaf
        return self

    def _move(self, target: Any) -> None:
        """Become what `to` gives, in place. A leaf keeps its name and its hooks, and moves its gradient."""
        moved = self.detach().to(target)
        if moved.array is self.array and moved.backend is self.backend:
            return
        awake, grad = self.node is not None, self.grad
        leaf = self.node if awake else getattr(self, "_asleep", None)
        self.array, self.backend, self.version = moved.array, moved.backend, moved.version or Version()
        if isinstance(leaf, Leaf):
            self._asleep, self.node = leaf.successor(self.backend, self.dtype, self.version), None
        if awake:
            self.requires_grad_()
        if grad is not None:
            self.grad = grad.detach().to(target)

    def retain_grad(self) -> Tensor:
        """Keep the gradient of this computed tensor in `.grad` after backward, and return the tensor."""
        if self.node is None:
            raise GraphError("this tensor does not require gradients")
        if not self.is_leaf:
            hooks_of(self.node).add_last(retain)
        return self

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Handle:
        """Call `hook(gradient)` when backward has this tensor's gradient; a returned tensor replaces it.

        So do changes of it in place: `lambda g: g.clip_(-1, 1)`.

        Hooks of a leaf stay when it moves to another backend or dtype with its module, and when it stops requiring
        gradients for a while. Returns a handle, whose `remove()` takes the hook away again.

        Raises TypeError, ValueError or BackendError in backward if what the hook returns is no tensor of the gradient's
        shape, dtype and backend.
        """
        if self.node is None:
            raise GraphError("this tensor does not require gradients")
        return self.node.add_hook(TensorHook(hook))

    def detach(self) -> Tensor:
        """The same values, in the same memory, as a tensor without history."""
        return wrap(self.array, self.backend, None, self.version)

    def backward(self, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Add the gradient of this tensor, for every leaf it was computed from, to the leaf's `.grad`.

        Args:
            gradient: where to start: the gradient of some scalar with respect to this tensor. May be left out for a
                tensor with one element, where it is 1.
            retain_graph: keep what is saved, so that backward can run again.
            create_graph: record the backward pass, so that the gradients can be differentiated (keeps the graph).

        Raises:
            GraphError: nothing was recorded, the graph was freed, or an array in it was changed in place.
            ValueError: `gradient` is missing for several elements, or its shape is wrong.
        """
        found = gradients([self], [gradient], retain_graph or create_graph, create_graph)
        for leaf, g in found.items():
            collect(leaf, g)

    # --- moving and converting ----------------------------------------------------------------------------------------

    def to(self, *targets: Any, device: Any = None, dtype: Any = None) -> Tensor:
        """This tensor on another backend (a name or a Backend) or with another dtype, or both. Differentiable.

        A target may also be a tensor, whose backend and dtype are meant. The only way between host and GPU, with
        `numpy()` and `item()`. Returns the tensor itself if nothing changes.
        """
        x = self
        for target in (*targets, *(named for named in (device, dtype) if named is not None)):
            if isinstance(target, Tensor):
                x = x.to(target.backend, target.dtype)
            elif isinstance(target, Backend) or is_backend_name(target):
                backend = get_backend(target)
                x = x if backend is x.backend else transfer(x, backend)
            else:
                x = x.astype(target)
        return x

    def astype(self, dtype: Any) -> Tensor:
        """The values converted to `dtype`; the same tensor if it has it already. Differentiable between floats."""
        kind = allowed(dtypes.check(dtype), self.backend)
        if kind == self.dtype:
            return self
        if not dtypes.is_float(kind):
            return wrap(self.backend.astype(self.array, dtype=kind), self.backend)
        return apply(elementwise.astype, (self,), {"dtype": kind})

    # --- indexing -----------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tensor:
        if type(index) is not int:
            index = raw_index(index, self.backend, self.node is not None)
        return apply(indexing.getitem, (self,), {"index": index})

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            "tensors do not change in place, because backward may need the old values; "
            "use y = x.at[index].set(value) or x.at[index].add(value), or mg.where(mask, value, x); "
            "a part of a parameter: with mg.no_grad(): p.copy_(p.at[index].set(value))"
        )

    def __delitem__(self, index: Any) -> NoReturn:
        raise TypeError("tensors do not change in place; use indexing or concat to build a new one")

    @property
    def at(self) -> _At:
        """Functional updates: `x.at[index].set(y)` and `x.at[index].add(y)` return new tensors."""
        return _At(self)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("a tensor without axes cannot be iterated over")
        return (apply(indexing.getitem, (self,), {"index": i}) for i in range(self.shape[0]))


Recorded.result_type = Tensor


class Parameter(Tensor):
    """A leaf that a module owns and an optimizer trains: it requires gradients from the start."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, dtype: Any = None, backend: Any = None) -> None:
        super().__init__(data, dtype, requires_grad, backend)


attach(Tensor, Parameter)


class _At:
    """What `x.at` returns: an index in brackets comes next, then the update."""

    def __init__(self, x: Tensor, index: Any = None) -> None:
        self._x, self._index = x, index

    def __getitem__(self, index: Any) -> _At:
        return _At(self._x, raw_index(index, self._x.backend))

    def set(self, values: Any) -> Tensor:
        """x with `values` (broadcast) in place of x[index]; of repeated positions the last one stays."""
        return self._update(indexing.index_set, values)

    def add(self, values: Any) -> Tensor:
        """x with `values` (broadcast) added to x[index]; repeated positions add up."""
        return self._update(indexing.index_add, values)

    def _update(self, row: Primitive, values: Any) -> Tensor:
        x, index = self._x, self._index
        if not isinstance(values, Recorded):
            weak = (float, int) if dtypes.is_float(x.dtype) else int if x.dtype.kind in "iu" else bool
            values = wrap(to_array(values, x.dtype if isinstance(values, weak) else None, x.backend), x.backend)
        shape = x[index].shape
        if values.shape != shape:
            values = apply(shaping.broadcast_to, (values,), {"shape": shape})
        return apply(row, (x, values), {"index": index})
