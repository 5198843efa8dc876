"""Small programs as PyTorch's users write them, run twice from one text: with PyTorch, and with minigrad in its place.

Data and initial weights are the same; what a program leaves in `report` has to be so too.
"""

import copy
import math
import pickle

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim

torch = pytest.importorskip("torch")

PROGRAMS = {}

PROGRAMS["linear regression by hand"] = """
X, y = data(40, 3), data(40)
w = torch.zeros(3, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for epoch in range(30):
    loss = ((X @ w + b - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        b -= 0.1 * b.grad
        w.grad.zero_()
        b.grad.zero_()
    report.append(float(f"{loss:.6f}"))
report += [w, b]
"""

PROGRAMS["momentum and weight decay by hand, through data"] = """
w = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
velocity = torch.zeros_like(w)
for step in range(20):
    loss = (w ** 4).sum() / 4
    loss.backward()
    velocity.mul_(0.9).add_(w.grad)
    w.data.add_(velocity, alpha=-0.01)
    w.data -= 0.001 * w.data
    w.grad = None
    report.append(loss.item())
report += [w, velocity]
"""

PROGRAMS["a network, Adam and an evaluation loop"] = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 16)
        self.fc2 = nn.Linear(16, 3)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.dropout(x, p=0.5, training=False)
        return self.fc2(x)

net = fill(Net())
optimizer = optim.Adam(net.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()
X, y = data(64, 4), classes(64, 3)
for epoch in range(10):
    net.train()
    running_loss = 0.0
    for i in range(0, len(X), 16):
        optimizer.zero_grad()
        loss = criterion(net(X[i : i + 16]), y[i : i + 16])
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    net.eval()
    correct = 0
    with torch.no_grad():
        predicted = net(X).argmax(1)
        correct += (predicted == y).sum().item()
    report += [running_loss, correct / y.size(0)]
report.append(sum(p.numel() for p in net.parameters() if p.requires_grad))
"""

PROGRAMS["a character RNN"] = """
embedding, rnn, head = fill(nn.Embedding(10, 6)), fill(nn.RNN(6, 12, batch_first=True)), fill(nn.Linear(12, 10))
text = classes(200, 10)
parameters = [*embedding.parameters(), *rnn.parameters(), *head.parameters()]
optimizer = optim.SGD(parameters, lr=0.1, momentum=0.9)
h = torch.zeros((1, 1, 12))
for start in range(0, 180, 20):
    x, target = text[start : start + 20].unsqueeze(0), text[start + 1 : start + 21]
    out, h = rnn(embedding(x), h.detach())
    logits = head(out.contiguous().view(-1, out.size(2)))
    loss = F.cross_entropy(logits, target.view(-1))
    optimizer.zero_grad()
    loss.backward()
    report.append(nn.utils.clip_grad_norm_(parameters, 1.0).item())
    optimizer.step()
    report.append(loss.item())
with torch.no_grad():
    p = F.softmax(logits[-1] / 0.8, -1)
report += [p, math.exp(loss.item())]
"""

PROGRAMS["an LSTM classifier"] = """
class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 8, padding_idx=0)
        self.lstm = nn.LSTM(8, 10, num_layers=2, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(20, 1)

    def forward(self, tokens):
        out, (h, c) = self.lstm(self.embedding(tokens))
        return self.fc(torch.concat((h[-2], h[-1]), 1)).squeeze(1)

model = fill(Classifier())
optimizer = optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
tokens, labels = classes((8, 6), 20), classes(8, 2).float()
for step in range(6):
    loss = F.binary_cross_entropy_with_logits(model(tokens), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    report.append(loss.item())
report += [(model(tokens).sigmoid() > 0.5).float().mean(), model.embedding.weight]
"""

# A cell of minigrad gives its output and its state, as all cells do.
PROGRAMS["a GRU cell in a loop of one's own"] = """
cell, head = fill(nn.GRUCell(3, 7)), fill(nn.Linear(7, 3))
x = data(12, 4, 3)
h, losses = torch.zeros((4, 7)), []
for t in range(x.size(0) - 1):
    h = state(cell(x[t], h))
    losses.append(F.mse_loss(head(h), x[t + 1]))
loss = torch.stack(losses).mean()
loss.backward()
report += [loss, cell.weight_hh.grad, head.bias.grad, sum(losses) / len(losses)]
"""

PROGRAMS["clipping and a schedule"] = """
model = fill(nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)))
optimizer = optim.SGD(model.parameters(), lr=0.5)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
X, y = data(16, 3), data(16, 1)
for epoch in range(9):
    optimizer.zero_grad()
    loss = nn.MSELoss()(model(X), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.1)
    for p in model.parameters():
        p.grad.data.clip_(-0.05, 0.05)
    optimizer.step()
    scheduler.step()
    report += [loss.item(), optimizer.param_groups[0]["lr"], scheduler.get_last_lr()[0]]
