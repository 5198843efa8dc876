"""What to write instead: answers to names and keywords of PyTorch and NumPy that minigrad calls otherwise.

A missing attribute of a tensor, or of a module that asks, is looked up here, so that the error says more
than that there is none. Nothing of this is on the way of what works.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Container, Mapping
from typing import Any, NoReturn, TypeVar

from .backends.numpy import DIRECT

F = TypeVar("F", bound=Callable[..., Any])

# A name of PyTorch's or NumPy's -> what to write here; x is the tensor.
NAMES = {
    # creation
    "as_tensor": "mg.asarray(data)",
    "from_numpy": "mg.asarray(array), which shares memory, or mg.tensor(array), which copies",
    "array": "mg.tensor(data)",
    "asanyarray": "mg.asarray(data)",
    "Generator": "mg.random.Generator(seed)",
    "rand": "mg.random.uniform((3, 4))",
    "randn": "mg.random.normal((3, 4))",
    "normal": "mg.random.normal(shape, mean=0, std=1)",
    "randint": "mg.random.randint(low, high, shape)",
    "randperm": "mg.random.permutation(n)",
    "rand_like": "mg.random.uniform(x.shape)",
    "randn_like": "mg.random.normal(x.shape)",
    "bernoulli": "mg.random.bernoulli(p, shape)",
    "multinomial": "mg.random.categorical(weights)",
    "new_zeros": "mg.zeros(shape, dtype=x.dtype, backend=x.backend)",
    "new_ones": "mg.ones(shape, dtype=x.dtype, backend=x.backend)",
    "new_empty": "mg.zeros(shape, dtype=x.dtype, backend=x.backend)",
    "new_full": "mg.full(shape, value, dtype=x.dtype, backend=x.backend)",
    "new_tensor": "mg.tensor(data, dtype=x.dtype, backend=x.backend)",
    "logspace": "10 ** mg.linspace(start, stop, num)",
    "identity": "mg.eye(n)",
    **{
        name: f"mg.tensor(data, dtype={dtype!r})"
        for name, dtype in {
            "FloatTensor": "float32",
            "DoubleTensor": "float64",
            "HalfTensor": "float16",
            "LongTensor": "int64",
            "IntTensor": "int32",
            "BoolTensor": "bool",
        }.items()
    },
    # types and devices
    "float": "mg.float32 (or the word 'float32')",
    "double": "mg.float64 (or the word 'float64')",
    "half": "mg.float16 (or the word 'float16')",
    "long": "mg.int64 (or the word 'int64')",
    "int": "mg.int32 (or the word 'int32')",
    "type": "x.dtype, or x.astype(dtype)",
    "type_as": "x.astype(y.dtype)",
    "dtype": "x.dtype, or a type by name: mg.float32, 'float32'",
    "set_default_dtype": "dtype='float64' where tensors are made, or module.to('float64')",
    "get_default_dtype": "mg.dtypes.DEFAULT_FLOAT",
    "set_default_device": "mg.use_backend('cupy')",
    "cuda": "mg.use_backend('cupy') for new tensors, x.to('cupy') for one",
    "device": "mg.use_backend('cupy') for new tensors, x.to('cupy') for one",
    "get_device": "x.backend",
    "is_cuda": "x.backend.place",
    "pin_memory": "x itself: there is no such memory here",
    "is_contiguous": "nothing: how memory is ordered matters to nobody here",
    # autograd
    "Function": "mg.primitive, a decorator that takes the derivative rules",
    "func": "mg.grad(f), mg.value_and_grad(f), mg.vjp(f, x), mg.jacobian(f), mg.hvp(f, x, v)",
    "hessian": "mg.jacobian(mg.grad(f)), or mg.hvp(f, x, v) for a product with it",
    "jvp": "mg.vjp(f, x): there is no forward mode",
    "vmap": "a leading axis: operations broadcast",
    "inference_mode": "mg.no_grad()",
    "set_grad_enabled": "mg.no_grad() or mg.enable_grad()",
    "grad_fn": "x.node",
    "retains_grad": "x.retain_grad()",
    "detach_": "x = x.detach()",
    "checkpoint": "mg.recompute(function, x)",
    "Variable": "mg.tensor(data, requires_grad=True)",
    "register_post_accumulate_grad_hook": "x.register_hook(hook)",
    "compile": "the function itself: nothing is compiled here",
    # element-wise
    "clamp": "mg.clip(x, min, max)",
    "clamp_": "x.clip_(min, max)",
    "clamp_min": "mg.clip(x, min=0)",
    "clamp_max": "mg.clip(x, max=1)",
    "add": "x + y",
    "sub": "x - y",
    "mul": "x * y",
    "div": "x / y",
    "true_divide": "x / y",
    "neg": "-x",
    "rsqrt": "1 / mg.sqrt(x)",
    "cbrt": "mg.sign(x) * mg.abs(x) ** (1 / 3)",
    "eq": "x == y",
    "ne": "x != y",
    "lt": "x < y",
    "le": "x <= y",
    "gt": "x > y",
    "ge": "x >= y",
    "fmax": "mg.maximum(x, y)",
    "fmin": "mg.minimum(x, y)",
    "lerp": "x + weight * (y - x)",
    "addcmul": "x + value * a * b",
    "addcdiv": "x + value * a / b",
    "float_power": "x ** y",
    "exp2": "2 ** x",
    "logit": "mg.log(x / (1 - x))",
    "frac": "x - mg.trunc(x)",
    "deg2rad": "x * (math.pi / 180)",
    "rad2deg": "x * (180 / math.pi)",
    "masked_fill": "mg.where(mask, value, x)",
    "nan_to_num": "mg.where(mg.isnan(x), 0, x)",
    "heaviside": "mg.where(x > 0, 1.0, 0.0)",
    "softmax": "mg.functional.softmax(x, axis=-1)",
    "log_softmax": "mg.functional.log_softmax(x, axis=-1)",
    # reductions
    "cumsum": "mg.cumulative_sum(x, axis=0)",
    "amax": "mg.max(x, axis=0)",
    "amin": "mg.min(x, axis=0)",
    "average": "mg.mean(x), or (weights * x).sum() / weights.sum()",
    "nansum": "mg.where(mg.isnan(x), 0, x).sum()",
    "median": "mg.sort(x)[(x.size - 1) // 2]",
    "var_mean": "x.var(correction=1), x.mean()",
    "std_mean": "x.std(correction=1), x.mean()",
    "aminmax": "x.min(), x.max()",
    # products
    "mm": "x @ y",
    "mv": "x @ y",
    "bmm": "x @ y",
    "dot": "x @ y",
    "inner": "x @ y of two vectors, mg.tensordot(x, y, 1) else",
    "addmm": "bias + x @ y",
    "baddbmm": "bias + x @ y",
    "ger": "mg.outer(x, y)",
    "kron": "mg.einsum('ij,kl->ikjl', x, y).reshape(...)",
    "cdist": "mg.sqrt(((x[:, None] - y[None]) ** 2).sum(axis=-1))",
    # shape
    "cat": "mg.concat(xs, axis=0)",
    "concatenate": "mg.concat(xs, axis=0)",
    "chunk": "mg.split(x, parts, axis=0)",
    "tensor_split": "mg.split(x, sizes, axis=0)",
    "unbind": "mg.unstack(x, axis=0)",
    "expand": "mg.broadcast_to(x, shape)",
    "expand_as": "mg.broadcast_to(x, y.shape)",
    "view_as": "x.reshape(y.shape)",
    "reshape_as": "x.reshape(y.shape)",
    "resize": "x.reshape(shape)",
    "movedim": "mg.moveaxis(x, source, destination)",
    "transpose": "x.transpose(i, j)",
    "adjoint": "x.mT",
    "H": "x.mT",
    "rollaxis": "mg.moveaxis(x, source, destination)",
    "repeat_interleave": "mg.repeat(x, times, axis=0)",
    "rot90": "mg.flip(x.mT, axis=-2)",
    "flipud": "mg.flip(x, axis=0)",
    "fliplr": "mg.flip(x, axis=1)",
    "atleast_1d": "x.reshape(-1)",
    "unfold": "x[index], with an index of windows",
    "narrow": "x[start : start + length]",
    "select": "x[i]",
    # indexing and order
    "gather": "mg.take_along_axis(x, index, axis=0)",
    "index_select": "mg.take(x, index, axis=0)",
    "masked_select": "x[mask]",
    "scatter": "x.at[index].set(values)",
    "scatter_add": "x.at[index].add(values)",
    "index_add": "x.at[index].add(values)",
    "index_copy": "x.at[index].set(values)",
    "index_fill": "x.at[index].set(value)",
    "index_put": "x.at[index].set(values)",
    "put": "x.at[index].set(values)",
    "argwhere": "mg.stack(mg.nonzero(x), axis=1)",
    "msort": "mg.sort(x, axis=0)",
    "bincount": "mg.one_hot(x, n).sum(axis=0)",
    "kthvalue": "mg.sort(x)[k - 1]",
    "mode": "mg.one_hot(x, n).sum(axis=0).argmax()",
    # values out, files
    "array_equal": "np.array_equal(x, y)",
    "is_tensor": "isinstance(x, mg.Tensor)",
    "numel": "x.size",
    "save": "pickle.dump(module.state_dict(), file)",
    "load": "module.load_state_dict(pickle.load(file))",
    "to_numpy": "x.numpy()",
    "values": "x.numpy()",
    "set_printoptions": "np.set_printoptions(precision=4)",
    "astuple": "tuple(x)",
    # random numbers in place
    "normal_": "nn.init.normal_(x, mean, std)",
    "uniform_": "nn.init.uniform_(x, a, b)",
    # whole packages
    "utils": "minigrad.data for batches, nn.utils for modules",
    "distributions": "mg.random",
    "seed": "mg.manual_seed(seed)",
    "initial_seed": "mg.manual_seed(seed)",
    "amp": "optim.GradScaler, and 16-bit tensors",
}

# NumPy's names of what the array API standard calls otherwise: arcsin, power, absolute, ...
NAMES |= {theirs: f"mg.{ours}(x)" for ours, theirs in DIRECT.items() if theirs != ours and theirs not in NAMES}

# Keywords of PyTorch's or NumPy's -> what to write.
KEYWORDS = {
    "dim": "axis=",
    "dims": "axis=, or axes= of permute_dims",
    "dim0": "the axes by position",
    "dim1": "the axes by position",
    "start_dim": "start_axis=",
    "end_dim": "end_axis=",
    "keepdim": "keepdims=",
    "unbiased": "correction=1 for unbiased=True, correction=0 for unbiased=False",
    "ddof": "correction=",
    "diagonal": "k=",
    "input": "the tensor as first argument",
    "other": "the second tensor as second argument",
    "tensors": "the list of tensors as first argument",
    "index": "the indices by position",
    "out": "y = ...: results are new tensors",
    "decimals": "round(x, decimals)",
    "sections": "parts=",
    "chunks": "parts=",
    "split_size": "a list of sizes: here a number counts the pieces",
    "pad_width": "widths=",
    "constant_values": "value=",
    "shifts": "shift=",
    "kind": "nothing: sorting is stable",
    "order": "nothing: elements are read row by row",
    "outputs": "mg.differentiate(outputs, inputs)",
    "inputs": "mg.differentiate(outputs, inputs)",
    "grad_outputs": "mg.differentiate(outputs, inputs, gradient)",
    "initial": "mg.maximum(x.max(), initial), or x.sum() + initial",
}


class Answers:
    """The errors for names that do not exist, with advice.

    Args:
        tensor: the class of tensors.
        public: the names of the module minigrad.
        functional: those of minigrad.functional.
    """

    def __init__(self, tensor: type, public: Mapping[str, Any], functional: Container[str]) -> None:
        self._tensor, self._public, self._functional = tensor, public, functional

    def instead_of(self, name: str) -> str | None:
        """What to write in place of the name, as code with a few words; None if there is no advice."""
        if name in NAMES:
            return NAMES[name]
        base = name[:-1]
        if name.endswith("_") and not base.endswith("_") and (hasattr(self._tensor, base) or base in NAMES):
            new = f"x.{base}(...)" if hasattr(self._tensor, base) else NAMES[base]
            return f"y = {new} for a new tensor; a parameter: with mg.no_grad(): x.copy_({new})"
        if name.startswith("_"):
            return None
        if hasattr(self._tensor, name):
            return f"x.{name}(...), a method"
        if callable(self._public.get(name)):
            return f"mg.{name}(x, ...), a function"
        return f"mg.functional.{name}(x, ...)" if name in self._functional else None

    def for_tensor(self, x: Any, name: str) -> NoReturn:
        """Raise the AttributeError of a tensor for a name that it does not have."""
        raise AttributeError(self._text(f"{type(x).__name__!r} object", name), name=name, obj=x)

    def for_module(self, module: str, name: str) -> NoReturn:
        """Raise the AttributeError of a module for a name that it does not have."""
        raise AttributeError(self._text(f"module {module!r}", name), name=name, obj=sys.modules[module])

    def _text(self, what: str, name: str) -> str:
        advice = None if name.startswith("__") else self.instead_of(name)
        return f"{what} has no attribute {name!r}" + ("" if advice is None else f": write {advice}")


def with_keywords(function: F) -> F:
    """`function`, whose error for a keyword of PyTorch's or NumPy's says how it is called here."""
    known = inspect.signature(function).parameters

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError:
            for name in kwargs:  # the first that is not known
                if name in KEYWORDS and name not in known:
                    raise TypeError(f"{function.__name__}() has no {name}=: write {KEYWORDS[name]}") from None
            raise

    return called  # type: ignore[return-value]
