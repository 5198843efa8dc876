"""Learning rate schedules: agreement with PyTorch, composition, state, and errors."""

import math

import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    InverseSqrtLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def optimizer(*rates):
    return optim.SGD([{"params": [nn.Parameter(mg.ones((1,)))], "lr": lr} for lr in rates or (0.1,)])


def torch_optimizer(*rates):
    torch = pytest.importorskip("torch")
    return torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in rates or (0.1,)])


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
    "ConstantLR": (ConstantLR, {"factor": 0.5, "total_iters": 4}),
    "OneCycleLR": (OneCycleLR, {"max_lr": 0.5, "total_steps": 20}),
    "one cycle of each": (OneCycleLR, {"max_lr": [0.5, 2.0], "epochs": 4, "steps_per_epoch": 6, "div_factor": 10.0}),
    "one cycle in lines": (
        OneCycleLR,
        {"max_lr": 0.5, "total_steps": 21, "anneal_strategy": "linear", "three_phase": True, "pct_start": 0.4},
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    make, options = SCHEDULES[name]
    theirs = torch_optimizer(0.1, 1.0)
    reference = getattr(torch.optim.lr_scheduler, make.__name__)(theirs, **options)
    expected = []
    for _ in range(20):
        expected.append([(group["lr"], group["momentum"]) for group in theirs.param_groups])
        theirs.step()
        reference.step()
    o = optimizer(0.1, 1.0)
    schedule = make(o, **options)
    for wanted in expected:
        for group, pair in zip(o.param_groups, wanted, strict=True):
            assert (group["lr"], group["momentum"]) == pytest.approx(pair, rel=1e-9, abs=1e-12)
        schedule.step()


# Those that go on from the rate before, in PyTorch too: its LambdaLR and warm restarts fail when a group has come.
CONTINUED = "StepLR MultiStepLR ExponentialLR PolynomialLR LinearLR CosineAnnealingLR ConstantLR".split()


@pytest.mark.parametrize("name", CONTINUED)
@pytest.mark.parametrize("joined", [0, 2])
def test_a_group_that_comes_later_goes_pytorchs_way(name, joined):
    """Its rate goes on from what it is given."""
    torch = pytest.importorskip("torch")
    make, options = SCHEDULES[name]
    o, theirs = optimizer(0.1), torch_optimizer(0.1)
    schedule, reference = make(o, **options), getattr(torch.optim.lr_scheduler, make.__name__)(theirs, **options)
    for t in range(7):
        if t == joined:
            o.add_param_group({"params": [nn.Parameter(mg.ones((1,)))], "lr": 0.03})
            theirs.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "lr": 0.03})
        theirs.step()
        reference.step()
        schedule.step()
        if t >= joined:
            assert schedule.get_last_lr() == pytest.approx([g["lr"] for g in theirs.param_groups], rel=1e-9), t
    assert schedule.get_last_lr()[1] != 0.03


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda o: LambdaLR(o, lambda t: 0.9**t), [0.03, 0.027, 0.0243]),
        (lambda o: CosineAnnealingWarmRestarts(o, 4), [0.03, 0.03 * (1 - 0.5**0.5), 0.06]),
        (lambda o: SequentialLR(o, [ConstantLR(o, 1.0), ExponentialLR(o, 0.5)], [3]), [0.03, 0.03, 0.015]),
        (lambda o: OneCycleLR(o, 0.1, 12, pct_start=0.25, anneal_strategy="linear"), [0.03, 8 / 90 + 4e-7 / 9, 7 / 90]),
    ],
)
def test_a_group_that_comes_after_two_steps(make, wanted):
    o = optimizer(0.1)
    schedule = make(o)
    rates(schedule, 2)
    o.add_param_group({"params": [nn.Parameter(mg.ones((1,)))], "lr": 0.03})
    assert [pair[1] for pair in rates(schedule, 3)] == pytest.approx(wanted, rel=1e-4)


def test_a_group_that_comes_later_and_says_its_initial_rate():
    o = optimizer(1.0)
    schedule = ExponentialLR(o, 0.5)
    schedule.step()
    o.add_param_group({"params": [nn.Parameter(mg.ones((1,)))], "initial_lr": 4.0})
    schedule.step()
    assert schedule.get_last_lr() == [0.25, 1.0]


def test_a_group_that_comes_while_the_rate_is_0():
    o = optimizer(1.0)
    schedule = LambdaLR(o, lambda t: t / 10)
    o.add_param_group({"params": [nn.Parameter(mg.ones((1,)))], "lr": 2.0})
    schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.1, 0.2])


