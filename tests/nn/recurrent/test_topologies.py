"""Topologies: aligned sequences, sequence to vector, vector to sequence, encoder-decoder."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim, tree
from minigrad.data import pad
from minigrad.nn.recurrent.topologies import InitialState

B, H, E, V = 5, 6, 4, 7
LENGTHS = [3, 6, 1, 4, 6]
END = 0


class UsersCell(nn.Module):
    """A cell with a nested state, part of which has one more axis."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.inner = nn.GRUCell(inputs, hidden)

    def forward(self, x_t, state):
        if state is None:
            state = {"h": None, "moments": [mg.zeros((x_t.shape[0], 2, 3), x_t.dtype)]}
        h, _ = self.inner(x_t, state["h"])
        moments = 0.5 * state["moments"][0] + mg.reshape(h[:, :6], (-1, 2, 3))
        return h * mg.mean(moments, axis=(1, 2))[:, None], {"h": h, "moments": [moments]}


class UsersStack(nn.RecurrentStack):
    cell_type = UsersCell


STACKS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "peephole": nn.PeepholeLSTM, "GRU": nn.GRU, "a user's": UsersStack}


@pytest.fixture(params=STACKS.values(), ids=STACKS)
def stack(request):
    mg.manual_seed(0)
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def texts(rng, low=1):
    """Sequences of tokens of different lengths, padded with something that is no token."""
    return pad([rng.integers(low, V, n) for n in LENGTHS], value=-1)


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def gradients(module, loss):
    module.zero_grad()
    loss.backward()
    return [p.grad.numpy().copy() for p in module.parameters()]


def learn(model, loss, steps, lr=0.02):
    optimizer = optim.Adam(model.parameters(), lr=lr)
    for step in range(steps):
        value = loss(step)
        optimizer.zero_grad()
        value.backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return value.item()


# --- aligned ----------------------------------------------------------------------------------------------------------


def test_a_tagger_learns_to_count():
    """The tag of a step: how many ones there were, modulo 3."""
    mg.manual_seed(0)
    rng = np.random.default_rng(0)
    tagger = nn.SequenceTagger(nn.GRU(E, 24), classes=3, embedding=nn.Embedding(2, E))

    def loss(_):
        x = rng.integers(0, 2, (8, 32))
        return tagger.loss(x, np.cumsum(x, axis=0) % 3)

    learn(tagger, loss, 250)
    x = rng.integers(0, 2, (8, 200))
    with mg.no_grad():
        scores, _ = tagger(x)
    assert (mg.argmax(scores, axis=-1).numpy() == np.cumsum(x, axis=0) % 3).mean() > 0.99


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_padded_batch_of_tags_is_each_sequence_alone(stack, bidirectional, rng):
    network = stack(3, H, bidirectional=bidirectional)
    tagger = nn.SequenceTagger(network, classes=V).to("float64")
    x, tags = rng.normal(size=(6, B, 3)), rng.integers(0, V, (6, B))
    scores, _ = tagger(x, lengths=LENGTHS)
    total = 0.0
    for b, n in enumerate(LENGTHS):
        alone, _ = tagger(x[:n, b : b + 1])
        close(scores[:n, b].detach().numpy(), alone[:, 0].detach().numpy())
        total = total + F.cross_entropy(alone, mg.tensor(tags[:n, b : b + 1]), reduction="sum")
    ours = tagger.loss(x, tags, LENGTHS)
    close(ours.item(), total.item() / sum(LENGTHS))
    for mine, theirs in zip(gradients(tagger, ours), gradients(tagger, total / sum(LENGTHS))):
        close(mine, theirs)


def test_a_tagger_carries_its_state_as_language_models_do(rng):
    tagger = nn.SequenceTagger(nn.LSTM(E, H), V, nn.Embedding(V, E)).to("float64")
    x = rng.integers(0, V, (6, B))
    first, state = tagger(x[:4])
    second, _ = tagger(x[4:], state)
    close(mg.concat([first, second]).detach().numpy(), tagger(x)[0].detach().numpy())


