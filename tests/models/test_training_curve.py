"""A character model trained here and in PyTorch: same initial weights and batches, same losses for 200 steps.

The stand-in for CuPy, whose kernels run on one core with all their checks, takes the first 40.
"""

import numpy as np
import pytest
from conftest import STAND_IN

from minigrad import functional as F
from minigrad import nn, optim

torch = pytest.importorskip("torch")

STEPS, T, B, V, H = 200, 12, 8, 24, 32


@pytest.fixture(autouse=True)
def one_thread():
    """For products this small, PyTorch's threads wait for each other longer than they work."""
    n = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n)


class Ours(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, H)
        self.lstm = nn.LSTM(H, H)
        self.head = nn.Linear(H, V)

    def forward(self, tokens):
        y, _ = self.lstm(self.embedding(tokens))
        return self.head(y)


class Theirs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, H)
        self.lstm = torch.nn.LSTM(H, H)
        self.head = torch.nn.Linear(H, V)

    def forward(self, tokens):
        y, _ = self.lstm(self.embedding(tokens))
        return self.head(y)


def batches():
    """Pieces of a text that can be learned: each character tells the next but for some noise."""
    rng = np.random.default_rng(0)
    step = rng.integers(1, V, V)
    text = [0]
    for _ in range(STEPS * (T + 1) * B):
        text.append(int((text[-1] + step[text[-1]] + (rng.random() < 0.1)) % V))
    pieces = np.array(text[: STEPS * (T + 1) * B]).reshape(STEPS, B, T + 1).transpose(0, 2, 1)
    return [(piece[:-1], piece[1:]) for piece in pieces]


def train_ours(model, optimizer, max_norm, steps):
    losses = []
    for x, y in batches()[:steps]:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses


def train_theirs(model, optimizer, max_norm, steps):
    losses = []
    for x, y in batches()[:steps]:
        x, y = torch.tensor(x), torch.tensor(y)
        loss = torch.nn.functional.cross_entropy(model(x).reshape(-1, V), y.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-8), ("float32", 1e-3)])
@pytest.mark.parametrize(
    ("name", "options", "max_norm"),
    [("SGD", {"lr": 1.0}, 1e9), ("SGD", {"lr": 0.3, "momentum": 0.9}, 0.5), ("Adam", {"lr": 0.005}, 0.5)],
)
def test_the_training_curve_is_pytorchs(name, options, max_norm, dtype, tolerance, backend):
    steps = 40 if backend in STAND_IN else STEPS
    torch.manual_seed(0)
    theirs = Theirs().to(getattr(torch, dtype))
    ours = Ours().to(dtype)
    ours.load_state_dict(theirs.state_dict())
    found = train_ours(ours, getattr(optim, name)(ours.parameters(), **options), max_norm, steps)
    expected = train_theirs(theirs, getattr(torch.optim, name)(theirs.parameters(), **options), max_norm, steps)
    difference = np.abs(np.array(found) / np.array(expected) - 1).max()
    assert difference < tolerance
    assert (
        found[-1] < (0.5 if steps == STEPS else 0.95) * found[0]
    )  # it has learned something; two models that stand still agree easily