"""

PROGRAMS["early stopping, and the best weights"] = """
model = fill(nn.Linear(2, 1))
optimizer = optim.SGD(model.parameters(), lr=0.9)
X, y = data(10, 2), data(10, 1)
best, best_state, patience = float("inf"), None, 0
for epoch in range(30):
    loss = F.mse_loss(model(X), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if loss < best:
        best, best_state, patience = loss.item(), copy.deepcopy(model.state_dict()), 0
    else:
        patience += 1
        if patience == 3:
            break
model.load_state_dict(best_state)
report += [epoch, best, model.weight, model.bias]
"""

PROGRAMS["saving and loading"] = """
model = fill(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)))
optimizer = optim.Adam(model.parameters(), lr=0.1)
X = data(5, 2)

def step(model, optimizer):
    loss = model(X).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()

report.append(step(model, optimizer))
saved = pickle.dumps({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
report.append(step(model, optimizer))
state = pickle.loads(saved)
again = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
again.load_state_dict(state["model"])
other = optim.Adam(again.parameters(), lr=0.1)
other.load_state_dict(state["optimizer"])
report += [step(again, other), step(again, other), list(state["model"]) == list(again.state_dict())]
"""

PROGRAMS["hooks"] = """
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x * 2
y.retain_grad()
seen = []
handle = y.register_hook(lambda g: seen.append(g.clone()))
twice = x.register_hook(lambda g: g * 2)
(y ** 2).sum().backward()
handle.remove()
twice.remove()
model = fill(nn.Linear(2, 2))
forward = model.register_forward_hook(lambda module, inputs, output: seen.append(output.detach()))
model(data(1, 2))
forward.remove()
model(data(1, 2))
report += [x.grad, y.grad, len(seen), seen[0], seen[1]]
"""

PROGRAMS["a gradient penalty"] = """
critic = fill(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)))
x = data(5, 2).requires_grad_()
critic(x).sum().backward(create_graph=True)
penalty = ((x.grad.norm(2, 1) - 1) ** 2).mean()
for p in critic.parameters():
    p.grad = None
penalty.backward()
report += [penalty, critic[0].weight.grad, critic[2].weight.grad]
"""

PROGRAMS["freezing"] = """
model = fill(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
for p in model[0].parameters():
    p.requires_grad = False
optimizer = optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.1)
before = model[0].weight.clone()
for _ in range(3):
    optimizer.zero_grad()
    model(data(4, 2)).mean().backward()
    optimizer.step()
report += [(model[0].weight == before).all(), model[0].weight.grad is None, model[2].weight]
for p in model[0].parameters():
    p.requires_grad_(True)
model(data(4, 2)).mean().backward()
report.append(model[0].weight.grad)
"""

PROGRAMS["weight sharing"] = """
embedding, decoder = fill(nn.Embedding(9, 4)), nn.Linear(4, 9, bias=False)
decoder.weight = embedding.weight
tokens = classes(6, 9)
loss = F.cross_entropy(decoder(embedding(tokens[:-1])), tokens[1:])
loss.backward()
report += [loss, embedding.weight.grad, decoder.weight is embedding.weight]
"""

PROGRAMS["parameter groups"] = """
model = fill(nn.Linear(3, 2))
optimizer = optim.SGD(
    [{"params": [model.weight], "weight_decay": 0.1}, {"params": [model.bias], "lr": 0.5}], lr=0.1, momentum=0.9
)
for epoch in range(4):
    optimizer.zero_grad()
    model(data(4, 3)).pow(2).sum().backward()
    optimizer.step()
    for group in optimizer.param_groups:
        group["lr"] *= 0.5
