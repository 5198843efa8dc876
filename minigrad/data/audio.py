"""Features of sound: how loud each band of frequencies is, on the mel scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..extras import extra


def hertz_to_mel(hertz: Any) -> Any:
    """The mel scale in the form of HTK: 2595 log10(1 + f / 700) (O'Shaughnessy 1987)."""
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def mel_to_hertz(mel: Any) -> Any:
    """The frequency in Hz; undoes `hertz_to_mel`."""
    return 700 * (10 ** (np.asarray(mel) / 2595) - 1)


def mel_filters(mels: int, size: int, rate: float, low: float = 0.0, high: float | None = None) -> np.ndarray:
    """Triangular filters, evenly spaced on the mel scale, over the bins of a Fourier transform.

    Filter m rises from 0 at corner m to 1 at corner m + 1 and falls to 0 at corner m + 2, in Hz; the mels + 2 corners
    go from `low` to `high`. As in HTK, every filter has the height 1 (Davis and Mermelstein 1980; Young et al., HTK
    Book).

    Args:
        mels: the number of filters.
        size: the points of the transform.
        rate: the sampling rate in Hz.
        low, high: the band in Hz; `high` is half the rate unless given.

    Returns:
        float64 of shape (mels, size // 2 + 1).

    Raises ValueError if the band is not within 0 to rate / 2, or if a filter is so narrow that it has no bin.
    """
    high = rate / 2 if high is None else high
    if mels < 1 or not 0 <= low < high <= rate / 2:
        raise ValueError(f"{mels} filters from {low} to {high} Hz: at least 1 is needed, within 0 to {rate / 2} Hz")
    corners = mel_to_hertz(np.linspace(hertz_to_mel(low), hertz_to_mel(high), mels + 2))
    bins = np.arange(size // 2 + 1) * (rate / size)
    rising = (bins - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - bins) / np.diff(corners)[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    empty = np.flatnonzero(filters.max(axis=1) == 0)
    if empty.size:
        raise ValueError(
            f"{mels} filters are too many for {size} points at {rate} Hz: filter {empty[0]} is narrower than the "
            "distance of the bins; use fewer filters or a longer window"
        )
    return filters


def log_mel(
    samples: Any,
    rate: float,
    mels: int = 40,
    window: float = 0.025,
    hop: float = 0.010,
    low: float = 0.0,
    high: float | None = None,
    floor: float = 1e-6,
) -> np.ndarray:
    """Log-mel features: how loud each band of frequencies is, frame by frame.

    Frame t is centred on the time t * hop; beyond the ends of the sound there is silence. A Hann window, a Fourier
    transform (of the next power of two), the squared magnitudes, `mel_filters`, and ln(x + floor).

    Args:
        samples: sound of shape (samples,).
        rate: the sampling rate in Hz.
        mels: M, the number of bands.
        window, hop: length and distance of the frames in seconds.
        low, high: the band in Hz; `high` is half the rate unless given.
        floor: keeps the logarithm of silence finite.

    Returns:
        float32 of shape (T, M), with T = ceil(samples / (hop * rate)).

    Raises:
        ValueError: there are no samples, or they are not a finite vector; window or hop is shorter than a sample;
            `floor` is not above 0; or `mel_filters` refuses the band.
        ImportError: scipy is not installed.
    """
    signal = extra("scipy.signal", "a spectrogram needs scipy", "data")
    sound = np.asarray(samples, np.float64)
    if sound.ndim != 1 or not sound.size or not np.isfinite(sound).all():
        raise ValueError(f"log_mel takes a vector of finite samples, at least one, not the shape {sound.shape}")
    width, step = round(window * rate), round(hop * rate)
    if width < 1 or step < 1 or not floor > 0:
        raise ValueError(
            f"window ({window} s) and hop ({hop} s) must be a sample or more at {rate} Hz, and floor ({floor}) above 0"
        )
    size = 1 << (width - 1).bit_length()
    filters = mel_filters(mels, size, rate, low, high)
    frames = -(-sound.size // step)
    sound = np.pad(sound, (0, max(0, width - sound.size)))  # ShortTimeFFT takes no sound shorter than half a window
    transform = signal.ShortTimeFFT(signal.get_window("hann", width), step, rate, mfft=size)
    power = np.abs(transform.stft(sound, p0=0, p1=frames)) ** 2
    return np.log(filters @ power + floor).T.astype(np.float32)
