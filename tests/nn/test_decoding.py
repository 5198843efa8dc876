"""Decoding: greedy search, sampling from filtered distributions, beam search; and scheduled sampling."""

import itertools
import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, random
from minigrad.nn.decoding import beam, filtered, greedy, sample, sampled
from minigrad.nn.scheduled_sampling import exponential_decay, inverse_sigmoid_decay, linear_decay, mixed

V, END = 3, 2


class Model(nn.Module):
    """A small recurrent model with random weights: what comes next depends on all tokens before."""

    def __init__(self, vocabulary=V, hidden=5, seed=0):
        super().__init__()
        g = random.Generator(seed)
        self.cell = nn.LSTMCell(vocabulary, hidden)
        self.head = nn.Linear(hidden, vocabulary)
        for p in self.parameters():
            nn.init.normal_(p, std=1.5, generator=g)
        self.to("float64")

    def forward(self, tokens, state):
        x = mg.one_hot(tokens, self.head.out_features, "float64")
        h, state = self.cell(x, None if state is None else tuple(state["lstm"]))
        return self.head(h), {"lstm": list(state)}


def state_of(batch, hidden=5, seed=1):
    rng = np.random.default_rng(seed)
    return {"lstm": [mg.tensor(rng.normal(size=(batch, hidden))) for _ in range(2)]}


def log_prob_of(model, start, state, tokens):
    """The log-probability of the tokens after `start`, of one sequence."""
    total = 0.0
    for before, token in zip((start, *tokens), tokens):
        logits, state = model(mg.tensor([before]), state)
        total += F.log_softmax(logits)[0, token].item()
    return total


def all_sequences(length):
    """Those that end within the length, and those of this length that do not."""
    for n in range(1, length + 1):
        for tokens in itertools.product(range(V), repeat=n):
            if END not in tokens[:-1] and (n == length or tokens[-1] == END):
                yield tokens


def row(state, b):
    return {"lstm": [x[b : b + 1] for x in state["lstm"]]}


# --- one sequence after the other -------------------------------------------------------------------------------------


def test_greedy_takes_the_likeliest_token_each_time():
    model, state = Model(), state_of(4)
    found = greedy(model, 0, state, 6, end=END)
    for b in range(4):
        tokens, s = [], row(state, b)
        while len(tokens) < 6 and END not in tokens:
            logits, s = model(mg.tensor(tokens[-1:] or [0]), s)
            tokens.append(int(mg.argmax(logits).item()))
        n = found.lengths[b]
        assert found.tokens[:n, b].tolist() == tokens
        assert (found.tokens[n:, b] == END).all()
        assert found.log_probs[b] == pytest.approx(log_prob_of(model, 0, row(state, b), tokens))


def test_nothing_is_recorded_and_recording_goes_on_between_tokens():
    model = Model()
    for _tokens, _ in sampled(model, 0, end=END, generator=random.Generator(0)):
        assert mg.is_grad_enabled()
    assert model(mg.tensor([0]), None)[0].requires_grad
    logits = []
    greedy(lambda tokens, state: logits.append(model(tokens, state)) or logits[-1], 0, length=2)
    assert not any(x.requires_grad for x, _ in logits)


def test_a_temperature_of_zero_is_greedy():
    model, state = Model(seed=3), state_of(3)
    one = sample(model, [0, 1, 0], state, 5, temperature=0.0)
    two = greedy(model, mg.tensor([0, 1, 0]), state, 5)
    three = sample(model, [0, 1, 0], state, 5, top_k=1)
    assert one.tokens.tolist() == two.tokens.tolist() == three.tokens.tolist()
    assert one.tokens.shape == (5, 3)
    assert one.lengths.tolist() == [5, 5, 5]
    assert three.log_probs == pytest.approx(two.log_probs)  # the model's, not the narrower distribution's


