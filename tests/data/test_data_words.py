"""Words: cutting text up, a vocabulary of words, and files of sentences."""

import gzip
import json

import numpy as np
import pytest
import real_data

from minigrad.data import WordVocabulary, read_pairs, read_sentences, tokenize

SENTENCES = [tokenize(line) for line in ("the cat saw the dog .", "the dog ran .", "a cat ran !")]


# --- cutting up -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Two dogs don't play.", ["Two", "dogs", "don't", "play", "."]),
        ("a well-made film -- good!", ["a", "well-made", "film", "-", "-", "good", "!"]),
        ("'tis the dogs' 3.5 %", ["'", "tis", "the", "dogs", "'", "3", ".", "5", "%"]),
        ("Grüße\taus  Köln\n", ["Grüße", "aus", "Köln"]),
        ("it’s", ["it’s"]),
        ("", []),
    ],
)
def test_words_and_signs(text, words):
    assert tokenize(text) == words


def test_small_letters_on_request():
    assert tokenize("Der Hund", lower=True) == ["der", "hund"]


def test_nothing_but_white_space_is_lost():
    pytest.importorskip("hypothesis")
    from hypothesis import given
    from hypothesis import strategies as st

    @given(st.text())
    def check(text):
        assert "".join(tokenize(text)) == "".join(text.split())

    check()


# --- the vocabulary ---------------------------------------------------------------------------------------------------


def test_the_frequent_come_first_after_the_special_words():
    vocabulary = WordVocabulary.from_sentences(SENTENCES)
    assert vocabulary.words == "<pad> <unk> <bos> <eos> the . cat dog ran ! a saw".split()
    assert (vocabulary.pad, vocabulary.unk, vocabulary.bos, vocabulary.eos) == (0, 1, 2, 3)
    assert len(vocabulary) == 12
    assert "cat" in vocabulary
    assert "cow" not in vocabulary


def test_rare_words_are_left_out():
    assert WordVocabulary.from_sentences(SENTENCES, min_count=3).words[4:] == ["the"]
    assert WordVocabulary.from_sentences(SENTENCES, max_size=2).words[4:] == ["the", "."]
    assert len(WordVocabulary.from_sentences(SENTENCES, max_size=0)) == 4


def test_numbers_there_and_back():
    vocabulary = WordVocabulary.from_sentences(SENTENCES)
    numbers = vocabulary.encode(SENTENCES[0], ends=True)
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [2, 4, 6, 11, 4, 7, 5, 3]
    assert vocabulary.decode(numbers) == ["<bos>", *SENTENCES[0], "<eos>"]
    assert vocabulary.decode([*numbers, 0, 4, 0], special=False) == SENTENCES[0]
    assert vocabulary.encode([]).shape == (0,)
    assert vocabulary.decode([]) == []


def test_an_unknown_word_has_a_number_or_is_an_error():
    vocabulary = WordVocabulary.from_sentences(SENTENCES)
    assert vocabulary.encode(["the", "cow"]).tolist() == [4, 1]
    assert vocabulary.decode([4, 1], special=False) == ["the", "<unk>"]
    with pytest.raises(ValueError, match="'cow' at position 1 is not in the vocabulary of 12 words"):
        vocabulary.encode(["the", "cow"], strict=True)


def test_special_words_in_a_text_are_the_special_words():
    vocabulary = WordVocabulary.from_sentences([["a", "<unk>", "<unk>"]])
    assert vocabulary.words[4:] == ["a"]
    assert vocabulary.encode(["<unk>"], strict=True).tolist() == [1]


def test_plain_data_there_and_back():
    vocabulary = WordVocabulary.from_sentences(SENTENCES)
    stored = json.loads(json.dumps(vocabulary.to_dict()))
    assert WordVocabulary.from_dict(stored) == vocabulary
    assert hash(WordVocabulary.from_dict(stored)) == hash(vocabulary)


@pytest.mark.parametrize(
    "data", [{}, [], None, {"words": "ab"}, {"words": ["a", "a"]}, {"words": [1]}, {"words": [""]}]
)
def test_other_data(data):
    with pytest.raises(ValueError):
        WordVocabulary.from_dict(data)


def test_a_text_that_is_not_cut_up():
    with pytest.raises(TypeError, match="tokenize"):
        WordVocabulary.from_sentences(["the cat"])
    with pytest.raises(TypeError, match="tokenize"):
        WordVocabulary([]).encode("the cat")
    with pytest.raises(TypeError, match="list of words"):
        WordVocabulary("the cat")


def test_what_cannot_be_decoded():
    with pytest.raises(IndexError, match="0 to 3"):
        WordVocabulary([]).decode([4])
    with pytest.raises(TypeError, match="vector of integers"):
        WordVocabulary([]).decode([[1]])


@pytest.mark.parametrize("arguments", [{"min_count": 0}, {"max_size": -1}])
def test_counts_out_of_range(arguments):
    with pytest.raises(ValueError):
        WordVocabulary.from_sentences(SENTENCES, **arguments)


# --- files of sentences -----------------------------------------------------------------------------------------------


def test_a_line_is_a_sentence(tmp_path):
    path = tmp_path / "sentences"
    path.write_bytes("\ufeff so gut . \r\nnoch\u2028eine\nletzte".encode())
    assert read_sentences(path) == ["so gut .", "noch\u2028eine", "letzte"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "has no sentences, only empty lines"),
        (b"\r\n\r\n", "only empty lines"),
        (b"one\n \ntwo\n", "line 2 of .* is empty"),
        (b"\none\n", "line 1 of .* is empty"),
        (b"one\r\n\r\ntwo\r\n\r\n", "line 2 of .* is empty"),
        (b"one\nzw\xf6lf\n", "not UTF-8 text: byte 6 is 0xf6, in line 2"),
        (b"\xef\xbb\xbfone\nzw\xf6lf\n", "not UTF-8 text: byte 9 is 0xf6, in line 2"),
    ],
)
def test_files_that_are_no_list_of_sentences(tmp_path, content, message):
    (tmp_path / "sentences").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_sentences(tmp_path / "sentences")


@pytest.mark.parametrize(
    "content", [b"one\ntwo", b"one\ntwo\n", b"one\ntwo\n\n", b"one\r\ntwo\r\n \r\n\r\n", b"one\rtwo\r\r"]
)
def test_empty_lines_at_the_end_are_no_sentences(tmp_path, content):
    for each in (content, gzip.compress(content)):
        (tmp_path / "sentences").write_bytes(each)
        assert read_sentences(tmp_path / "sentences") == ["one", "two"]


def test_pairs_of_sentences(tmp_path):
    first, second = tmp_path / "first.en", tmp_path / "first.de"
    first.write_bytes(b"one\ntwo\n\n")
    second.write_bytes(b"eins\r\nzwei\r\n")
    assert read_pairs(first, second) == [("one", "eins"), ("two", "zwei")]
    second.write_bytes(b"eins\nzwei\ndrei\n")
    with pytest.raises(ValueError, match=r"first\.en has 2 sentences and .*first\.de has 3"):
        read_pairs(first, second)


@pytest.mark.parametrize(("split", "lines"), [("train", 29000), ("val", 1014), ("test2016", 1000)])
def test_the_captions_come_in_pairs(split, lines):
    english, german = (real_data.path(f"translation/multi30k.{split}.{language}") for language in ("en", "de"))
    assert len(read_pairs(english, german)) == lines
