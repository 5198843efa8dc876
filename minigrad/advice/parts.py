"""Layers, losses, optimizers and helpers of PyTorch's that are not here, and what to write: tables for `advice`."""

from __future__ import annotations

from .names import NAMES

_CONVOLUTIONS = (
    [f"{name}{n}d" for name in ("Conv", "ConvTranspose", "MaxPool", "AvgPool") for n in (1, 2, 3)]
    + [f"Adaptive{kind}Pool{n}d" for kind in ("Avg", "Max") for n in (1, 2, 3)]
    + ["Upsample", "PixelShuffle", "Unfold", "Fold", "BatchNorm2d", "BatchNorm3d"]
)
_ATTENTION = "Transformer TransformerEncoder TransformerEncoderLayer TransformerDecoder TransformerDecoderLayer".split()
_ACTIVATIONS = "CELU GLU Hardshrink Hardsigmoid Hardswish Mish PReLU ReLU6 Softmin Softshrink Tanhshrink".split()

LAYERS = {
    **dict.fromkeys(_CONVOLUTIONS, "it with PyTorch: minigrad has no convolutions, and nothing else for images"),
    **dict.fromkeys(
        ("MultiheadAttention", *_ATTENTION),
        "attention with nn.Linear and mg.functional.softmax(q @ k.mT / math.sqrt(d), axis=-1) @ v",
    ),
    **{name: f"a function: {NAMES[name.lower()]}" for name in _ACTIVATIONS},
    **dict.fromkeys(
        ("GroupNorm", "InstanceNorm1d", "InstanceNorm2d"),
        "nn.LayerNorm, mg.functional.layer_norm(x.reshape(groups), shape), or nn.BatchNorm1d",
    ),
    "RMSNorm": f"a function: {NAMES['rms_norm']}",
    **dict.fromkeys(
        ("Dropout1d", "Dropout2d", "Dropout3d"),
        "mg.functional.dropout(x, p, training, shared_axes=(-1,)): one mask along these axes",
    ),
    "AlphaDropout": "nn.Dropout(p)",
    "Bilinear": "mg.einsum('bi,kij,bj->bk', x, weight, y)",
    "CosineSimilarity": NAMES["cosine_similarity"],
    "PairwiseDistance": NAMES["pairwise_distance"],
    "Unflatten": NAMES["unflatten"],
    "EmbeddingBag": "nn.Embedding, and a sum or mean of its rows",
    **dict.fromkeys(("LazyLinear", "LazyBatchNorm1d"), "the layer with its sizes: they are not guessed"),
    **dict.fromkeys(("DataParallel", "SyncBatchNorm"), "the module itself: a training runs on one device"),
    **dict.fromkeys(
        "ConstantPad1d ZeroPad1d ZeroPad2d ReflectionPad1d ReplicationPad1d".split(), f"a function: {NAMES['pad']}"
    ),
    "TripletMarginLoss": "mg.relu((a - p).norm(2, axis=-1) - (a - n).norm(2, axis=-1) + margin).mean()",
    "MarginRankingLoss": "mg.relu(-y * (a - b) + margin).mean()",
    "HingeEmbeddingLoss": "mg.where(y == 1, x, mg.relu(margin - x)).mean()",
    "SoftMarginLoss": "mg.softplus(-y * x).mean()",
    "PoissonNLLLoss": "(mg.exp(x) - y * x).mean()",
    "GaussianNLLLoss": "((mg.log(variance) + (x - y) ** 2 / variance) / 2).mean()",
    "RNNBase": "nn.RecurrentStack",
    "parameter": "nn.Parameter",
    "attention": "attention with nn.Linear and mg.functional.softmax(q @ k.mT / math.sqrt(d), axis=-1) @ v",
    "parallel": "the module itself: a training runs on one device",
    **dict.fromkeys(("quantized", "quantizable", "qat", "intrinsic"), "module.half(): nothing is quantised"),
    "modules": "nn itself: nn.Linear and all others are there",
}

OPTIMIZERS = {
    "LBFGS": "optim.Adam, or scipy.optimize.minimize over nn.utils.parameters_to_vector(parameters)",
    **dict.fromkeys("Adamax NAdam RAdam Lion Muon SparseAdam".split(), "optim.Adam or optim.AdamW"),
    **dict.fromkeys("Adadelta Rprop".split(), "optim.RMSprop"),
    "ASGD": "optim.SGD, and a mean of the weights under mg.no_grad()",
    "swa_utils": "copy.deepcopy(module), and q.mul_(0.9).add_(p, alpha=0.1) for its parameters under mg.no_grad()",
}

SCHEDULES = {
    "_LRScheduler": "optim.lr_scheduler.LRScheduler",
    "MultiplicativeLR": "optim.lr_scheduler.LambdaLR(optimizer, factor), of the initial rate",
    "CyclicLR": "optim.lr_scheduler.LambdaLR(optimizer, factor), or OneCycleLR",
}

