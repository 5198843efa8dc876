"""Learning rate schedules: agreement with PyTorch, composition, state, and errors."""

import math

import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    InverseSqrtLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def optimizer(*rates):
    return optim.SGD([{"params": [nn.Parameter(mg.ones((1,)))], "lr": lr} for lr in rates or (0.1,)])


def rates(schedule, n):
    found = []
    for _ in range(n):
        found.append(schedule.get_last_lr())
        schedule.step()
    return found


SCHEDULES = {
    "StepLR": (StepLR, {"step_size": 3, "gamma": 0.5}),
    "MultiStepLR": (MultiStepLR, {"milestones": [7, 3, 3], "gamma": 0.5}),
    "ExponentialLR": (ExponentialLR, {"gamma": 0.8}),
    "PolynomialLR": (PolynomialLR, {"total_iters": 6, "power": 2.0}),
    "CosineAnnealingWarmRestarts": (CosineAnnealingWarmRestarts, {"T_0": 3, "T_mult": 2, "eta_min": 0.01}),
    "equal periods": (CosineAnnealingWarmRestarts, {"T_0": 4}),
    "LambdaLR": (LambdaLR, {"lr_lambda": lambda t: 0.9**t}),
    "LinearLR": (LinearLR, {"start_factor": 0.1, "total_iters": 4}),
    "CosineAnnealingLR": (CosineAnnealingLR, {"T_max": 8, "eta_min": 0.01}),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    make, options = SCHEDULES[name]
    theirs = torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in (0.1, 1.0)])
    reference = getattr(torch.optim.lr_scheduler, make.__name__)(theirs, **options)
    expected = []
    for _ in range(20):
        expected.append(reference.get_last_lr())
        theirs.step()
        reference.step()
    found = rates(make(optimizer(0.1, 1.0), **options), 20)
    for ours, reference_rates in zip(found, expected, strict=True):
        assert ours == pytest.approx(reference_rates, rel=1e-9, abs=1e-12)


def test_warm_up_and_decay_one_after_the_other():
    o = optimizer(1.0)
    warmup, decay = LinearLR(o, 0.25, total_iters=3), CosineAnnealingLR(o, T_max=4)
    schedule = SequentialLR(o, [warmup, decay], milestones=[3])
    found = [r for (r,) in rates(schedule, 8)]
    cosine = [(1 + math.cos(math.pi * t / 4)) / 2 for t in range(5)]
    assert found == pytest.approx([0.25, 0.5, 0.75, *cosine])
    assert o.param_groups[0]["lr"] == schedule.get_last_lr()[0]


def test_the_inverse_square_root_after_a_warm_up():
    """The formula of Vaswani et al., d^-0.5 min(n^-0.5, n w^-1.5), by its highest value, which is that of step w."""
    found = [r for (r,) in rates(InverseSqrtLR(optimizer(2.0), warmup=4), 20)]
    formula = [min(n**-0.5, n * 4**-1.5) for n in range(1, 21)]
    assert found == pytest.approx([2.0 * f / formula[3] for f in formula])


def test_the_rate_is_what_the_optimizer_uses():
    w = nn.Parameter(mg.zeros((1,)))
    o = optim.SGD([w], lr=1.0)
    schedule = StepLR(o, 1, gamma=0.1)
    for _ in range(3):
        w.grad = mg.ones((1,))
        o.step()
        schedule.step()
    assert w.item() == pytest.approx(-1.11)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_resume(name):
    make, options = SCHEDULES[name]
    o = optimizer(0.1, 1.0)
    schedule = make(o, **options)
    rates(schedule, 5)
    state, training = schedule.state_dict(), o.state_dict()
    expected = rates(schedule, 5)

    second = optimizer(7.0, 7.0)
    second.load_state_dict(training)
    resumed = make(second, **options)
    resumed.load_state_dict(state)
    assert rates(resumed, 5) == expected
    with pytest.raises(ValueError, match="1 groups here, 2 in the given state"):
        make(optimizer(), **options).load_state_dict(state)


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"mode": "max", "patience": 1, "factor": 0.5},
        {"patience": 0, "cooldown": 2, "min_lr": 0.01},
        {"threshold": 0.5, "threshold_mode": "abs", "patience": 1},
        {"mode": "max", "threshold": 0.1, "threshold_mode": "abs", "patience": 1, "eps": 0.05},
    ],
)
def test_plateaus_are_pytorchs(options):
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    o = optimizer(0.1)
    schedule = ReduceLROnPlateau(o, **options)
    metrics = [
        3.0,
        2.0,
        2.0,
        2.0,
        1.9,
        1.9,
        1.9,
        math.nan,
        1.9,
        2.5,
        2.0,
        2.0,
        0.5,
        0.5,
        0.5,
        0.5,
        0.5,
        -1.0,
        -1.0,
        -1.0,
    ]
    for i, metric in enumerate(metrics):
        reference.step(metric)
        schedule.step(metric)
        if i == 9:  # in the middle, go on from the stored state
            state, schedule = schedule.state_dict(), ReduceLROnPlateau(o, **options)
            schedule.load_state_dict(state)
        assert schedule.get_last_lr()[0] == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12), i


def test_a_plateau_takes_a_tensor():
    schedule = ReduceLROnPlateau(optimizer(1.0), patience=0)
    for _ in range(2):
        schedule.step(mg.tensor(1.0))
    assert schedule.get_last_lr() == pytest.approx([0.1])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: StepLR(o, 0), ValueError, "step_size must be >= 1, not 0"),
        (lambda o: CosineAnnealingLR(o, 0), ValueError, "T_max must be >= 1"),
        (lambda o: CosineAnnealingWarmRestarts(o, 4, 0), ValueError, "T_mult must be >= 1, not 0"),
        (lambda o: PolynomialLR(o, 0), ValueError, "total_iters must be >= 1"),
        (lambda o: InverseSqrtLR(o, 0), ValueError, "warmup must be >= 1"),
        (lambda o: LinearLR(o, 0.0), ValueError, "factors are between 0 and 1"),
        (lambda o: LambdaLR(o, [abs, abs]), ValueError, "2 functions for 1 groups"),
        (lambda o: StepLR(3, 1), TypeError, "StepLR schedules an Optimizer, not a int"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), ValueError, "1 schedules need 0 milestones"),
        (lambda o: SequentialLR(o, [StepLR(optimizer(), 1)], []), ValueError, "same optimizer"),
        (lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []), TypeError, "time alone, not ReduceLROnPlateau"),
        (lambda o: ReduceLROnPlateau(o, mode="low"), ValueError, "'min' or 'max', not 'low'"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "'rel' or 'abs', not 'x'"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "factor must be below 1"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1, 0.1]), ValueError, "2 values of min_lr for 1 groups"),
    ],
)
def test_bad_settings(make, error, message):
    with pytest.raises(error, match=message):
        make(optimizer())
