"""Chorales and MIDI files as piano rolls, and back."""

import json

import numpy as np
import pytest
import real_data

from minigrad.data import read_chorales, read_midi, write_midi


def written(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


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