def test_samples_are_as_frequent_as_their_probabilities():
    """Chi-square over all sequences of two tokens; the bound is the 99.9 % quantile for its degrees of freedom."""
    model, n = Model(), 20_000
    drawn = sample(model, np.zeros(n, dtype=int), None, 2, end=END, generator=random.Generator(5))
    sequences = list(all_sequences(2))
    keys = [tuple(drawn.tokens[: drawn.lengths[b], b]) for b in range(n)]
    expected = np.array([n * math.exp(log_prob_of(model, 0, None, s)) for s in sequences])
    found = np.array([keys.count(s) for s in sequences])
    assert expected.sum() == pytest.approx(n)
    assert found.sum() == n
    stats = pytest.importorskip("scipy.stats")
    assert ((found - expected) ** 2 / expected).sum() < stats.chi2.ppf(0.999, len(sequences) - 1)
    assert drawn.log_probs[:9] == pytest.approx([log_prob_of(model, 0, None, k) for k in keys[:9]])


def test_the_same_seed_draws_the_same_tokens_on_every_backend(backend):
    weights = mg.tensor(np.random.default_rng(0).normal(size=(V, V)), backend=backend)
    step = lambda tokens, state: (weights[tokens], state)
    draws = [sample(step, mg.tensor([0, 1]), None, 7, generator=random.Generator(s)).tokens.tolist() for s in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert beam(step, mg.tensor([0, 1]), None, 3, width=2).tokens.shape == (3, 2, 2)


def test_a_stack_of_layers_has_its_batch_on_the_second_axis():
    lstm, head = nn.LSTM(V, 4, num_layers=2), nn.Linear(4, V)

    def step(tokens, state):
        x, state = lstm(mg.one_hot(tokens, V)[None], state)
        return head(x[0]), state

    with mg.no_grad():
        _, state = lstm(random.normal((3, 2, V)))
    wide = beam(step, 0, state, 4, end=END, width=1, state_axis=1)
    assert wide.tokens[:, :, 0].tolist() == greedy(step, 0, state, 4, end=END, state_axis=1).tokens.tolist()
    with pytest.raises(ValueError, match=r"its axis 0 is not the batch of the tokens to start with.*see state_axis"):
        greedy(step, [0, 0, 0], state, 4)


# --- narrower distributions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("top_k", [None, 1, 3, 9])
@pytest.mark.parametrize("top_p", [None, 0.05, 0.4, 0.9, 1.0])
def test_filtered_distributions_are_those_of_a_direct_computation(temperature, top_k, top_p):
    logits = np.random.default_rng(0).normal(size=(20, 7)) * 2
    found = filtered(mg.tensor(logits), temperature, top_k, top_p).exp().numpy()
    for scores, result in zip(logits, found):
        p = dict(enumerate(np.exp(scores / temperature) / np.exp(scores / temperature).sum()))
        order = sorted(p, key=lambda i: -p[i])[:top_k]
        total = sum(p[i] for i in order)
        if top_p is not None:
            kept, mass = [], 0.0
            while mass < top_p and len(kept) < len(order):
                kept.append(order[len(kept)])
                mass += p[kept[-1]] / total
            order = kept
        total = sum(p[i] for i in order)
        wanted = [p[i] / total if i in order else 0 for i in range(len(scores))]
        assert result == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_filters_at_their_edges(backend):
    logits = mg.tensor([[0.0, 1.0, 1.0, -math.inf]])
    assert filtered(logits, 0.0).exp().tolist() == [[0, 1, 0, 0]]
    assert filtered(logits, 1e-30).exp().tolist()[0] == pytest.approx([0, 0.5, 0.5, 0])
    assert filtered(logits, top_k=1).exp().tolist() == [[0, 1, 0, 0]]  # of equal ones the first
    assert filtered(logits, top_p=1e-9).exp().tolist() == [[0, 1, 0, 0]]
    assert filtered(logits, top_k=99, top_p=1.0).exp().tolist()[0] == pytest.approx(F.softmax(logits).tolist()[0])
    for options, message in (
        ({"temperature": -1.0}, "at least 0 and finite, not -1.0"),
        ({"temperature": math.nan}, "at least 0 and finite, not nan"),
        ({"top_k": 0}, "top_k must be an integer >= 1, not 0"),
        ({"top_k": 1.5}, "top_k must be an integer >= 1, not 1.5"),
        ({"temperature": math.inf}, "finite, not inf"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"top_p": 1.5}, "top_p must be above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            filtered(logits, **options)
        with pytest.raises(ValueError, match=message):
            sampled(lambda tokens, state: (logits, state), 0, **options)  # at once, not with the first token


def test_categorical_draws_each_index_as_often_as_it_should(backend):
    stats = pytest.importorskip("scipy.stats")
    weights, n = np.array([[1.0, 0.0, 3.0, 4.0], [0.0, 5.0, 0.0, 0.0]]), 8000
    drawn = random.categorical(mg.tensor(np.repeat(weights[:, None], n, axis=1)), random.Generator(2))
    assert drawn.shape == (2, n)
    assert drawn.dtype == "int64"
    assert drawn.backend.name == backend
    counts = np.bincount(drawn[0].numpy(), minlength=4)
    assert counts[1] == 0
    wanted = n * weights[0, [0, 2, 3]] / 8
    assert ((counts[[0, 2, 3]] - wanted) ** 2 / wanted).sum() < stats.chi2.ppf(0.999, 2)
    assert set(drawn[1].tolist()) == {1}
    assert random.categorical(mg.tensor([0.0, 1.0, 0.0])).item() == 1


@pytest.mark.parametrize(
    "weights", [[], 1.0, [0.0, 0.0], [1.0, -1.0], [1.0, math.nan], [1.0, math.inf], [[1.0], [0.0]]]
)
def test_categorical_refuses_what_is_no_distribution(weights):
    with pytest.raises(ValueError, match="categorical: the weights"):
        random.categorical(mg.tensor(weights))


# --- beams ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 2.0])
def test_a_beam_as_wide_as_all_sequences_searches_them_all(length_penalty):
    model, state, length = Model(seed=2), state_of(2), 4
    found = beam(model, 0, state, length, end=END, width=V**length, length_penalty=length_penalty)
    for b in range(2):
        wanted = {s: log_prob_of(model, 0, row(state, b), s) for s in all_sequences(length)}
        scores = {s: p / ((5 + len(s)) / 6) ** length_penalty for s, p in wanted.items()}
        n = len(wanted)
        hypotheses = [tuple(found.tokens[: found.lengths[b, w], b, w].tolist()) for w in range(n)]
        assert hypotheses == sorted(wanted, key=lambda s: -scores[s])
        assert found.scores[b, :n] == pytest.approx([scores[s] for s in hypotheses])
        assert found.log_probs[b, :n] == pytest.approx([wanted[s] for s in hypotheses])
        assert (found.scores[b, n:] == -math.inf).all()
        assert np.exp(found.log_probs[b]).sum() == pytest.approx(1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("end", [END, None])
def test_a_beam_of_one_is_greedy(seed, end):
    model, state = Model(seed=seed), state_of(3, seed=seed)
    one, two = beam(model, 0, state, 6, end=end, width=1, length_penalty=1.0), greedy(model, 0, state, 6, end=end)
    assert one.tokens[:, :, 0].tolist() == two.tokens.tolist()
    assert one.log_probs[:, 0] == pytest.approx(two.log_probs)
    assert one.lengths[:, 0].tolist() == two.lengths.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_the_tokens_in_any_batch(seed):
    model, state = Model(seed=seed), state_of(3, seed=seed)
    found = beam(model, [0, 1, 0], state, 5, end=END, width=3, length_penalty=0.6)
    assert (np.diff(found.scores, axis=1) <= 0).all()
    for b, start in enumerate((0, 1, 0)):
        alone = beam(model, start, row(state, b), 5, end=END, width=3, length_penalty=0.6)
        assert alone.scores[0] == pytest.approx(found.scores[b])
        for w in range(3):
            tokens = found.tokens[: found.lengths[b, w], b, w].tolist()
            assert found.log_probs[b, w] == pytest.approx(log_prob_of(model, start, row(state, b), tokens))
            assert (found.tokens[found.lengths[b, w] :, b, w] == END).all()


def test_a_beam_finds_what_greedy_search_misses():
    """The likeliest first token leads to two that are unlikely; START is 3."""
    table = np.log([[0.5, 0.5, 1e-9, 1e-9], [0.9, 0.05, 0.05, 1e-9], [0.25] * 4, [0.6, 0.4, 1e-9, 1e-9]])
    step = lambda tokens, state: (mg.tensor(table)[tokens], state)
    assert greedy(step, 3, length=2).tokens[:, 0].tolist() == [0, 0]
    assert beam(step, 3, length=2, width=2).tokens[:, 0, 0].tolist() == [1, 0]


def test_long_hypotheses_win_with_a_length_penalty():
    table = np.log([[0.8, 1e-9, 0.2], [1, 1, 1], [1, 1, 1]])
    step = lambda tokens, state: (mg.tensor(table)[tokens], state)
    assert beam(step, 0, length=12, end=END, width=4).lengths[0, 0] == 1
    assert beam(step, 0, length=12, end=END, width=4, length_penalty=3.0).lengths[0, 0] == 12


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f(lambda t, s: mg.zeros((1, V)), 0), TypeError, r"return a pair \(logits, state\), not a Tensor"),
        (lambda f: f(lambda t, s: (mg.zeros((2, V)), s), 0), ValueError, r"logits \(\d, V\) for \d tokens"),
        (lambda f: f(lambda t, s: (None, s), 0), ValueError, "not a NoneType"),
        (lambda f: f(Model(), 0.5), TypeError, "must be integers, not float32"),
        (lambda f: f(Model(), [[0]]), ValueError, r"of shape \(B,\)"),
        (lambda f: f(Model(), [0, 1], state_of(3)), ValueError, "is not the batch of the tokens"),
        (lambda f: f(Model(), 0, {"lstm": [mg.zeros(2), mg.tensor(1.0)]}), ValueError, "lacks the axis 0"),
        (lambda f: f(Model(), 0, None, 0), ValueError, "length of sequences must be an integer >= 1, not 0"),
        (lambda f: f(Model(), 0, None, 2.5), ValueError, r"an integer >= 1, not 2\.5"),
        (lambda f: f(Model(), -1), ValueError, "to start with must be >= 0, not -1"),
        (lambda f: f(Model(), 0, end=V), ValueError, "end token 3 is not one of the 3 tokens"),
        (lambda f: f(Model(), 0, end=-1), ValueError, "end token must be an integer >= 0 or None, not -1"),
        (lambda f: f(Model(), 0, end=True), ValueError, "end token must be an integer >= 0 or None, not True"),
        (lambda f: f(Model(), 0, end=1.0), ValueError, r"not 1\.0"),
        (
            lambda f: f(lambda t, s: (mg.zeros((len(t), 0)), s), 0),
            ValueError,
            r"\(\d, V\) for \d tokens, not float32\[\d, 0\]",
        ),
        (lambda f: f(lambda t, s: (mg.one_hot(t, V, "int64"), s), 0), TypeError, "logits, real numbers, not int64"),
    ],
)
@pytest.mark.parametrize("search", [greedy, sample, beam])
def test_bad_arguments(search, call, error, message):
    with pytest.raises(error, match=message):
        call(search)


