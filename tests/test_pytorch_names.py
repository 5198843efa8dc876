"""PyTorch's most used names: each is there, or is answered with what to write."""

import pytest

import minigrad as mg
from minigrad import nn, optim

# By how often they are found in programs: functions and classes of torch, methods, torch.nn, its functions, optimizers.
PLACES = {
    "torch": """
        tensor zeros cat ones arange randn save load device no_grad float32 Tensor stack from_numpy manual_seed rand
        sum cuda zeros_like long exp mean sqrt where matmul randint max ones_like nn full float64 linspace abs
        is_tensor int64 bmm argmax eye log clamp randperm empty sigmoid softmax norm set_grad_enabled topk mul min
        jit distributed backends compile amp autograd utils optim as_tensor bool float16 bfloat16 int32 uint8 unique
        einsum cos sin tanh pow add mm split chunk squeeze unsqueeze transpose permute flatten reshape gather sort
        argsort cumsum all any isnan isinf isfinite nonzero meshgrid tril triu concat masked_select index_select
        multinomial normal bernoulli rand_like randn_like full_like empty_like div sub dot outer eq ne lt gt le ge
        logical_and logical_or logical_not inference_mode enable_grad Generator get_default_dtype set_default_dtype
        set_default_device set_default_tensor_type set_num_threads set_printoptions FloatTensor LongTensor ByteTensor
        HalfTensor Size dtype half float double int finfo iinfo float_power clip round floor ceil trunc sign var std
        median prod cumprod logsumexp minimum maximum broadcast_to tile repeat_interleave roll flip diag diagonal
        trace inverse det svd pinverse linalg fft special sparse stft complex64 is_floating_point numel equal allclose
        isclose bincount histc bucketize searchsorted quantile kthvalue cdist addmm baddbmm lerp atan2 erf erfinv
        lgamma rsqrt reciprocal log2 log10 log1p expm1 hann_window vmap func hub onnx multiprocessing profiler
        quantization channels_last contiguous_format strided mps xpu use_deterministic_algorithms autocast seed
        cross trapz vander""",
    "tensor": """
        to cuda cpu detach numpy item view size shape reshape float backward grad device long unsqueeze squeeze mean sum
        permute transpose contiguous requires_grad data dtype dim expand repeat max min clone double half int bool t T
        copy_ zero_ fill_ add_ mul_ div_ sub_ clamp clamp_ gather scatter_ scatter scatter_add_ masked_fill masked_fill_
        index_select index_add_ new_zeros new_ones new_full new_tensor new type type_as tolist numel nelement ndimension
        requires_grad_ retain_grad register_hook grad_fn is_leaf is_cuda is_contiguous expand_as view_as chunk split
        unbind topk sort argmax argsort cumsum norm pow sqrt exp log abs sigmoid tanh softmax log_softmax relu bmm mm
        matmul dot eq ne lt gt le ge any all nonzero masked_select flatten narrow select unfold repeat_interleave
        normal_ uniform_ random_ exponential_ bernoulli_ set_ resize_ detach_ squeeze_ unsqueeze_ pin_memory
        share_memory_ storage untyped_storage data_ptr stride element_size is_sparse to_sparse to_dense layout names
        byte char short record_stream mps""",
    "nn": """
        Module Linear Conv2d ReLU Sequential BatchNorm2d Dropout CrossEntropyLoss Parameter Embedding ModuleList LSTM
        functional init MaxPool2d LayerNorm Conv1d Tanh Sigmoid BatchNorm1d MSELoss GRU Softmax LeakyReLU GELU utils
        AvgPool2d AdaptiveAvgPool2d ConvTranspose2d DataParallel parallel BCELoss BCEWithLogitsLoss L1Loss NLLLoss
        KLDivLoss SmoothL1Loss Identity ModuleDict ParameterList Upsample GroupNorm InstanceNorm2d PReLU ELU SiLU
        RNN LSTMCell GRUCell MultiheadAttention TransformerEncoder TransformerEncoderLayer Transformer Flatten
        Unflatten Hardtanh Softplus LogSoftmax CTCLoss HuberLoss TripletMarginLoss CosineSimilarity quantized""",
    "functional": """
        relu softmax cross_entropy log_softmax interpolate dropout pad mse_loss conv2d normalize max_pool2d avg_pool2d
        linear sigmoid tanh nll_loss binary_cross_entropy binary_cross_entropy_with_logits embedding l1_loss
        smooth_l1_loss gelu leaky_relu kl_div one_hot layer_norm adaptive_avg_pool2d grid_sample elu silu softplus
        cosine_similarity logsigmoid batch_norm unfold fold upsample conv1d conv_transpose2d gumbel_softmax
        scaled_dot_product_attention multi_head_attention_forward triplet_margin_loss ctc_loss huber_loss hardtanh
        margin_ranking_loss poisson_nll_loss dropout2d instance_norm group_norm pixel_shuffle max_pool1d relu_ elu_""",
    "optim": """
        Adam SGD lr_scheduler AdamW RMSprop Adagrad Optimizer LBFGS Adadelta Adamax NAdam RAdam Rprop ASGD swa_utils""",
    "schedule": """
        StepLR CosineAnnealingLR ReduceLROnPlateau LambdaLR MultiStepLR ExponentialLR OneCycleLR _LRScheduler CyclicLR
        LRScheduler LinearLR ConstantLR SequentialLR CosineAnnealingWarmRestarts MultiplicativeLR PolynomialLR
        ChainedScheduler""",
    "module": """
        parameters cuda to eval train forward state_dict load_state_dict modules named_parameters children apply cpu
        named_modules zero_grad register_buffer training half float double add_module named_children requires_grad_
        buffers register_forward_hook register_parameter named_buffers register_full_backward_hook device dtype compile
        get_parameter share_memory get_submodule register_state_dict_pre_hook register_load_state_dict_post_hook""",
    "nn.utils": """
        clip_grad_norm_ clip_grad_value_ rnn weight_norm spectral_norm parameters_to_vector vector_to_parameters
        parametrizations remove_weight_norm clip_grad""",
}
OBJECTS = {
    "torch": mg,
    "tensor": mg.ones((2, 2)),
    "nn": nn,
    "functional": mg.functional,
    "optim": optim,
    "schedule": optim.lr_scheduler,
    "module": nn.Linear(1, 1),
    "nn.utils": nn.utils,
}


@pytest.mark.parametrize(
    ("place", "name"), [(place, name) for place, names in PLACES.items() for name in names.split()]
)
def test_a_name_is_there_or_answered(place, name):
    answer = ": write "
    try:
        getattr(OBJECTS[place], name)
    except (AttributeError, ImportError) as error:  # the second, for a type that needs a package
        answer = str(error)
    assert ": write " in answer or "pip install" in answer


@pytest.mark.parametrize("part", ["data", "training", "tools", "models"])
def test_parts_are_found_without_importing_them(part):
    assert getattr(mg, part).__name__ == f"minigrad.{part}"
