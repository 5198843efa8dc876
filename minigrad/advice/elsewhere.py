"""What minigrad has not at all, and where it is found or what does without it: a table for `names`."""

from __future__ import annotations

# Factorisations by other names than NumPy's, and by its own.
LINALG = {"inverse": "inv", "pinverse": "pinv", "logdet": "slogdet", "symeig": "eigh"}
LINALG |= {name: name for name in "det slogdet svd qr eig eigh eigvals cholesky solve lstsq matrix_power".split()}
CONVOLUTIONS = (
    "interpolate grid_sample affine_grid upsample upsample_nearest upsample_bilinear pixel_shuffle pixel_unshuffle "
    "channel_shuffle fold local_response_norm".split()
    + [f"{name}{n}d" for name in ("conv", "conv_transpose", "max_pool", "avg_pool", "lp_pool") for n in (1, 2, 3)]
    + [f"{name}{n}d" for name in ("adaptive_avg_pool", "adaptive_max_pool", "max_unpool") for n in (1, 2, 3)]
)
SCIPY = "gammaln polygamma i0 i1".split()  # functions of scipy.special's by their names there
LAYOUT = "memory_format strided channels_last contiguous_format preserve_format".split()
COMPLEX = "complex64 complex128 cfloat cdouble is_complex polar view_as_complex view_as_real angle".split()

# A name of PyTorch's or NumPy's -> what to write here; x is the tensor.
ELSEWHERE = {
    **dict.fromkeys(LAYOUT, "nothing: how memory is ordered matters to nobody here"),
    **{
        name: f"np.linalg.{theirs}(array) with NumPy: minigrad factorises no matrices"
        for name, theirs in LINALG.items()
    },
    "lu": "scipy.linalg.lu(array) with SciPy: minigrad factorises no matrices",
    **dict.fromkeys(CONVOLUTIONS, "it with PyTorch: minigrad has no convolutions"),
    "fft": "np.fft.fft(array) with NumPy: minigrad has no complex numbers",
    **dict.fromkeys(COMPLEX, "mg.float32: minigrad has no complex numbers"),
    "mH": "x.mT: minigrad has no complex numbers",
    **dict.fromkeys(("is_sparse", "to_sparse", "to_dense"), "x.at[index].set(values): there are no sparse tensors"),
    **{name: f"scipy.special.{name}(x.numpy()) with SciPy: it has no derivative here" for name in SCIPY},
    "vander": "x[:, None] ** mg.arange(n - 1, -1, -1)",
    "hann_window": "0.5 - 0.5 * mg.cos(2 * mg.pi * mg.arange(n) / n)",
    "stft": "minigrad.data.log_mel(samples, rate), or scipy.signal.stft",
    "onnx": "mg.save(module, path): a safetensors file of the weights",
    "hub": "mg.load(path), of a safetensors file",
    "multiprocessing": "multiprocessing, Python's own",
    "profiler": "with mg.Tape() as tape: ..., and print(tape)",
    "quantization": "x.half(), module.half(): nothing is quantised",
    "autocast": "x.half(), module.half() and optim.GradScaler",
    "record_stream": "nothing: memory is kept as long as it is used",
    "share_memory_": "nothing: processes have their own copies of a tensor",
    "set_": "x.copy_(values)",
    **dict.fromkeys(("exponential_", "geometric_", "cauchy_", "log_normal_"), "x.copy_(values), drawn with NumPy"),
}