NO_DISTRIBUTION = [[0.0, math.nan, 1.0], [0.0, 1.0, math.inf], [-math.inf] * 3]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy reports inf - inf
@pytest.mark.parametrize("row", NO_DISTRIBUTION)
@pytest.mark.parametrize("search", [greedy, sample, beam])
def test_logits_that_are_no_distribution(search, row, backend):
    """Of the second sequence, after two tokens."""

    def step(tokens, t):
        table = np.zeros((len(tokens), 3))
        if t.numpy()[0] == 2:
            table[len(tokens) // 2 :] = row
        return mg.tensor(table), t + 1

    with pytest.raises(
        ValueError, match=r"for sequence 1 of 2, at token 2 .*a NaN or \+inf among them, or all are -inf"
    ):
        search(step, [0, 1], mg.zeros((2,), dtype="int64"), 5)


def test_tokens_that_are_left_out_are_no_reason_to_stop():
    step = lambda tokens, state: (mg.tensor([[-math.inf, -1.0, -math.inf]] * len(tokens)), state)
    for search in (greedy, sample, beam):
        assert (search(step, 0, length=3).tokens.reshape(3, -1)[:, 0] == 1).all()


def test_a_token_that_is_only_fed():
    """The first token may be one that the model never gives."""
    table = mg.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 9.0]])
    assert greedy(lambda tokens, state: (table[tokens], state), 2, length=3).tokens[:, 0].tolist() == [1, 0, 1]
    with pytest.raises(IndexError, match="3"):
        greedy(lambda tokens, state: (table[tokens], state), 3)


