"""Clips of moving digits: how they are made, a quick run, and what it leaves."""

import json

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.models import video
from minigrad.training.cells import CELLS
from minigrad.training.trainer import Trainer

pytest.importorskip("safetensors")
pytest.importorskip("sklearn")
image = pytest.importorskip("matplotlib.image")
pillow = pytest.importorskip("PIL.Image")


def full(count):
    """Digits that can be told by their grey, and fill their whole square."""
    grey = np.linspace(0.1, 1, count, dtype=np.float32)
    return np.broadcast_to(grey[:, None, None], (count, 8, 8)), np.arange(count)


def centres(frames):
    """The mean row and column of what is seen, (2, T, B)."""
    weights = frames.sum(axis=(2, 3))
    place = np.arange(16)
    return np.stack([(frames * place[:, None]).sum(axis=(2, 3)), (frames * place).sum(axis=(2, 3))]) / weights


# --- the clips --------------------------------------------------------------------------------------------------------


def test_a_digit_moves_in_its_direction():
    images, labels = full(10)
    frames, direction, digit = video.clips(np.random.default_rng(0), images, labels, 400, noise=0.0)
    assert frames.shape == (10, 400, 16, 16)
    assert frames.dtype == np.float32
    down, right = (centres(frames)[:, -1] - centres(frames)[:, 0]).round(5)
    for name, sign in (("up", -1), ("down", 1)):
        going = np.array([name in video.DIRECTIONS[d] for d in direction])
        assert (down[going] * sign > 0).all()
    for name, sign in (("left", -1), ("right", 1)):
        going = np.array([name in video.DIRECTIONS[d] for d in direction])
        assert (right[going] * sign > 0).all()
    still = np.array([video.DIRECTIONS[d] in ("left", "right") for d in direction])
    np.testing.assert_allclose(down[still], 0, atol=1e-5)
    np.testing.assert_allclose(frames.max(axis=(0, 2, 3)), images[digit, 0, 0])


def test_in_the_middle_of_a_clip_the_whole_digit_is_seen_anywhere():
    images, labels = full(3)
    frames, direction, _ = video.clips(np.random.default_rng(0), images, labels, 2000, frames=11, noise=0.0)
    assert ((frames[5] > 0).sum(axis=(1, 2)) == 64).all()
    middle = centres(frames)[:, 5]
    np.testing.assert_allclose(middle.min(axis=1), 3.5, rtol=1e-6)
    np.testing.assert_allclose(middle.max(axis=1), 11.5, rtol=1e-6)
    for d in range(8):  # so that one frame does not tell the direction
        np.testing.assert_allclose(middle[:, direction == d].mean(axis=1), 7.5, atol=0.7)


def test_a_long_clip_ends_with_an_empty_frame():
    frames, _, _ = video.clips(np.random.default_rng(0), *full(3), 50, frames=101, noise=0.0)
    assert not frames[0].any()
    assert not frames[-1].any()
    assert frames[50].any()


def test_clips_are_alike_but_for_noise_and_seed():
    images, labels = full(3)
    clean, noisy, other = (
        video.clips(np.random.default_rng(seed), images, labels, 30, noise=noise)
        for seed, noise in ((0, 0.0), (0, 0.1), (1, 0.1))
    )
    assert np.std(noisy[0] - clean[0]) == pytest.approx(0.1, rel=0.02)
    np.testing.assert_array_equal(noisy[1], clean[1])
    assert not np.array_equal(noisy[1], other[1])


