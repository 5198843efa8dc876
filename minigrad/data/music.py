"""Music as piano rolls: chorales from JSON, and MIDI files.

A piano roll has the shape (T, 88): which of the piano's keys, MIDI pitches 21 to 108, sound at each step. A step is a
quarter note.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..extras import extra
from .contents import read_bytes
from .labelled import files_in, tenths
from .text import read_text

LOWEST, HIGHEST = 21, 108  # the piano's A0 and C8
KEYS = HIGHEST - LOWEST + 1
MIDI = (".mid", ".midi")  # files that are read
SPLITS = ("train", "valid", "test")


def read_chorales(path: str | Path) -> dict[str, list[np.ndarray]]:
    """The pieces of a JSON file by split (train, valid, test): piano rolls, float32 of 0 and 1, of shape (T, 88).

    In the file, a piece is a list of steps, and a step the list of its pitches; an empty list is a rest.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is not JSON, a split is not there, or a pitch is not a piano's; the message says where.
    """
    try:
        data = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or set(data) != set(SPLITS):
        found = ", ".join(data) if isinstance(data, dict) else f"a {type(data).__name__}"
        raise ValueError(f"{path} should have {', '.join(SPLITS)}, and has {found}")
    rolls = {}
    for split in SPLITS:
        if not isinstance(data[split], list):
            raise ValueError(f"{path}, {split}: this should be a list of pieces, not {str(data[split])[:40]}")
        rolls[split] = [_roll(piece, f"{path}, {split}, piece {i}") for i, piece in enumerate(data[split])]
    return rolls


def _roll(piece: Any, where: str) -> np.ndarray:
    if not isinstance(piece, list) or not piece:
        raise ValueError(f"{where}: a piece is a list of steps, at least one, not {str(piece)[:40]}")
    roll = np.zeros((len(piece), KEYS), np.float32)
    for t, chord in enumerate(piece):
        if not isinstance(chord, list) or not all(type(p) is int and LOWEST <= p <= HIGHEST for p in chord):
            raise ValueError(
                f"{where}, step {t}: {str(chord)[:40]} is not a list of pitches from {LOWEST} to {HIGHEST}"
            )
        roll[t, [pitch - LOWEST for pitch in chord]] = 1
    return roll


def write_midi(path: str | Path, roll: Any, tempo: float = 80, program: int = 0, velocity: int = 80) -> None:
    """Write a piano roll as a MIDI file of one track.

    A key that sounds in several steps one after the other is one long note, since a roll does not tell that from
    repeated ones.

    Args:
        path: the file.
        roll: 0 and 1, or truth values, of shape (T, 88).
        tempo: quarter notes, steps, a minute.
        program: the instrument, 0 to 127, as General MIDI counts them: 0 is a piano, 19 an organ.
        velocity: how hard the keys are struck, 1 to 127.

    Raises:
        ValueError: the roll has another shape or other values; a number is out of its range.
        OSError: the file cannot be written.
        ImportError: mido is not installed.
    """
    mido = _mido()
    keys = np.asarray(roll)
    if keys.ndim != 2 or keys.shape[1] != KEYS or not keys.shape[0] or not np.isin(keys, (0, 1)).all():
        raise ValueError(f"a piano roll has 0 and 1 in the shape (T, {KEYS}), not {keys.dtype} of shape {keys.shape}")
    if not (4 <= tempo <= 60e6 and 0 <= program <= 127 and 1 <= velocity <= 127):
        raise ValueError(
            f"tempo must be 4 or more, program 0 to 127, velocity 1 to 127, not {tempo}, {program}, {velocity}"
        )
    file = mido.MidiFile(type=0)
    track = file.add_track()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))
    track.append(mido.Message("program_change", program=program))
    silence = np.zeros((1, KEYS), np.int8)
    changes = np.diff(keys.astype(np.int8), axis=0, prepend=silence, append=silence)
    last = 0
    for t, change in enumerate(changes):
        for kind, sign in (("note_off", -1), ("note_on", 1)):
            for key in np.flatnonzero(change == sign):
                wait, last = (t - last) * file.ticks_per_beat, t
                pitch = LOWEST + int(key)
                track.append(mido.Message(kind, note=pitch, velocity=velocity if sign > 0 else 0, time=wait))
    track.append(mido.MetaMessage("end_of_track", time=(len(keys) - last) * file.ticks_per_beat))
    file.save(path)


def read_midi(path: str | Path) -> np.ndarray:
    """The piano roll of a MIDI file: the keys that sound at the beginning of each quarter note.

    All tracks and channels are taken together; each has its own notes, so a key sounds until all have let it go. Where
    a track strikes a key again that sounds, the first end is that of the first note. A note without an end is silenced
    with the last one of its key, or sounds to the end of its track. What begins and ends between two quarter notes is
    not in the roll. Tempo has no meaning for it.

    Returns float32 of 0 and 1, of shape (T, 88).

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is not a MIDI file, is cut off, counts in seconds, has several pieces (type 2), or has a pitch
            that no piano has.
        ImportError: mido is not installed.
    """
    mido = _mido()
    content = _tracks_alone(read_bytes(path))
    try:
        file = mido.MidiFile(file=io.BytesIO(content))
    except (OSError, EOFError, ValueError, LookupError, mido.KeySignatureError) as error:
        damaged = "a message in it is damaged" if isinstance(error, LookupError) else str(error)
        reason = damaged or "it ends early, or does not begin as one"
        raise ValueError(f"{path} is not a whole MIDI file: {reason}. Copy it again") from error
    beat = file.ticks_per_beat
    if not 0 < beat < 0x8000:
        raise ValueError(f"{path} counts its time in seconds, not in quarter notes; write it again with ticks per beat")
    if file.type == 2 and len(file.tracks) > 1:
        raise ValueError(f"{path} holds {len(file.tracks)} pieces (it is of type 2), not one; save each as type 0 or 1")
    length = max((sum(message.time for message in track) for track in file.tracks), default=0)
    roll = np.zeros((max(1, -(-length // beat)), KEYS), np.float32)
    for track in file.tracks:
        for pitch, start, end in _notes(track):
            if not LOWEST <= pitch <= HIGHEST:
                raise ValueError(f"{path} has the pitch {pitch}; a piano has {LOWEST} to {HIGHEST}")
            roll[-(-start // beat) : -(-end // beat), pitch - LOWEST] = 1
    return roll


def read_midi_folder(folder: str | Path) -> dict[str, list[np.ndarray]]:
    """The pieces of a folder of MIDI files by split, as those of `read_chorales`.

    They are in sub-folders train, valid and test; or in the folder itself, and then of ten one after the other, in the
    order of names, the first is in the test set and the second in the validation set.

    Raises OSError, ValueError for too few files and for one that `read_midi` refuses, ImportError without mido.
    """
    folder = Path(folder)
    if all((folder / split).is_dir() for split in SPLITS):
        paths = {split: files_in(folder / split, MIDI) for split in SPLITS}
    else:
        paths = tenths(files_in(folder, MIDI))
    for split in SPLITS:
        if not paths[split]:
            raise ValueError(f"{folder} has {sum(map(len, paths.values()))} MIDI files, and none for {split!r}")
    return {split: [read_midi(path) for path in paths[split]] for split in SPLITS}


def _notes(track: Any) -> Iterator[tuple[int, int, int]]:
    """The notes of a track of mido: pitch, and the ticks where they begin and end."""
    sounding: dict[tuple[int, int], deque[int]] = defaultdict(deque)  # where they began, by channel and pitch
    last: dict[tuple[int, int], int] = {}  # the last end
    now = 0
    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off"):
            continue
        key = message.channel, message.note
        if message.type == "note_on" and message.velocity:
            sounding[key].append(now)
        else:
            last[key] = now
            if sounding[key]:
                yield message.note, sounding[key].popleft(), now
    for key, starts in sounding.items():
        for start in starts:
            yield key[1], start, last[key] if last.get(key, -1) > start else now


def _tracks_alone(content: bytes) -> bytes:
    """A MIDI file without chunks of other kinds, which the standard allows and mido refuses.

    Where there are more tracks than its header says, the header is corrected: mido would leave them out.
    """
    kept: list[bytes] = []
    place = 0
    while place < len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "big")
        part = content[place : place + 8 + size]
        if not place or part[:4] == b"MTrk":
            kept.append(part)
        place += 8 + size
    tracks = len(kept) - 1
    if kept and int.from_bytes(kept[0][10:12], "big") < tracks < 0x10000:
        kept[0] = kept[0][:10] + tracks.to_bytes(2, "big") + kept[0][12:]
    return b"".join(kept)


def _mido() -> Any:
    return extra("mido", "MIDI files need mido", "data")
