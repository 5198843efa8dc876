"""Text as numbers, and batches that carry state."""

import gzip
import json

import numpy as np
import pytest

from minigrad.data import Streams, Vocabulary, read_text

# --- files ------------------------------------------------------------------------------------------------------------


def test_reading_utf8(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("\ufeffgrün\r\nrot\rblau\n".encode())
    assert read_text(path) == "grün\nrot\nblau\n"
    assert read_text(str(path)) == read_text(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nothing"):
        read_text(tmp_path / "nothing")


def test_a_directory(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a directory"):
        read_text(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file(tmp_path, content):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(ValueError, match="is empty"):
        read_text(tmp_path / "text")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "grün".encode("latin-1"),
            r"byte 2 is 0xfc, in line 1\. If it is WINDOWS-1252, convert it: iconv -f WINDOWS-1252",
        ),
        ("grün".encode("utf-16"), "byte 0 is 0xff, in line 1.*iconv -f UTF-16 -t UTF-8 .*text > NEW"),
        (b"\xfe\xff" + "grün".encode("utf-16-be"), "byte 0 is 0xfe.*iconv -f UTF-16"),
        ("green".encode("utf-16-le"), "it has zeros"),
    ],
)
def test_another_encoding(tmp_path, content, message):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(ValueError, match=f"not UTF-8 text: {message}"):
        read_text(tmp_path / "text")


def test_a_file_that_gzip_has_packed(tmp_path):
    packed = gzip.compress("grün\r\n".encode() * 99)
    (tmp_path / "text.gz").write_bytes(packed)
    assert read_text(tmp_path / "text.gz") == "grün\n" * 99
    for damaged in (packed[:-9], packed[:20], packed[:12] + b"nonsense" + packed[20:]):
        (tmp_path / "text.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match="packed by gzip, and damaged"):
            read_text(tmp_path / "text.gz")


# --- vocabulary -------------------------------------------------------------------------------------------------------


def test_there_and_back():
    text = "to be, or not to be — 是\U0001f600\n"
    vocabulary = Vocabulary(text)
    numbers = vocabulary.encode(text)
    assert numbers.dtype == np.int64
    assert numbers.shape == (len(text),)
    assert set(numbers.tolist()) == set(range(len(vocabulary)))
    assert vocabulary.decode(numbers) == text


def test_numbers_follow_the_code_points():
    assert Vocabulary("cab").characters == "abc"
    assert Vocabulary(["b", "a"]).encode("abba").tolist() == [0, 1, 1, 0]


def test_empty_text():
    vocabulary = Vocabulary("a")
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.decode([]) == ""


def test_an_unknown_character_is_named_with_its_position():
    with pytest.raises(ValueError, match=r"'é' \(U\+00E9\) at position 3 is not among the 3 characters"):
        Vocabulary("abc").encode("abcé")


@pytest.mark.parametrize("text", ["\x00", "~", "b"])
def test_unknown_characters_below_above_and_between(text):
    with pytest.raises(ValueError, match="at position 0"):
        Vocabulary("ac").encode(text)


def test_membership():
    vocabulary = Vocabulary("abc")
    assert "a" in vocabulary
    assert "ab" not in vocabulary
    assert 0 not in vocabulary


def test_decoding_one_number():
    assert Vocabulary("abc").decode(np.int64(1)) == "b"


@pytest.mark.parametrize("numbers", [[3], [-1], [0, 7]])
def test_decoding_numbers_outside(numbers):
    with pytest.raises(IndexError, match="0 to 2"):
        Vocabulary("abc").decode(numbers)


@pytest.mark.parametrize("numbers", [[0.5], [[0, 1]], ["a"]])
def test_decoding_what_is_no_vector_of_integers(numbers):
    with pytest.raises(TypeError, match="vector of integers"):
        Vocabulary("abc").decode(numbers)


def test_plain_data_there_and_back():
    vocabulary = Vocabulary('a"\\\n是')
    stored = json.loads(json.dumps(vocabulary.to_dict()))
    assert Vocabulary.from_dict(stored) == vocabulary
    assert hash(Vocabulary.from_dict(stored)) == hash(vocabulary)


@pytest.mark.parametrize("data", [{}, {"characters": "ba"}, {"characters": "aa"}, {"characters": 3}, [], None])
def test_other_data(data):
    with pytest.raises(ValueError, match="stored vocabulary"):
        Vocabulary.from_dict(data)


def test_no_characters():
    with pytest.raises(ValueError, match="at least one"):
        Vocabulary("")


def test_repr_is_short():
    assert repr(Vocabulary("ab")) == "<Vocabulary of 2 characters: 'ab'>"
    assert len(repr(Vocabulary(map(chr, range(33, 1000))))) < 100


# --- streams ----------------------------------------------------------------------------------------------------------


def test_streams_are_contiguous_and_targets_come_one_later():
    streams = Streams(np.arange(31), length=5, batch=2)
    assert len(streams) == 3
    batches = list(streams)
    assert len(batches) == 3
    for x, y in batches:
        assert x.shape == y.shape == (5, 2)
        assert x.dtype == y.dtype == np.int64
        assert (y == x + 1).all()
    whole = np.concatenate([x for x, _ in batches])
    assert whole.T.tolist() == [list(range(15)), list(range(15, 30))]


def test_each_pass_begins_anew():
    streams = Streams([1, 2, 3, 4, 5], 2, 2)
    first, second = list(streams), list(streams)
    assert all((a == b).all() for one, two in zip(first, second) for a, b in zip(one, two))


def test_what_does_not_fill_a_batch_is_left_out():
    assert len(Streams(np.arange(30), 5, 2)) == 2
    assert len(Streams(np.arange(11), 5, 2)) == 1


@pytest.mark.parametrize(("n", "length", "batch"), [(10, 5, 2), (0, 1, 1), (1, 1, 1)])
def test_a_text_that_is_too_short(n, length, batch):
    with pytest.raises(ValueError, match=f"need {length * batch + 1} positions, there are {n}"):
        Streams(np.arange(n), length, batch)


@pytest.mark.parametrize(
    ("sequence", "length", "batch", "error"),
    [
        (np.zeros((3, 3), int), 1, 1, ValueError),
        (np.zeros(9), 1, 1, TypeError),
        (np.arange(9), 0, 1, ValueError),
        (np.arange(9), 1, -1, ValueError),
    ],
)
def test_what_is_refused(sequence, length, batch, error):
    with pytest.raises(error):
        Streams(sequence, length, batch)


def test_small_integer_types():
    x, _ = next(iter(Streams(np.arange(9, dtype=np.uint8), 2, 2)))
    assert x.dtype == np.int64
