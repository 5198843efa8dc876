"""Files of series, sound, music and images as arrays; files that are damaged or of another kind are refused."""

import io
import json
import re
import wave

import numpy as np
import pytest
import real_data

from minigrad.data import (
    digit_images,
    hertz_to_mel,
    log_mel,
    mel_filters,
    mel_to_hertz,
    read_chorales,
    read_midi,
    read_series,
    read_wav,
    write_midi,
)

# --- time series ------------------------------------------------------------------------------------------------------


def written(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_years_and_values(tmp_path):
    times, values = read_series(written(tmp_path, '"YEAR","SUN"\n1700,5\n1701,11.5\n'))
    assert times.astype(str).tolist() == ["1700", "1701"]
    assert values.tolist() == [5, 11.5]


def test_days_with_gaps(tmp_path):
    times, values = read_series(written(tmp_path, "date,co2\n19580329,316.1\n1958-04-05,\n"))
    assert times.dtype == "datetime64[D]"
    assert np.diff(times) == np.timedelta64(7, "D")
    np.testing.assert_array_equal(values, [316.1, np.nan])


def test_months_in_columns_become_one_series(tmp_path):
    names = "YEAR,JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC\n"
    rows = "".join(
        f"{year}," + ",".join(str(12 * i + m) for m in range(12)) + "\n" for i, year in enumerate((1950, 1951))
    )
    path = written(tmp_path, names + rows)
    times, values = read_series(path)
    assert values.tolist() == list(range(24))
    assert times.astype(str).tolist()[11:13] == ["1950-12", "1951-01"]
    assert read_series(path, "MAR").values.tolist() == [2, 14]


def test_a_column_by_its_name(tmp_path):
    path = written(tmp_path, "month,a,b\n2000-01,1,2\n2000-02,3,4\n")
    assert read_series(path, "b").values.tolist() == [2, 4]
    with pytest.raises(ValueError, match="the columns month, a, b; say which one"):
        read_series(path)
    with pytest.raises(ValueError, match="no column 'month' of values, but a, b"):
        read_series(path, "month")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("year,x\n", "has no values"),
        ("year,x\n1700,1,2\n", "line 2: 3 fields, where there are 2 columns"),
        ("year,x\n1700,1\n\n1701,2\n", "line 3: 0 fields"),
        ("year,x\n1700,one\n", "line 2, column 'x': 'one' is not a number"),
        ("year,x\n1700,inf\n", "'inf' is not a number"),
        ("year,x\n1700,nan\n", "'nan' is not a number"),
        ("year,x\n17,1\n", "'17' is not a year, a month"),
        ("day,x\n20001301,1\n", "'20001301' is not a year"),
        ("year,x\n1700,1\n1700,2\n", "line 3: the time '1700' does not follow 1700"),
        ("year,x\n1700,1\n1701-01,2\n", "does not follow"),
        ('year,x\n1700,"' + "1" * 200_000 + '"\n', "field larger than"),
        ("year\n1700\n", "has the columns year"),
    ],
)
def test_series_that_are_damaged(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_series(written(tmp_path, content))


@pytest.mark.parametrize(
    ("name", "first", "last", "count", "gaps"),
    [
        ("sunspots", "1700", "2008", 309, 0),
        ("co2", "1958-03-29", "2001-12-29", 2284, 59),
        ("elnino", "1950-01", "2010-12", 732, 0),
    ],
)
def test_the_real_series(name, first, last, count, gaps):
    times, values = read_series(real_data.path(f"series/{name}.csv"))
    assert times[[0, -1]].astype(str).tolist() == [first, last]
    assert len(times) == len(values) == count
    assert np.isnan(values).sum() == gaps


# --- sound ------------------------------------------------------------------------------------------------------------


def wav(samples, width=2, rate=8000, channels=1):
    """A WAV file's bytes, made by Python's own library."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples).tobytes())
    return content.getvalue()


@pytest.mark.parametrize(
    ("dtype", "samples", "expected"),
    [
        ("int16", [-32768, 0, 16384, 32767], [-1, 0, 0.5, 32767 / 32768]),
        ("uint8", [0, 128, 192, 255], [-1, 0, 0.5, 127 / 128]),
        ("int32", [-(2**31), 0, 2**30], [-1, 0, 0.5]),
    ],
)
def test_integers_become_minus_one_to_one(tmp_path, dtype, samples, expected):
    pytest.importorskip("scipy")
    samples = np.array(samples, dtype)
    rate, sound = read_wav(written(tmp_path, wav(samples, samples.itemsize, 11025)))
    assert rate == 11025
    assert sound.dtype == np.float32
    np.testing.assert_array_equal(sound, np.float32(expected))


def test_24_bits(tmp_path):
    pytest.importorskip("scipy")
    raw = b"".join(value.to_bytes(3, "little", signed=True) for value in (-(2**23), 0, 2**22))
    assert read_wav(written(tmp_path, wav(np.frombuffer(raw, np.uint8), 3)))[1].tolist() == [-1, 0, 0.5]


def test_floats_are_taken_as_they_are(tmp_path):
    wavfile = pytest.importorskip("scipy.io.wavfile")
    samples = np.array([0.25, -1, 1.5], np.float64)
    wavfile.write(tmp_path / "file", 8000, samples)
    assert read_wav(tmp_path / "file")[1].tolist() == samples.tolist()


def test_several_channels_are_an_error_or_averaged(tmp_path):
    pytest.importorskip("scipy")
    path = written(tmp_path, wav(np.array([[8192, 16384], [0, -32768]], np.int16), channels=2))
    with pytest.raises(ValueError, match="has 2 channels, not one; average=True"):
        read_wav(path)
    assert read_wav(path, average=True)[1].tolist() == [0.375, -0.5]


def test_a_wav_file_cut_off_anywhere_is_refused(tmp_path):
    pytest.importorskip("scipy")
    content = wav(np.arange(50, dtype=np.int16))
    for end in range(len(content)):
        with pytest.raises(ValueError, match="file"):
            read_wav(written(tmp_path, content[:end]))


def test_what_is_no_sound(tmp_path):
    pytest.importorskip("scipy")
    with pytest.raises(ValueError, match="not a whole WAV file"):
        read_wav(written(tmp_path, b"date,co2\n19580329,316.1\n" * 9))
    with pytest.raises(ValueError, match="no samples"):
        read_wav(written(tmp_path, wav(np.zeros(0, np.int16))))
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path / "nothing")


def test_other_chunks_do_no_harm(tmp_path):
    pytest.importorskip("scipy")
    content = wav(np.array([16384], np.int16)) + b"note\x04\x00\x00\x00abcd"
    content = content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:]
    assert read_wav(written(tmp_path, content))[1].tolist() == [0.5]


def test_the_spoken_digits_are_what_their_headers_say():
    pytest.importorskip("scipy")
    files = sorted(real_data.folder("speech/fsdd").glob("*.wav"))
    assert len(files) == 2000
    assert all(re.fullmatch(r"\d_(george|jackson|nicolas|theo)_\d+\.wav", file.name) for file in files)
    for file in files[::100]:
        with wave.open(str(file)) as header:
            assert (header.getnchannels(), header.getsampwidth(), header.getframerate()) == (1, 2, 8000)
            expected = np.frombuffer(header.readframes(header.getnframes()), "<i2") / 32768
        rate, sound = read_wav(file)
        assert rate == 8000
        np.testing.assert_array_equal(sound, expected)


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


# --- music ------------------------------------------------------------------------------------------------------------


def chorales(**splits):
    return json.dumps({"train": [[[60, 64]]], "valid": [[[21], []]], "test": [[[108]]], **splits})


def test_chords_become_rows_of_keys(tmp_path):
    pieces = read_chorales(written(tmp_path, chorales()))
    (piece,) = pieces["train"]
    assert piece.shape == (1, 88)
    assert piece.dtype == np.float32
    assert np.flatnonzero(piece[0]).tolist() == [60 - 21, 64 - 21]
    assert pieces["valid"][0].sum(axis=1).tolist() == [1, 0]
    assert pieces["test"][0][0, 87] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("{", "is not JSON"),
        ("[]", "should have train, valid, test, and has a list"),
        ('{"train": []}', "and has train"),
        (chorales(test=[[[60], [20]]]), r"test, piece 0, step 1: \[20\] is not a list of pitches from 21 to 108"),
        (chorales(test=[[[109]]]), "from 21 to 108"),
        (chorales(test=[[[60.5]]]), "list of pitches"),
        (chorales(test=[[[True]]]), "list of pitches"),
        (chorales(test=[[60]]), "list of pitches"),
        (chorales(valid=[[]]), "valid, piece 0: a piece is a list of steps"),
        (chorales(valid=[3]), "valid, piece 0: a piece is a list of steps"),
        (chorales(valid=3), "valid: this should be a list of pieces"),
    ],
)
def test_chorales_that_are_damaged(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_chorales(written(tmp_path, content))


def test_the_chorales_have_the_published_split():
    pieces = read_chorales(real_data.path("music/jsb-chorales-quarter.json"))
    assert {split: len(rolls) for split, rolls in pieces.items()} == {"train": 229, "valid": 76, "test": 77}
    assert sum(len(roll) for roll in pieces["train"]) == 13807
    assert max(roll.sum(axis=1).max() for rolls in pieces.values() for roll in rolls) == 4


def test_a_roll_comes_back_from_its_midi_file(tmp_path):
    pytest.importorskip("mido")
    rng = np.random.default_rng(0)
    for steps in (1, 2, 30):
        roll = (rng.random((steps, 88)) < 0.3).astype(np.float32)
        roll[-1] = 0  # a rest at the end counts
        write_midi(tmp_path / "roll.mid", roll)
        np.testing.assert_array_equal(read_midi(tmp_path / "roll.mid"), roll, strict=True)


def test_what_is_written_is_what_mido_reads(tmp_path):
    mido = pytest.importorskip("mido")
    roll = np.zeros((3, 88), bool)
    roll[:2, 60 - 21] = True
    roll[2, 64 - 21] = True
    write_midi(tmp_path / "roll.mid", roll, tempo=120, program=19, velocity=70)
    file = mido.MidiFile(tmp_path / "roll.mid")
    assert file.length == pytest.approx(1.5)  # three quarter notes at 120 a minute
    notes = [(m.type, m.note, m.time) for m in file.tracks[0] if m.type.startswith("note")]
    beat = file.ticks_per_beat
    assert notes == [("note_on", 60, 0), ("note_off", 60, 2 * beat), ("note_on", 64, 0), ("note_off", 64, beat)]
    assert [m.program for m in file.tracks[0] if m.type == "program_change"] == [19]


def test_notes_between_the_beats_sound_where_a_beat_meets_them(tmp_path):
    mido = pytest.importorskip("mido")
    file = mido.MidiFile(ticks_per_beat=10)
    for channel, times in enumerate([(0, 11), (5, 10), (11, 8)]):  # (begin, length) of three notes
        track = file.add_track()
        track.append(mido.Message("note_on", channel=channel, note=60 + channel, time=times[0]))
        track.append(mido.Message("note_on", channel=channel, note=60 + channel, velocity=0, time=times[1]))
    file.save(tmp_path / "file.mid")
    roll = read_midi(tmp_path / "file.mid")
    assert roll[:, 60 - 21 : 63 - 21].T.tolist() == [[1, 1], [0, 1], [0, 0]]


@pytest.mark.parametrize(
    ("roll", "arguments"),
    [
        (np.zeros((3, 87)), {}),
        (np.zeros((0, 88)), {}),
        (np.full((3, 88), 0.5), {}),
        (np.full((3, 88), np.nan), {}),
        (np.zeros((3, 88)), {"tempo": 0}),
        (np.zeros((3, 88)), {"program": 128}),
        (np.zeros((3, 88)), {"velocity": 0}),
    ],
)
def test_rolls_that_cannot_be_written(tmp_path, roll, arguments):
    pytest.importorskip("mido")
    with pytest.raises(ValueError):
        write_midi(tmp_path / "roll.mid", roll, **arguments)
    assert not (tmp_path / "roll.mid").exists()


def test_a_midi_file_cut_off_anywhere_is_refused(tmp_path):
    pytest.importorskip("mido")
    roll = np.zeros((3, 88))
    roll[1, 40] = 1
    write_midi(tmp_path / "roll.mid", roll)
    content = (tmp_path / "roll.mid").read_bytes()
    for end in range(len(content)):
        with pytest.raises(ValueError, match="not a whole MIDI file"):
            read_midi(written(tmp_path, content[:end]))
    with pytest.raises(FileNotFoundError, match="no file"):
        read_midi(tmp_path / "nothing")


def test_a_pitch_that_no_piano_has(tmp_path):
    mido = pytest.importorskip("mido")
    file = mido.MidiFile()
    file.add_track().extend([mido.Message("note_on", note=20), mido.Message("note_off", note=20, time=10)])
    file.save(tmp_path / "file.mid")
    with pytest.raises(ValueError, match="has the pitch 20; a piano has 21 to 108"):
        read_midi(tmp_path / "file.mid")


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