def test_bad_beams():
    for width in (0, 1.5):
        with pytest.raises(ValueError, match=f"width must be an integer >= 1, not {width}"):
            beam(Model(), 0, width=width)


def test_a_beam_wider_than_the_vocabulary():
    """There are as many hypotheses as sequences; the others have a probability of 0."""
    found = beam(Model(), 0, length=1, width=V + 2)
    assert sorted(found.tokens[0, 0, :V].tolist()) == list(range(V))
    assert (found.scores[0, V:] == -math.inf).all()


# --- scheduled sampling -----------------------------------------------------------------------------------------------


def test_the_truth_is_shown_less_and_less():
    schedules = {
        "linear": lambda i: linear_decay(i, 100, start=0.9, end=0.2),
        "exponential": lambda i: exponential_decay(i, 0.97),
        "inverse sigmoid": lambda i: inverse_sigmoid_decay(i, 20.0),
    }
    for name, f in schedules.items():
        values = [f(i) for i in range(300)]
        assert all(0 <= b <= a <= 1 for a, b in itertools.pairwise(values)), name
    assert [linear_decay(i, 10, 1.0, 0.5) for i in (0, 5, 10, 99)] == pytest.approx([1, 0.75, 0.5, 0.5])
    assert exponential_decay(3, 0.5) == 0.125
    assert inverse_sigmoid_decay(7, 5.0) == pytest.approx(5 / (5 + math.exp(7 / 5)))
    assert inverse_sigmoid_decay(10**9, 5.0) == 0
    assert inverse_sigmoid_decay(0, 1e6) == pytest.approx(1, abs=2e-6)