def test_a_group_that_comes_later_is_stored():
    one, two = optimizer(1.0), optimizer(1.0)
    schedules = [StepLR(o, 1, 0.5) for o in (one, two)]
    schedules[0].step()
    for o in (one, two):
        o.add_param_group({"params": [nn.Parameter(mg.ones((1,)))], "lr": 3.0})
    schedules[1].load_state_dict(schedules[0].state_dict())
    assert schedules[1].get_last_lr() == [0.5, 3.0]
    assert rates(schedules[1], 3) == rates(schedules[0], 3)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: LambdaLR(o, [lambda t: 0.5]),
        lambda o: OneCycleLR(o, [0.5], 10),
        lambda o: ReduceLROnPlateau(o, min_lr=[0.0], patience=0),
    ],
)
def test_a_list_of_settings_lacks_one_for_a_group_that_comes_later(make):
    o = optimizer()
    schedule = make(o)
    o.add_param_group({"params": [nn.Parameter(mg.ones((1,)))]})
    step = schedule.step if isinstance(schedule, optim.lr_scheduler.LRScheduler) else lambda: schedule.step(1.0)
    with pytest.raises(ValueError, match="the optimizer has a group 1 since: append a value"):
        [step() for _ in range(3)]


def test_a_plateau_lowers_the_rates_of_groups_that_come_later():
    o = optimizer(1.0)
    schedule = ReduceLROnPlateau(o, patience=0, min_lr=0.05)
    o.add_param_group({"params": [nn.Parameter(mg.ones((1,)))], "lr": 0.2})
    for _ in range(2):
        schedule.step(1.0)
    assert schedule.get_last_lr() == pytest.approx([0.1, 0.05])


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "LambdaLR"])
def test_going_on_after_an_epoch_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    make, options = SCHEDULES[name]
    o, theirs = optimizer(0.1, 1.0), torch_optimizer(0.1, 1.0)
    rates(make(o, **options), 5)
    reference = getattr(torch.optim.lr_scheduler, make.__name__)(theirs, **options)
    for _ in range(5):
        theirs.step()
        reference.step()
    reference = getattr(torch.optim.lr_scheduler, make.__name__)(theirs, **options, last_epoch=4)
    schedule = make(o, **options, last_epoch=4)
    assert schedule.last_epoch == reference.last_epoch == 5
    assert schedule.get_last_lr() == pytest.approx(make_rates(make, options, 5), rel=1e-9)
    with pytest.raises(ValueError, match="group 0 of the optimizer has no 'initial_lr', which going on after step 4"):
        make(optimizer(0.1, 1.0), **options, last_epoch=4)


def make_rates(make, options, t):
    """The rates after t steps."""
    return rates(make(optimizer(0.1, 1.0), **options), t + 1)[-1]


@pytest.mark.parametrize(
    "parts",
    [
        lambda m, o: [m.ConstantLR(o, 0.1, total_iters=4), m.ExponentialLR(o, 0.9)],
        lambda m, o: [m.LinearLR(o, 0.5, total_iters=3), m.StepLR(o, 4, 0.5), m.CosineAnnealingLR(o, 30)],
    ],
)
def test_schedules_at_once_are_pytorchs(parts):
    torch = pytest.importorskip("torch")
    o, theirs = optimizer(0.1, 1.0), torch_optimizer(0.1, 1.0)
    schedule = ChainedScheduler(parts(optim.lr_scheduler, o))
    reference = torch.optim.lr_scheduler.ChainedScheduler(parts(torch.optim.lr_scheduler, theirs))
    for _ in range(12):
        assert schedule.get_last_lr() == pytest.approx(reference.get_last_lr(), rel=1e-9)
        theirs.step()
        reference.step()
        schedule.step()


def test_one_cycle_moves_the_first_beta():
    o = optim.Adam([nn.Parameter(mg.ones((1,)))])
    schedule = OneCycleLR(o, 0.1, total_steps=10)
    assert o.param_groups[0]["betas"] == pytest.approx((0.95, 0.999))
    rates(schedule, 2)
    assert o.param_groups[0]["betas"] == pytest.approx((0.85, 0.999))
    rates(schedule, 8)
    with pytest.raises(ValueError, match="step 11 is beyond the cycle of 10 steps"):
        schedule.step()


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
    options = {**options, "max_lr": 0.5} if "max_lr" in options else options
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
        0.4999,
        0.49985,
        math.inf,
    ]
    for i, metric in enumerate(metrics):
        reference.step(metric)
        schedule.step(metric)
        if i == 9:  # in the middle, go on from the stored state
            state, schedule = schedule.state_dict(), ReduceLROnPlateau(o, **options)
            schedule.load_state_dict(state)
        assert schedule.get_last_lr()[0] == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12), i


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("level", [-1.0, -50.0, 0.0, 50.0, math.inf, -math.inf, math.nan])
def test_a_metric_that_stands_still_lowers_the_rate(mode, threshold_mode, level):
    """Also below 0, where PyTorch's bar lies on the wrong side of the best value."""
    schedule = ReduceLROnPlateau(optimizer(1.0), mode, patience=1, threshold_mode=threshold_mode)
    for _ in range(3):
        schedule.step(level)
    assert schedule.get_last_lr() == pytest.approx([0.1])


