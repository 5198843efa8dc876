"""Features of sound, and images of digits."""

import numpy as np
import pytest

from minigrad.data import digit_images, hertz_to_mel, log_mel, mel_filters, mel_to_hertz

# --- log-mel ----------------------------------------------------------------------------------------------------------


def test_the_mel_scale():
    assert hertz_to_mel(0) == 0
    assert hertz_to_mel(1000) == pytest.approx(1000, abs=0.02)  # what the scale is made for
    hertz = np.linspace(0, 8000, 50)
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(hertz)), hertz, atol=1e-9)


def test_filters_are_triangles_between_their_corners():
    """Filter m at f is 1 - |f - centre| / (distance to the corner on that side), written point by point."""
    mels, size, rate, low, high = 10, 512, 8000, 100.0, 3800.0
    filters = mel_filters(mels, size, rate, low, high)
    assert filters.shape == (mels, size // 2 + 1)
    top, bottom = (1127.0 * np.log(1 + f / 700) for f in (high, low))  # the scale with the natural logarithm
    corner = lambda i: 700 * (np.exp((bottom + (top - bottom) * i / (mels + 1)) / 1127.0) - 1)
    for m in range(mels):
        for k in range(size // 2 + 1):
            f, centre = k * rate / size, corner(m + 1)
            side = centre - corner(m) if f < centre else corner(m + 2) - centre
            assert filters[m, k] == pytest.approx(max(0, 1 - abs(f - centre) / side), abs=2e-4)


def test_between_the_outer_centres_the_filters_add_up_to_one():
    filters = mel_filters(20, 1024, 16000)
    total = filters.sum(axis=0)
    first, last = filters[0].argmax() + 1, filters[-1].argmax()
    np.testing.assert_allclose(total[first:last], 1, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 256, 8000), "at least 1"),
        ((10, 256, 8000, -1), "within 0 to 4000.0 Hz"),
        ((10, 256, 8000, 0, 4001), "within"),
        ((10, 256, 8000, 500, 500), "within"),
        ((128, 256, 8000), "128 filters are too many for 256 points"),
    ],
)
def test_filters_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        mel_filters(*arguments)


@pytest.mark.parametrize("count", [1, 50, 80, 81, 200, 1003])
def test_features_are_those_of_the_definition(count):
    pytest.importorskip("scipy")
    sound = np.random.default_rng(count).normal(size=count)
    features = log_mel(sound, 8000, mels=12)
    assert features.shape == (-(-count // 80), 12)
    assert features.dtype == np.float32
    window = np.sin(np.pi * np.arange(200) / 200) ** 2  # Hann
    silence = np.zeros(200)
    padded = np.concatenate([silence[:100], sound, silence])
    frames = np.array([padded[80 * t : 80 * t + 200] * window for t in range(len(features))])
    power = np.abs(np.fft.rfft(frames, 256)) ** 2
    expected = np.log(power @ mel_filters(12, 256, 8000).T + 1e-6)
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-5)


def test_a_tone_is_in_its_band():
    pytest.importorskip("scipy")
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    features = log_mel(tone, 8000, mels=20)
    corners = mel_to_hertz(np.linspace(0, hertz_to_mel(4000), 22))
    assert (features[5:-5].argmax(axis=1) == np.abs(corners[1:-1] - 1000).argmin()).all()


@pytest.mark.parametrize(
    ("samples", "arguments"),
    [
        ([], {}),
        (np.zeros((5, 2)), {}),
        ([np.nan], {}),
        ([0.0], {"window": 0}),
        ([0.0], {"hop": 1e-5}),
        ([0.0], {"floor": 0}),
        ([0.0], {"high": 5000}),
    ],
)
def test_features_that_cannot_be(samples, arguments):
    pytest.importorskip("scipy")
    with pytest.raises(ValueError):
        log_mel(samples, 8000, **arguments)


# --- images -----------------------------------------------------------------------------------------------------------


def test_digits_are_split_once_and_for_all():
    pytest.importorskip("sklearn")
    splits = digit_images()
    assert {split: images.shape for split, (images, _) in splits.items()} == {
        "train": (1397, 8, 8),
        "valid": (200, 8, 8),
        "test": (200, 8, 8),
    }
    for images, labels in splits.values():
        assert images.dtype == np.float32
        assert labels.dtype == np.int64
        assert images.min() == 0
        assert images.max() == 1
        assert np.bincount(labels).min() > 10, "every digit is there"
    assert splits["test"][1][:4].tolist() == [0, 9, 8, 7]