def test_the_next_inputs_are_true_or_the_models_own(backend):
    n, g = 4000, random.Generator(1)
    truth, logits = mg.full((n,), 0, dtype="int64"), mg.tensor([[-math.inf, 0.0, math.log(3)]] * n)
    counts = np.bincount(mixed(truth, logits, 0.4, generator=g).numpy(), minlength=3) / n
    assert counts == pytest.approx([0.4, 0.15, 0.45], abs=0.04)
    assert set(mixed(truth, logits, 0.4, sample=False, generator=g).tolist()) == {0, 2}
    assert mixed(truth, logits, 1.0).tolist() == truth.tolist()
    assert 0 not in mixed(truth, logits, 0.0).tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: linear_decay(1, 0), "steps must be >= 1, not 0"),
        (lambda: linear_decay(1, 5, start=1.5), "are probabilities, not 1.5"),
        (lambda: linear_decay(-1, 5), "updates is >= 0, not -1"),
        (lambda: exponential_decay(1, 1.0), "k is between 0 and 1, not 1.0"),
        (lambda: inverse_sigmoid_decay(1, 0.5), "k is at least 1, not 0.5"),
        (lambda: mixed([0, 1], mg.zeros((3, V)), 0.5), r"tokens \(B,\) and logits \(B, V\)"),
        (lambda: mixed([0, 1, 2], mg.zeros((3, V)), 1.5), "between 0 and 1, not 1.5"),
    ],
)
def test_bad_settings_of_scheduled_sampling(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
