"""What trained models are given, and data with labels: texts, files, folders, pictures."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from minigrad.data import (
    given_files,
    given_sentences,
    given_texts,
    labelled_files,
    read_frames,
    read_image,
    read_image_folder,
    read_labelled,
    read_midi_folder,
    write_midi,
)
from minigrad.data.images import shrunk
from minigrad.data.labelled import tenths


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- texts ------------------------------------------------------------------------------------------------------------


def test_texts_are_themselves_or_files(here):
    Path("a.txt").write_bytes(b"one\r\ntwo\n")
    Path("b.txt.gz").write_bytes(gzip.compress(b"packed"))
    found = list(given_texts(["three  words\nhere", "a.txt", Path("b.txt.gz"), "what? a/b.txt"]))
    assert [each.name for each in found] == ["three words here", "a.txt", "b.txt.gz", "what? a/b.txt"]
    assert [each.text for each in found] == ["three  words\nhere", "one\ntwo", "packed", "what? a/b.txt"]
    assert [each.name for each in given_sentences(["a.txt"])] == ["a.txt:1", "a.txt:2"]


@pytest.mark.parametrize("given", ["a.txt", "folder/name", "../x", "review.csv", "Sound.WAV", Path("anything at all")])
def test_what_looks_like_a_file_and_is_none(here, given):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        list(given_texts([given]))


@pytest.mark.parametrize("given", ["a", "Dr.", "end.", "and/or not", "v1.2", "x" * 5000, "a\0b"])
def test_texts_that_look_like_files_a_little(here, given):
    assert [each.text for each in given_texts([given])] == [given]


def test_empty_texts(here):
    Path("empty.txt").write_bytes(b"")
    Path("lines.txt").write_bytes(b"\n \n")
    for given, words in [
        ("", "an input is an empty text"),
        ("empty.txt", "empty.txt is empty"),
        ("lines.txt", "lines.txt"),
    ]:
        with pytest.raises(ValueError, match=words):
            list(given_sentences([given]))


def test_files_and_folders_of_them(here):
    Path("sounds").mkdir()
    for name in ("b.wav", "a.WAV", "c.txt"):
        (Path("sounds") / name).write_bytes(b"")
    assert [path.name for path in given_files(["sounds", "sounds/c.txt"], (".wav",), "recordings")] == [
        "a.WAV",
        "b.wav",
        "c.txt",
    ]
    with pytest.raises(ValueError, match=r"sounds has no pictures: files that end in \.png, \.gif"):
        given_files(["sounds"], (".png", ".gif"), "pictures")
    with pytest.raises(FileNotFoundError, match=r"no file b\.wav; this model reads recordings"):
        given_files(["b.wav"], (".wav",), "recordings")


# --- labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        'text,label\n"good, really",pos\nbad,neg\n',
        '\ufeffid,Label,TEXT\r\n1,pos,"good, really"\r\n\r\n2, neg , bad \r\n',
        "label\ttext\npos\tgood, really\nneg\tbad\n",
    ],
)
def test_texts_with_labels(here, content):
    Path("a.csv").write_text(content, encoding="utf-8")
    assert read_labelled("a.csv") == [("good, really", "pos"), ("bad", "neg")]


def test_quotes_in_a_file_with_tabs_are_quotes(here):
    Path("a.tsv").write_text('text\tlabel\n"Oh," he said\tpos\n')
    assert read_labelled("a.tsv") == [('"Oh," he said', "pos")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "good,pos\n",
            "a.csv should have a line of names with 'text' and 'label' in it, once each, and begins with 'good,pos'",
        ),
        ("text,label\n", "has names of columns and nothing else"),
        ("text,label\ngood, really,pos\n", r"line 2: 3 fields, not 2 \(a text with a comma in it"),
        ("text,label\ngood\n", "line 2: 1 fields, not 2"),
        ("text,label\ngood,\n", "line 2: the label is empty"),
        ('text,label\n"good,pos\n', "line 2: "),
    ],
)
def test_files_of_labels_that_are_damaged(here, content, words):
    Path("a.csv").write_text(content)
    with pytest.raises(ValueError, match=words):
        read_labelled("a.csv")


def made(*names):
    for name in names:
        path = Path("data") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_the_label_of_a_file_is_its_folder_or_the_beginning_of_its_name(here):
    made("yes/1.wav", "yes/2.wav", "yes/3.wav", "no/1.wav", "no/2.wav", "no/3.WAV", "_noise_/1.wav", "yes_x.wav")
    found = labelled_files("data", (".wav",), "recordings")
    assert {label: [path.name for path in files] for label, files in found.items()} == {
        "no": ["1.wav", "2.wav", "3.WAV"],
        "yes": ["1.wav", "2.wav", "3.wav"],
    }


def test_the_beginning_of_a_name(here):
    made(*(f"{word}_{i}_x.wav" for word in ("up", "down") for i in range(3)), "readme.txt")
    assert list(labelled_files("data", (".wav",), "recordings")) == ["down", "up"]
    with pytest.raises(NotADirectoryError, match="there is no folder other of recordings"):
        labelled_files("other", (".wav",), "recordings")
    with pytest.raises(ValueError, match=r"of two labels or more, in sub-folders.*\(yes/anna\.png\).*has none"):
        labelled_files("data", (".png",), "pictures")
    made("left_0.wav")
    with pytest.raises(ValueError, match="data has 1 recordings of 'left'; three are needed"):
        labelled_files("data", (".wav",), "recordings")


def test_parts_of_ten():
    parts = tenths(range(23))
    assert (parts["test"], parts["valid"], len(parts["train"])) == ([0, 10, 20], [1, 11, 21], 17)
    assert {split: len(part) for split, part in tenths("abc").items()} == {"train": 1, "valid": 1, "test": 1}


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_pictures_are_grey_values_from_white_to_black(here):
    image = pytest.importorskip("PIL.Image")
    grey = np.array([[255, 0], [51, 255]], np.uint8)
    image.fromarray(grey).save("a.png")
    np.testing.assert_allclose(read_image("a.png"), [[0, 1], [0.8, 0]])
    clear = np.zeros((2, 2, 4), np.uint8)  # black, and not there
    clear[0, 0, 3] = 255
    image.fromarray(clear).save("b.png")
    np.testing.assert_allclose(read_image("b.png"), [[1, 0], [0, 0]])
    frames = [image.fromarray(np.full((2, 2), value, np.uint8)) for value in (255, 0, 255)]
    frames[0].save("c.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(read_frames("c.gif")[:, 0, 0], [0, 1, 0])
    np.save("d.npy", np.ones((2, 2)))
    assert read_image("d.npy").dtype == np.float32


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.png", b"text", "is no picture of a kind that is known"),
        ("a.npy", b"\x93NUMPY", "is not a whole array"),
        ("a.png", b"", "is empty"),
    ],
)
def test_files_that_are_no_pictures(here, name, content, words):
    pytest.importorskip("PIL.Image")
    Path(name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} {words}"):
        read_image(name)


def test_arrays_that_are_no_pictures(here):
    for array in (np.ones(3), np.full((2, 2), 200.0), np.full((2, 2), np.nan), np.ones((2, 2), complex)):
        np.save("a.npy", array)
        with pytest.raises(ValueError, match=r"a\.npy should have grey values"):
            read_image("a.npy")
    np.save("a.npy", np.array([[{}]]))
    with pytest.raises(ValueError, match="not a whole array"):
        read_image("a.npy")


def test_pictures_are_shrunk_by_means_of_blocks():
    image = np.arange(16.0).reshape(1, 4, 4) / 40
    np.testing.assert_allclose(shrunk(image, 2, "x")[0], [[2.5 / 40, 4.5 / 40], [10.5 / 40, 12.5 / 40]])
    for shape in ((1, 4, 6), (1, 5, 5)):
        with pytest.raises(ValueError, match=r"x has . x . pixels; pictures of 2 x 2 are read"):
            shrunk(np.zeros(shape), 2, "x")
    with pytest.raises(ValueError, match="x is mostly dark"):
        shrunk(np.ones((1, 2, 2)), 2, "x")


def test_a_folder_of_pictures(here):
    for k, word in enumerate(("cross", "dot")):
        Path("data", word).mkdir(parents=True)
        for i in range(12):
            np.save(Path("data", word, f"{i:02}.npy"), np.full((4, 4), 0.1 * k))
    parts, names = read_image_folder("data")
    assert names == ["cross", "dot"]
    assert {split: labels.tolist() for split, (_, labels) in parts.items() if split != "train"} == {
        "valid": [0, 0, 1, 1],
        "test": [0, 0, 1, 1],
    }
    images, labels = parts["train"]
    assert images.shape == (16, 4, 4)
    np.testing.assert_allclose(images[:, 0, 0], 0.1 * labels, rtol=1e-6)
    np.save("data/dot/11.npy", np.zeros((5, 5)))
    with pytest.raises(ValueError, match=r"11\.npy has 5 x 5 pixels; pictures are square, all of one size, here 4 x 4"):
        read_image_folder("data")


def test_a_folder_of_midi_files(here):
    pytest.importorskip("mido")
    roll = np.zeros((3, 88))
    roll[:, 40] = 1
    Path("pieces").mkdir()
    for i in range(2):
        write_midi(f"pieces/{i}.mid", roll)
    with pytest.raises(ValueError, match="pieces has 2 MIDI files, and none for 'train'"):
        read_midi_folder("pieces")
    write_midi("pieces/2.MID", roll)
    assert {split: len(rolls) for split, rolls in read_midi_folder("pieces").items()} == {
        "train": 1,
        "valid": 1,
        "test": 1,
    }
    for split, count in (("train", 2), ("valid", 1), ("test", 1)):
        Path("pieces", split).mkdir()
        for i in range(count):
            write_midi(f"pieces/{split}/{i}.mid", roll)
    assert {split: len(rolls) for split, rolls in read_midi_folder("pieces").items()} == {
        "train": 2,
        "valid": 1,
        "test": 1,
    }