# --- to a vector ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_a_classifier_learns_which_half_has_more_ones(pooling):
    mg.manual_seed(0)
    rng = np.random.default_rng(0)
    network = nn.LSTM(1, 16, bidirectional=pooling != "last")
    classifier = nn.SequenceClassifier(network, classes=2, pooling=pooling)

    def problem(count):
        lengths = rng.integers(1, 5, count) * 2 - 1  # odd: never as many ones as zeros
        x = rng.integers(0, 2, (7, count)).astype(np.float32)
        ones = [int(2 * x[:n, b].sum() > n) for b, n in enumerate(lengths)]
        return x[..., None] - 0.5, ones, lengths

    learn(classifier, lambda _: classifier.loss(*problem(32)), 120)
    x, labels, lengths = problem(300)
    with mg.no_grad():
        assert (mg.argmax(classifier(x, lengths), axis=-1).numpy() == labels).mean() > 0.97


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_padded_batch_of_vectors_is_each_sequence_alone(stack, bidirectional, pooling, rng):
    network = stack(3, H, num_layers=2, bidirectional=bidirectional)
    encoder = nn.SequenceEncoder(network, pooling=pooling).to("float64")
    x = rng.normal(size=(6, B, 3))
    weights = mg.tensor(rng.normal(size=(B, encoder.output_size)))
    padded = x.copy()
    for b, n in enumerate(LENGTHS):
        padded[n:, b] = np.nan
    vectors = encoder(padded, LENGTHS)
    alone = mg.concat([encoder(x[:n, b : b + 1]) for b, n in enumerate(LENGTHS)])
    close(vectors.detach().numpy(), alone.detach().numpy())
    ours = gradients(encoder, mg.sum(vectors * weights))
    for mine, theirs in zip(ours, gradients(encoder, mg.sum(alone * weights))):
        close(mine, theirs)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_output_is_the_final_state(bidirectional, rng):
    network = nn.GRU(3, H, bidirectional=bidirectional).to("float64")
    x = rng.normal(size=(6, B, 3))
    _, state = network(x, None, LENGTHS)
    final = np.concatenate(list(state.detach().numpy()), axis=1)
    close(nn.SequenceEncoder(network)(x, LENGTHS).detach().numpy(), final)


def test_what_an_encoder_cannot_do():
    with pytest.raises(ValueError, match="pooling is 'last', 'mean' or 'max', not 'sum'"):
        nn.SequenceEncoder(nn.GRU(3, H), pooling="sum")
    with pytest.raises(ValueError, match="needs merge='concat'"):
        nn.SequenceEncoder(nn.GRU(3, H, bidirectional=True, merge="sum"))
    with pytest.raises(TypeError, match="SequenceEncoder needs a recurrent stack"):
        nn.SequenceEncoder(nn.Linear(3, H))
    with pytest.raises(ValueError, match="batch_first"):
        nn.SequenceTagger(nn.GRU(3, H, batch_first=True), 2)


# --- from a vector ----------------------------------------------------------------------------------------------------


def decoder_of(stack, **options):
    return nn.SequenceDecoder(stack(E, H, **options), V, 3, start=1, end=END).to("float64")


def test_a_decoder_learns_to_spell():
    mg.manual_seed(0)
    words = ["two", "four", "six", "eleven"]
    letters = "." + "".join(sorted(set("".join(words))))
    tokens, lengths = pad([[letters.index(c) for c in word + "."] for word in words], value=-1)
    vectors = np.eye(4, dtype=np.float32)
    decoder = nn.SequenceDecoder(nn.LSTM(8, 24), len(letters), 4, start=0, end=0)
    learn(decoder, lambda _: decoder.loss(vectors, tokens, lengths), 80)
    spell = lambda tokens, n: "".join(letters[i] for i in tokens[: n - 1])
    found = decoder.greedy(vectors, 10)
    assert [spell(found.tokens[:, b], found.lengths[b]) for b in range(4)] == words
    best = decoder.beam(vectors, 10, width=3)
    assert [spell(best.tokens[:, b, 0], best.lengths[b, 0]) for b in range(4)] == words
    drawn = decoder.sample(vectors, 10, temperature=0.3, generator=mg.random.Generator(0))
    assert [spell(drawn.tokens[:, b], drawn.lengths[b]) for b in range(4)] == words


def test_a_padded_batch_of_tokens_is_each_sequence_alone(stack, rng):
    decoder = decoder_of(stack)
    vectors, (tokens, lengths) = rng.normal(size=(B, 3)), texts(rng)
    total = 0.0
    for b, n in enumerate(LENGTHS):
        one = decoder.loss(vectors[b : b + 1], tokens[:n, b : b + 1])
        total = total + one * (n / sum(LENGTHS))
    ours = decoder.loss(vectors, tokens, lengths)
    close(ours.item(), total.item())
    for mine, theirs in zip(gradients(decoder, ours), gradients(decoder, total)):
        close(mine, theirs)