HELPERS = {
    **dict.fromkeys(("clip_grad", "clip_grads_with_norm_"), "nn.utils.clip_grad_norm_(parameters, max_norm)"),
    "get_total_norm": "nn.utils.clip_grad_norm_(parameters, mg.inf), which gives the norm",
    "convert_parameters": "nn.utils.parameters_to_vector(parameters)",
    "skip_init": "the class itself",
    "stateless": "a function of tensors, or module.load_state_dict(state)",
    "rnn": "minigrad.data.pad(sequences), and lengths= of nn.LSTM and others: they compute no padding",
    **dict.fromkeys(
        "weight_norm spectral_norm remove_weight_norm remove_spectral_norm parametrizations parametrize".split(),
        "a module that computes its weight in forward()",
    ),
}

# PyTorch's functions that are there as layers alone.
FUNCTIONS = {
    name: LAYERS[layer]
    for name, layer in {
        "triplet_margin_loss": "TripletMarginLoss",
        "triplet_margin_with_distance_loss": "TripletMarginLoss",
        "margin_ranking_loss": "MarginRankingLoss",
        "hinge_embedding_loss": "HingeEmbeddingLoss",
        "soft_margin_loss": "SoftMarginLoss",
        "poisson_nll_loss": "PoissonNLLLoss",
        "gaussian_nll_loss": "GaussianNLLLoss",
        "dropout1d": "Dropout1d",
        "dropout2d": "Dropout2d",
        "dropout3d": "Dropout3d",
        "instance_norm": "InstanceNorm1d",
        "bilinear": "Bilinear",
        "embedding_bag": "EmbeddingBag",
        "multi_head_attention_forward": "MultiheadAttention",
    }.items()
}
FUNCTIONS |= {
    "alpha_dropout": "mg.functional.dropout(x, p, training)",
    "feature_alpha_dropout": "mg.functional.dropout(x, p, training)",
    "multilabel_soft_margin_loss": "mg.functional.binary_cross_entropy_with_logits(x, y)",
    "cosine_embedding_loss": f"1 - c where y is 1, mg.relu(c - margin) else, with c = {NAMES['cosine_similarity']}",
    "pdist": NAMES["cdist"],
}

AUTOGRAD = {
    "set_detect_anomaly": "mg.detect_anomaly(), a context manager",
    "functional": NAMES["func"],
}

# A module -> names that people look for in it.
PARTS = {
    "minigrad.nn": LAYERS,
    "minigrad.optim": OPTIMIZERS,
    "minigrad.optim.lr_scheduler": SCHEDULES,
    "minigrad.nn.utils": HELPERS,
    "minigrad.autograd": AUTOGRAD,
    "minigrad.functional": FUNCTIONS,
}

# What to write for any other class of a module.
REST = {
    "minigrad.nn": "a class of your own: class {name}(nn.Module), with a forward()",
    "minigrad.optim": "optim.SGD, Adam, AdamW, RMSprop or Adagrad, or a subclass of optim.Optimizer",
    "minigrad.optim.lr_scheduler": "optim.lr_scheduler.LambdaLR(optimizer, factor), or a subclass of LRScheduler",
}

# A name that somebody looks for in an nn.Module -> what to write.
OF_MODULES = {
    **dict.fromkeys(
        ("register_full_backward_hook", "register_backward_hook", "register_full_backward_pre_hook"),
        "output.register_hook(hook), in a hook that register_forward_hook sets",
    ),
    "compile": "the module itself: nothing is compiled here",
    "device": "next(module.parameters()).backend",
    "dtype": "next(module.parameters()).dtype",
    "fit": "the loop: loss = ...; optimizer.zero_grad(); loss.backward(); optimizer.step()",
    "predict": "module.eval()(x), under mg.no_grad()",
    "summary": "print(module)",
    "numel": "sum(p.size for p in module.parameters())",
    "num_parameters": "sum(p.size for p in module.parameters())",
    "share_memory": "nothing: processes have their own copies of a module",
    "to_empty": "module.to(backend)",
    "type": "module.to(dtype)",
    **dict.fromkeys(
        [f"register_{part}_hook" for part in ("state_dict_pre", "state_dict_post", "load_state_dict_pre")]
        + ["register_load_state_dict_post_hook"],
        "a state_dict() or load_state_dict() of your class, which calls that of super()",
    ),
    "get_extra_state": "register_buffer(name, tensor), for what belongs into the state",
    "set_extra_state": "register_buffer(name, tensor), for what belongs into the state",
    "save": "mg.save(module, path)",
    "load": "module.load_state_dict(mg.load(path))",
    **dict.fromkeys(("xpu", "ipu", "mtia"), "module.to('cupy')"),
}

# A keyword that PyTorch's layers take -> what to write.
FACTORY_KEYWORDS = {
    "dtype": "make the module and convert it: {name}(...).to(dtype)",
    "device": "make the module and move it: {name}(...).to('cupy')",
}
