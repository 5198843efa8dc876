"""Chorales and MIDI files as piano rolls, and back."""

import gzip
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
        with pytest.raises(ValueError, match=r"not a whole MIDI file|is empty"):
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


# --- notes of several tracks and channels -----------------------------------------------------------------------------

BEAT = 10


@pytest.fixture
def played(tmp_path):
    """When middle C sounds, quarter note by quarter note, in tracks of (ticks since the last, kind, channel)."""
    mido = pytest.importorskip("mido")

    def play(*tracks, type=1, end=0, pitch=60):
        file = mido.MidiFile(type=type, ticks_per_beat=BEAT)
        for messages in tracks:
            track = file.add_track()
            for wait, kind, channel in messages:
                silent = {"off": 64, "on": 64, "zero": 0}[kind]
                name = "note_off" if kind == "off" else "note_on"
                track.append(mido.Message(name, channel=channel, note=pitch, velocity=silent, time=wait))
            track.append(mido.MetaMessage("end_of_track", time=end))
        file.save(tmp_path / "file.mid")
        return read_midi(tmp_path / "file.mid")[:, pitch - 21].astype(int).tolist()

    return play


def test_two_tracks_of_one_channel_hold_the_same_key(played):
    long, short = [(0, "on", 0), (40, "off", 0)], [(10, "on", 0), (10, "off", 0)]
    assert played(long, short) == played(short, long) == [1, 1, 1, 1]
    assert played(long, short, short) == [1, 1, 1, 1]


def test_two_channels_of_one_track_hold_the_same_key(played):
    assert played([(0, "on", 0), (10, "on", 1), (10, "off", 1), (20, "off", 0)], type=0) == [1, 1, 1, 1]
    assert played([(0, "on", 0), (10, "off", 1), (10, "zero", 0)], end=10) == [1, 1, 0]


@pytest.mark.parametrize("off", ["off", "zero"])
@pytest.mark.parametrize(
    ("track", "sounds"),
    [
        ([(0, "on"), (10, "on"), (10, "off"), (20, "off")], [1, 1, 1, 1]),  # struck again, and both have their ends
        ([(0, "on"), (10, "on"), (0, "off"), (10, "off")], [1, 1]),  # the next note comes before the end of the first
        ([(0, "on"), (10, "off"), (0, "on"), (10, "off")], [1, 1]),
        ([(0, "on"), (10, "on"), (10, "off"), (20, "off"), (0, "off")], [1, 1, 1, 1]),  # one end too many
        ([(10, "off"), (0, "on"), (10, "off")], [0, 1]),
        ([(0, "on"), (0, "off"), (10, "on"), (10, "off")], [0, 1]),  # a note of no length
        ([(0, "on"), (10, "on"), (10, "off"), (20, "off"), (10, "on"), (10, "off")], [1, 1, 1, 1, 0, 1]),
    ],
)
def test_a_key_that_is_struck_again(played, track, sounds, off):
    messages = [(wait, off if kind == "off" else kind, 3) for wait, kind in track]
    assert played(messages, type=0) == sounds


def test_a_note_without_an_end_sounds_to_the_end_of_its_track(played):
    assert played([(10, "on", 0)], end=30) == [0, 1, 1, 1]
    assert played([(0, "on", 0)], [(40, "off", 0)], end=0) == [0, 0, 0, 0], "its track ends where it begins"
    # Struck again without an end between: it is silenced with the last end of its key, not held for ever.
    assert played([(0, "on", 0), (10, "on", 0), (10, "off", 0)], end=20) == [1, 1, 0, 0]


def test_several_pieces_in_one_file_are_refused(played):
    note = [(0, "on", 0), (10, "off", 0)]
    assert played(note, type=2) == [1]
    with pytest.raises(ValueError, match=r"holds 2 pieces \(it is of type 2\), not one; save each as type 0 or 1"):
        played(note, note, type=2)


def track(content):
    return b"MTrk" + len(content).to_bytes(4, "big") + content


def header(tracks=1, division=96, kind=0):
    return b"MThd\0\0\0\6" + b"".join(n.to_bytes(2, "big") for n in (kind, tracks, division))


RUNNING = bytes([0, 0x90, 60, 64, 96, 60, 0, 0, 62, 64, 96, 62, 0, 0, 0xFF, 0x2F, 0])  # one status for four messages


def test_running_status_chunks_of_other_kinds_and_what_follows(tmp_path):
    pytest.importorskip("mido")
    for content in (
        header() + track(RUNNING),
        header() + b"XFIH\0\0\0\3abc" + track(RUNNING) + b"junk at the end",
        gzip.compress(header() + track(RUNNING), mtime=0),
    ):
        roll = read_midi(written(tmp_path, content))
        assert [np.flatnonzero(chord).tolist() for chord in roll] == [[60 - 21], [62 - 21]]


def test_tempo_and_ticks_change_nothing(tmp_path):
    mido = pytest.importorskip("mido")
    for ticks in (1, 96, 480, 960):
        file = mido.MidiFile(ticks_per_beat=ticks)
        file.add_track().extend(
            [
                mido.MetaMessage("set_tempo", tempo=250_000),
                mido.Message("note_on", note=60),
                mido.MetaMessage("set_tempo", tempo=1_000_000, time=ticks),
                mido.Message("note_off", note=60, time=2 * ticks),
            ]
        )
        file.save(tmp_path / "file.mid")
        assert read_midi(tmp_path / "file.mid")[:, 60 - 21].tolist() == [1, 1, 1]


@pytest.mark.parametrize("told", [0, 1])
def test_tracks_that_the_header_does_not_count(tmp_path, told):
    pytest.importorskip("mido")
    second = track(RUNNING.replace(b"<", b"@"))  # pitch 64 in place of 60
    roll = read_midi(written(tmp_path, header(tracks=told, kind=1) + track(RUNNING) + second))
    assert [np.flatnonzero(chord).tolist() for chord in roll] == [[60 - 21, 64 - 21], [62 - 21]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header() + track(b"\0\xff\x54\5\xff\xff\xff\xff\xff" + RUNNING), "a message in it is damaged"),
        (header(division=0xE728) + track(RUNNING), "counts its time in seconds"),
        (header(division=0) + track(RUNNING), "counts its time in seconds"),
        (header(tracks=2) + track(RUNNING), "not a whole MIDI file: it ends early"),
        (b"RIFF\0\0\0\0RMID", "not a whole MIDI file"),
        (b"", "is empty"),
    ],
)
def test_midi_files_of_another_kind(tmp_path, content, message):
    pytest.importorskip("mido")
    with pytest.raises(ValueError, match=message):
        read_midi(written(tmp_path, content))


def test_a_folder_is_no_midi_file(tmp_path):
    pytest.importorskip("mido")
    with pytest.raises(IsADirectoryError, match="is a directory"):
        read_midi(tmp_path)