@pytest.mark.parametrize(("mode", "sign"), [("min", -1), ("max", 1)])
@pytest.mark.parametrize("level", [-100.0, 100.0])
def test_what_improves_a_metric_of_either_sign(mode, sign, level):
    schedule = ReduceLROnPlateau(optimizer(1.0), mode, threshold=0.1)
    schedule.step(level)
    schedule.step(level + 9.9 * sign)
    assert schedule.best == level
    schedule.step(level + 10.1 * sign)
    assert schedule.best == level + 10.1 * sign


def test_a_plateau_takes_a_tensor():
    schedule = ReduceLROnPlateau(optimizer(1.0), patience=0)
    for _ in range(2):
        schedule.step(mg.tensor(1.0))
    assert schedule.get_last_lr() == pytest.approx([0.1])


def params(o):
    return o.param_groups[0]["params"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: StepLR(o, 0), ValueError, "step_size must be >= 1, not 0"),
        (lambda o: CosineAnnealingLR(o, 0), ValueError, "T_max must be >= 1"),
        (lambda o: CosineAnnealingWarmRestarts(o, 4, 0), ValueError, "T_mult must be >= 1, not 0"),
        (lambda o: PolynomialLR(o, 0), ValueError, "total_iters must be >= 1"),
        (lambda o: InverseSqrtLR(o, 0), ValueError, "warmup must be >= 1"),
        (lambda o: LinearLR(o, 0.0), ValueError, "factors are between 0 and 1"),
        (lambda o: LambdaLR(o, [abs, abs]), ValueError, "2 values for 1 groups"),
        (lambda o: ConstantLR(o, 2.0), ValueError, "factor is between 0 and 1"),
        (lambda o: OneCycleLR(o, 1.0), ValueError, "needs total_steps, or both epochs and steps_per_epoch"),
        (lambda o: OneCycleLR(o, 1.0, 10, pct_start=2), ValueError, "pct_start is between 0 and 1"),
        (lambda o: OneCycleLR(o, 1.0, 10, anneal_strategy="x"), ValueError, "'cos' or 'linear', not 'x'"),
        (lambda o: OneCycleLR(optim.Adagrad(params(o)), 1.0, 10), ValueError, "Adagrad has no momentum"),
        (lambda o: ChainedScheduler([]), ValueError, "got no schedules"),
        (lambda o: ChainedScheduler([StepLR(o, 1), StepLR(optimizer(), 1)]), ValueError, "same optimizer"),
        (lambda o: ReduceLROnPlateau(3), TypeError, "schedules an Optimizer, not a int"),
        (lambda o: StepLR(3, 1), TypeError, "StepLR schedules an Optimizer, not a int"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), ValueError, "1 schedules need 0 milestones"),
        (lambda o: SequentialLR(o, [StepLR(optimizer(), 1)], []), ValueError, "same optimizer"),
        (lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []), TypeError, "time alone, not ReduceLROnPlateau"),
        (lambda o: ReduceLROnPlateau(o, mode="low"), ValueError, "'min' or 'max', not 'low'"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "'rel' or 'abs', not 'x'"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "factor must be below 1"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1, 0.1]), ValueError, "min_lr: 2 values for 1 groups"),
    ],
)
def test_bad_settings(make, error, message):
    with pytest.raises(error, match=message):
        make(optimizer())


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (lambda o: StepLR(o, 3), "<StepLR after 2 steps: lr 0.1, 0.2>"),
        (lambda o: ChainedScheduler([ConstantLR(o, 0.5, 9)]), "<ChainedScheduler after 2 steps: lr 0.05, 0.1>"),
        (lambda o: SequentialLR(o, [ConstantLR(o, 0.5, 9)], []), "<SequentialLR after 2 steps: lr 0.05, 0.1>"),
    ],
)
def test_a_schedule_tells_where_it_is(schedule, text):
    made = schedule(optimizer(0.1, 0.2))
    made.step()
    made.step()
    assert repr(made) == text