report += [model.weight, model.bias, [group["lr"] for group in optimizer.param_groups]]
"""

PROGRAMS["masking and padding"] = """
x = data(3, 5).requires_grad_()
lengths = torch.tensor([5, 2, 3])
mask = torch.arange(5)[None, :] < lengths[:, None]
means = (x * mask.float()).sum(1) / mask.sum(1)
weights = F.softmax(torch.where(mask, x, float("-inf")), -1)
targets = torch.where(mask, classes((3, 5), 4), -100)
logits = data(3, 5, 4)
loss = F.cross_entropy(logits.reshape(-1, 4), targets.reshape(-1), ignore_index=-100)
(means.sum() + (weights * x).sum()).backward()
report += [means, weights, loss, x.grad, x[mask], mask.long().sum(), ~mask]
"""

PROGRAMS["attention by hand"] = """
B, T, H, D = 2, 5, 2, 8
x = data(B, T, D).requires_grad_()
qkv = fill(nn.Linear(D, 3 * D))
q, k, v = (part.view(B, T, H, D // H).transpose(1, 2) for part in qkv(x).split([D, D, D], -1))
scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
causal = torch.tril(torch.ones((T, T))).bool()
attention = F.softmax(torch.where(causal, scores, float("-inf")), -1)
out = (attention @ v).transpose(1, 2).contiguous().view(B, T, D)
F.layer_norm(out, (D,)).pow(3).sum().backward()
report += [out, attention, x.grad, qkv.weight.grad]
"""

PROGRAMS["a moving average of weights"] = """
online, target = fill(nn.Linear(2, 2)), fill(nn.Linear(2, 2))
for p in target.parameters():
    p.requires_grad = False
with torch.no_grad():
    for p, q in zip(online.parameters(), target.parameters()):
        p += 1
        q.mul_(0.9).add_(p, alpha=0.1)
        q.data.copy_(0.5 * q.data + 0.5 * p.data)
for p, q in zip(online.parameters(), target.parameters()):
    q.data.mul_(0.9)
    q.data += 0.1 * p.data
report += [target.weight, target.bias, online.weight]
"""

PROGRAMS["gradients accumulated over batches"] = """
model = fill(nn.Linear(3, 1))
optimizer = optim.RMSprop(model.parameters(), lr=0.01)
X, y = data(12, 3), data(12, 1)
for i in range(4):
    loss = F.l1_loss(model(X[3 * i : 3 * i + 3]), y[3 * i : 3 * i + 3]) / 2
    loss.backward()
    if (i + 1) % 2 == 0:
        optimizer.step()
        optimizer.zero_grad()
report += [model.weight, model.bias]
"""

PROGRAMS["detach, and gradients of parts"] = """
x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
y = x * x
z = (y.detach() * x).sum() + y[0].sum() + y[:, 1].max()
z.backward()
report += [x.grad.clone(), y.detach().requires_grad, y.is_leaf, x.is_leaf]
x.grad.zero_()
y = (x ** 3).sum()
y.backward(retain_graph=True)
y.backward()
report.append(x.grad)
"""

PROGRAMS["a policy gradient"] = """
policy = fill(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
states, actions, rewards = data(6, 4), classes(6, 2), [1.0, 0.0, 0.5, 1.0, -1.0, 2.0]
returns, R = [], 0
for r in rewards[::-1]:
    R = r + 0.9 * R
    returns.insert(0, R)
returns = torch.tensor(returns)
returns = (returns - returns.mean()) / (returns.std(correction=1) + 1e-8)
log_probs = F.log_softmax(policy(states), -1)[torch.arange(6), actions]
loss = -(log_probs * returns).sum()
loss.backward()
report += [loss, returns, policy[0].weight.grad, round(loss.item(), 4)]
"""

PROGRAMS["buffers, apply and initialisers"] = """
class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([1.0, 2.0]))
        self.scale = nn.Parameter(torch.ones(2))
        self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(2)])

    def forward(self, x):
        x = (x - self.mean) * self.scale
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x

def initialise(module):
    if isinstance(module, nn.Linear):
        nn.init.constant_(module.weight, 0.3)
        nn.init.zeros_(module.bias)

model = Scaled()
model.apply(initialise)
out = model(data(3, 2))
out.sum().backward()
report += [out, model.scale.grad, sorted(model.state_dict()), [n for n, p in model.named_parameters()]]
"""


def run(program, library, modules, functional, optimizers):
    rng = np.random.default_rng(1)
    report = []

    def data(*shape):
        return library.tensor(rng.normal(size=shape).astype("float32"))

    def classes(shape, n):
        return library.tensor(rng.integers(0, n, shape))

    def fill(module):
        with library.no_grad():
            for p in module.parameters():
                p.copy_(data(*p.shape) * 0.3)
        return module

    def state(result):
        return result[1] if isinstance(result, tuple) else result

    names = {"torch": library, "nn": modules, "F": functional, "optim": optimizers, "math": math, "copy": copy}
    names |= {"pickle": pickle, "data": data, "classes": classes, "fill": fill, "state": state, "report": report}
    exec(PROGRAMS[program], names)
    return [x.tolist() if hasattr(x, "tolist") else x for x in report]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_pytorch(program):
    ours = run(program, mg, nn, F, optim)
    theirs = run(program, torch, torch.nn, torch.nn.functional, torch.optim)
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs):
        if isinstance(b, list) and b and isinstance(b[0], str):
            assert a == b
        else:
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)