@pytest.mark.parametrize("layers", [1, 2])
def test_teacher_forcing_is_a_loop_over_the_true_tokens(stack, layers, rng):
    decoder = decoder_of(stack, num_layers=layers)
    vectors, (tokens, lengths) = rng.normal(size=(B, 3)), texts(rng)
    state, seen, scores = decoder.initial_state(mg.tensor(vectors)), [1] * B, []
    for row in np.maximum(tokens, 0):
        outputs, state = decoder.network(decoder.embedding(np.array(seen))[None], state)
        scores.append(decoder.head(outputs[0]))
        seen = row
    scores = mg.stack(scores)
    ours = decoder(vectors, tokens, lengths, teacher_forcing=1.0)
    inside = np.arange(6)[:, None] < lengths
    close(ours.detach().numpy()[inside], scores.detach().numpy()[inside])
    expected = F.cross_entropy(scores, np.where(inside, tokens, -100))
    loss = decoder.loss(vectors, tokens, lengths)
    close(loss.item(), expected.item())
    for mine, theirs in zip(gradients(decoder, loss), gradients(decoder, expected)):
        close(mine, theirs)


def test_almost_certain_teacher_forcing_is_teacher_forcing(stack, rng):
    """Both ways through the network agree where the truth is always shown."""
    decoder = decoder_of(stack)
    vectors, (tokens, lengths) = rng.normal(size=(B, 3)), texts(rng)
    at_once = decoder.loss(vectors, tokens, lengths, teacher_forcing=1.0)
    by_steps = decoder.loss(vectors, tokens, lengths, teacher_forcing=1 - 1e-12)
    close(at_once.item(), by_steps.item())
    for mine, theirs in zip(gradients(decoder, at_once), gradients(decoder, by_steps)):
        close(mine, theirs)


def test_without_teacher_forcing_the_truth_is_not_seen(rng):
    decoder = decoder_of(nn.GRU)
    vectors, (tokens, lengths) = rng.normal(size=(B, 3)), texts(rng)
    other = np.where(tokens == 3, 4, 3)

    def scores(tokens, probability):
        return decoder(vectors, tokens, lengths, probability, mg.random.Generator(0)).detach().numpy()

    np.testing.assert_array_equal(scores(tokens, 0.0), scores(other, 0.0))
    assert not np.allclose(scores(tokens, 0.5), scores(other, 0.5))
    np.testing.assert_array_equal(scores(tokens, 0.5), scores(tokens, 0.5))  # the generator decides
    assert not np.allclose(scores(tokens, 0.0), scores(tokens, 1.0))


def test_decoding_continues_from_the_vector(stack, rng):
    """The log-probability of what is written is minus the loss of it."""
    decoder = decoder_of(stack, num_layers=2)
    for p in decoder.parameters():
        nn.init.normal_(p, std=0.8)
    vectors = mg.tensor(rng.normal(size=(B, 3)))
    best = decoder.beam(vectors, 4, width=3)
    found = decoder.greedy(vectors, 4)
    assert (best.log_probs[:, 0] >= found.log_probs - 1e-9).all()
    for b in range(B):
        for tokens, n, log_prob in [
            (found.tokens[:, b], found.lengths[b], found.log_probs[b]),
            (best.tokens[:, b, 0], best.lengths[b, 0], best.log_probs[b, 0]),
        ]:
            loss = decoder.loss(vectors[b : b + 1], tokens[:n, None])
            close(-loss.item() * n, log_prob)
            assert n == 4 or tokens[n - 1] == END


def test_the_state_that_a_vector_sets(rng):
    network = UsersStack(E, H, num_layers=2)
    begin = InitialState(network, 3)
    state = begin(mg.tensor(rng.normal(size=(B, 3)).astype(np.float32)))
    _, wanted = network(mg.zeros((1, B, E)))
    assert [leaf.shape for leaf in tree.leaves(state)] == [leaf.shape for leaf in tree.leaves(wanted)]
    assert sorted(begin.state_dict()) == ["linear.bias", "linear.weight"]
    h = mg.tanh(begin.linear(mg.ones((1, 3))))[0, : 2 * H].detach().numpy()
    np.testing.assert_allclose(begin(mg.ones((1, 3)))["h"][:, 0].detach().numpy().ravel(), h, rtol=1e-6)
    assert network.training
    begin = InitialState(network.to("float64"), 3)
    assert {str(leaf.dtype) for leaf in tree.leaves(begin.to("float64")(mg.ones((1, 3), dtype="float64")))} == {
        "float64"
    }


def test_making_a_decoder_draws_nothing_but_its_weights():
    def weights(**options):
        mg.manual_seed(0)
        decoder_of(nn.GRU, num_layers=2, **options)
        return mg.random.uniform((3,)).numpy()

    np.testing.assert_array_equal(weights(dropout=0.5, recurrent_dropout=0.5), weights())


class CountingCell(UsersCell):
    def forward(self, x_t, state):
        h, _ = self.inner(x_t, state and state[0])
        return h, (h, 1)


class CountingStack(nn.RecurrentStack):
    cell_type = CountingCell