def test_clips_to_learn_from_are_never_the_same_and_have_other_digits():
    task = video.Task(video.Settings(quick=True))
    first, again, other = (next(task.batches(epoch))[0] for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    learned = {x.tobytes() for x in task.images["train"][0]}
    for split in ("valid", "test"):
        assert not learned & {x.tobytes() for x in task.images[split][0]}


# --- the model --------------------------------------------------------------------------------------------------------


def test_patches_are_a_convolution():
    torch = pytest.importorskip("torch")
    mg.manual_seed(0)
    patches = video.Patches(3, 2, 5).to("float64")
    x = np.random.default_rng(0).normal(size=(4, 7, 6, 2))
    weight = torch.tensor(patches.linear.weight.detach().numpy()).reshape(5, 3, 3, 2).permute(0, 3, 1, 2)
    bias = torch.tensor(patches.linear.bias.detach().numpy())
    theirs = torch.nn.functional.conv2d(torch.tensor(x).permute(0, 3, 1, 2), weight, bias).permute(0, 2, 3, 1)
    np.testing.assert_allclose(patches(mg.tensor(x)).detach().numpy(), theirs.numpy(), rtol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns_a_few_clips_by_heart(cell):
    mg.manual_seed(0)
    task = video.Task(video.Settings(cell=cell, frames=5, channels=6, hidden=32, batch=12))
    batch = next(task.batches(0))
    optimizer = optim.Adam(task.model.parameters(), lr=1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        loss = task.loss(batch)
        loss.backward()
        optim.clip_grad_norm_(task.model.parameters(), 1.0)
        optimizer.step()
    assert type(task.model.network) is CELLS[cell]
    measured = task.measures(batch)
    assert measured["direction"] == measured["digit"] == 1
    assert measured["loss"] < 2


def test_the_measured_loss_is_the_one_that_is_learned_from():
    mg.manual_seed(0)
    task = video.Task(video.Settings(quick=True))
    batch = next(task.batches(0))
    assert task.measures(batch)["loss"] == pytest.approx(task.loss(batch).item(), rel=1e-5)


def test_it_runs_on_every_backend(backend):
    mg.manual_seed(0)
    trainer = Trainer(video.Task(video.Settings(quick=True, steps=2, backend=backend)))
    trainer.train()
    assert np.isfinite(trainer.losses).all()


def test_beliefs_are_probabilities():
    model = video.untrained()
    frames, _, _ = video.clips(np.random.default_rng(0), *full(3), 7)
    for question, p in video.beliefs(model, frames, batch=3).items():
        assert p.shape == (10, 7, len(video.ANSWERS[question]))
        np.testing.assert_allclose(p.sum(axis=2), 1, rtol=1e-5)
    np.testing.assert_allclose(p, video.beliefs(model, frames)[question], rtol=1e-5)


# --- a run ------------------------------------------------------------------------------------------------------------


def test_a_quick_run(tmp_path):
    settings = video.Settings(quick=True, out=tmp_path)
    metrics = video.train(settings)
    assert metrics["finished"]
    assert metrics["results"]["clips"] == 1000
    assert metrics["results"]["direction_after_each_frame"][-1] == metrics["results"]["direction"]
    assert len(metrics["results"]["digit_after_each_frame"]) == 5
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    assert image.imread(tmp_path / "clips.png").ndim == 3
    assert "</svg>" in (tmp_path / "graph.svg").read_text()
    with pillow.open(tmp_path / "clip.gif") as animation:
        assert animation.n_frames == 5

    task = video.Task(settings)
    task.model = video.load(tmp_path)
    assert task.results() == metrics["results"]
    with pytest.raises(FileNotFoundError, match="minigrad train video"):
        video.load(tmp_path / "nowhere")


def test_wrong_clips_are_shown_first():
    mg.manual_seed(0)
    task = video.Task(video.Settings(quick=True))
    shown = task.shown_clips()
    assert [clip.wrong for clip in shown[:2]] == [True, True]
    assert len(shown) == 6
    for clip in shown:
        told = {q: int(p[-1].argmax()) for q, p in clip.beliefs.items()}
        assert clip.wrong == (told != clip.truth)
        assert ("told" in clip.title) == clip.wrong


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match=r"^frames must be at least 2, not 1"):
        video.Settings(frames=1)


def test_it_can_be_drawn():
    for steps in (1, 3):
        assert video.unrolled(video.untrained(), steps).shape == ()