def test_what_a_decoder_cannot_do(rng):
    with pytest.raises(ValueError, match="read forward alone"):
        nn.SequenceDecoder(nn.GRU(E, H, bidirectional=True), V, 3, start=0, end=0)
    with pytest.raises(ValueError, match="end is a token, 0 to 6, not 7"):
        nn.SequenceDecoder(nn.GRU(E, H), V, 3, start=0, end=V)
    with pytest.raises(TypeError, match="this network's has a int"):
        nn.SequenceDecoder(CountingStack(E, H), V, 3, start=0, end=0)
    decoder = decoder_of(nn.GRU)
    with pytest.raises(TypeError, match="integers, not float64"):
        decoder.loss(rng.normal(size=(B, 3)), np.zeros((4, B)))
    with pytest.raises(ValueError, match=r"axes \(T, B\)"):
        decoder.loss(rng.normal(size=(B, 3)), np.zeros(4, int))
    with pytest.raises(ValueError, match="lengths are from 1 to 4"):
        decoder.loss(rng.normal(size=(B, 3)), np.zeros((4, B), int), [5] * B)


# --- encoder-decoder --------------------------------------------------------------------------------------------------


def reverser(encoder_stack=nn.GRU, decoder_stack=nn.LSTM, hidden=32, dtype="float32"):
    mg.manual_seed(0)
    encoder = nn.SequenceEncoder(encoder_stack(8, hidden, bidirectional=True), nn.Embedding(V, 8))
    decoder = nn.SequenceDecoder(decoder_stack(8, hidden), V, encoder.output_size, start=END, end=END)
    return nn.EncoderDecoder(encoder, decoder).to(dtype)


def strings(rng, count, longest):
    words = [rng.integers(1, V, n) for n in rng.integers(1, longest + 1, count)]
    x, lengths = pad(words)
    y, token_lengths = pad([[*word[::-1], END] for word in words], value=-1)
    return x, y, lengths, token_lengths


@pytest.mark.parametrize("teacher_forcing", [1.0, 0.8])
def test_an_encoder_decoder_learns_to_reverse_strings(teacher_forcing, rng):
    model = reverser()
    learn(model, lambda _: model.loss(*strings(rng, 64, 3), teacher_forcing=teacher_forcing), 200)
    x, y, lengths, token_lengths = strings(rng, 200, 3)
    with mg.no_grad():
        vectors = model.encoder(x, lengths)
    for tokens in (model.decoder.greedy(vectors, 8).tokens, model.decoder.beam(vectors, 8, width=3).tokens[:, :, 0]):
        right = [np.array_equal(tokens[:n, b], y[:n, b]) for b, n in enumerate(token_lengths)]
        assert np.mean(right) > 0.95


def test_padding_on_both_sides_changes_nothing(stack, rng):
    model = reverser(stack, stack, hidden=H, dtype="float64")
    x, y, lengths, token_lengths = strings(rng, B, 5)
    ours = model.loss(x, y, lengths, token_lengths)
    total = 0.0
    for b, (n, m) in enumerate(zip(lengths, token_lengths)):
        one = model.loss(x[:n, b : b + 1], y[:m, b : b + 1])
        total = total + one * (m / token_lengths.sum())
    close(ours.item(), total.item())
    for mine, theirs in zip(gradients(model, ours), gradients(model, total)):
        close(mine, theirs)


def test_the_encoder_may_read_anything(rng):
    decoder = decoder_of(nn.GRU)
    model = nn.EncoderDecoder(nn.Sequential(nn.Linear(9, 3), nn.Tanh()), decoder).to("float64")
    images, (tokens, lengths) = mg.tensor(rng.normal(size=(B, 9))), texts(rng)
    expected = decoder.loss(model.encoder(images), tokens, lengths, label_smoothing=0.1)
    assert model.loss(images, tokens, None, lengths, label_smoothing=0.1).item() == expected.item()
    assert model(images, tokens, None, lengths).shape == (6, B, V)


def test_topologies_run_on_every_backend(backend):
    model = reverser(hidden=H)
    rng = np.random.default_rng(0)
    x, y, lengths, token_lengths = strings(rng, B, 4)
    for teacher_forcing in (1.0, 0.5):
        loss = model.loss(x, y, lengths, token_lengths, teacher_forcing=teacher_forcing)
        assert all(np.isfinite(g).all() for g in gradients(model, loss))
    with mg.no_grad():
        vectors = model.encoder(x, lengths)
    assert model.decoder.beam(vectors, 5).tokens.shape[1:] == (B, 4)
    for pooling in ("mean", "max"):
        classifier = nn.SequenceClassifier(nn.RNN(4, H), 2, nn.Embedding(V, 4), pooling)
        assert np.isfinite(classifier.loss(x, [0, 1, 0, 1, 1], lengths).item())
    tagger = nn.SequenceTagger(nn.RNN(4, H), V, nn.Embedding(V, 4))
    assert np.isfinite(tagger.loss(x, x, lengths).item())
