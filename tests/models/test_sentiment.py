"""The sentiment program: its data, how it reads, what it learns and what it leaves."""

import json

import numpy as np
import pytest
import real_data

import minigrad as mg
from minigrad.data import WordVocabulary
from minigrad.models import sentiment
from minigrad.models.sentiment.picture import picture
from minigrad.nn.init import normal_
from minigrad.training import files
from minigrad.training.trainer import Trainer

pytest.importorskip("safetensors")
image = pytest.importorskip("matplotlib.image")

GOOD, BAD, THINGS = "good great fine lovely".split(), "bad poor dull awful".split(), "film plot cast music end".split()


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    """A folder of two files of made-up sentences, which the program takes for the data."""
    rng = np.random.default_rng(0)
    for ending, words in (("pos", GOOD), ("neg", BAD)):
        sentences = []
        for _ in range(200):
            about = rng.choice(THINGS, rng.integers(1, 8))
            sentences.append(" ".join(rng.permutation([*about, rng.choice(words)])))
        (tmp_path / f"rt-polarity.{ending}").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    monkeypatch.setattr(sentiment, "fetch", lambda name: tmp_path)
    return tmp_path


@pytest.fixture
def reader():
    """A small model with random weights, which are not as small as those that training begins with."""
    mg.manual_seed(0)
    model = sentiment.Reader(WordVocabulary(GOOD + THINGS), embedding=6, hidden=5, pieces=50)
    with mg.no_grad():
        for name, parameter in model.named_parameters():
            if name != "pieces.weight":  # of which the first row stays zero
                normal_(parameter, std=0.5)
    return model.eval()


def test_every_tenth_line_of_each_file_is_held_out(reviews):
    parts = sentiment.read(reviews)
    assert {name: len(part) for name, part in parts.items()} == {"training": 320, "validation": 40, "test": 40}
    lines = (reviews / "rt-polarity.neg").read_text().splitlines()
    assert [words for words, label in parts["test"] if label == 0] == [line.split() for line in lines[9::10]]
    assert [words for words, label in parts["validation"] if label == 0] == [line.split() for line in lines[4::10]]
    assert sum(label for _, label in parts["training"]) == 160


def test_the_real_data_have_958_sentences_for_the_test():
    parts = sentiment.read(real_data.folder("sentiment"))
    assert {name: len(part) for name, part in parts.items()} == {"training": 7678, "validation": 960, "test": 958}


def test_letters_that_are_encoded_twice_are_read_as_they_were():
    assert sentiment.encoded_once("clichÃ©d") == "clichéd"
    assert sentiment.encoded_once("clichéd") == "clichéd"
    assert sentiment.encoded_once("5 €") == "5 €"
    text = (real_data.folder("sentiment") / "rt-polarity.neg").read_text(encoding="utf-8")
    assert "Ã©" in text
    assert "Ã©" not in "".join(map(sentiment.encoded_once, text.splitlines()))


def test_pieces_are_runs_of_three_to_five_letters_with_the_ends_marked():
    assert len(sentiment.piece_numbers("a", 1000)) == 1  # <a>
    assert len(sentiment.piece_numbers("film", 1000)) == 4 + 3 + 2  # of <film>
    shared = set(sentiment.piece_numbers("filmed", 10**9)) & set(sentiment.piece_numbers("films", 10**9))
    assert len(shared) == 3 + 2 + 1  # of <film
    assert all(1 <= n <= 7 for n in sentiment.piece_numbers("extraordinary", 7))


def test_each_word_is_given_once_and_the_sentences_tell_where(reader):
    batch = reader.encode([["good", "film"], ["film", "music", "film"]])
    assert batch.words.tolist() == reader.vocabulary.encode(["good", "film", "music"]).tolist()
    assert batch.places[:2, 0].tolist() == [0, 1]
    assert batch.places[:, 1].tolist() == [1, 2, 1]
    assert batch.lengths.tolist() == [2, 3]
    with pytest.raises(ValueError, match="sentence 1 has no words"):
        reader.encode([["good"], []])


def test_what_stands_beside_a_sentence_in_its_batch_makes_no_difference(reader):
    sentences = [["good"], "film plot cast music end film".split(), ["dull", "film"]]
    together = sentiment.answers(reader, sentences)
    alone = [sentiment.answers(reader, [words])[0] for words in sentences]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_unknown_words_are_told_apart_by_their_pieces(reader):
    assert "dull" not in reader.vocabulary
    assert "awful" not in reader.vocabulary
    dull, awful = sentiment.answers(reader, [["dull"], ["awful"]])
    assert abs(dull - awful) > 1e-3


def test_the_shares_of_the_words_add_up_to_the_answer(reader):
    words = "a good film with dull music".split()
    usual = np.zeros(2 * 5, np.float32)
    shares = sentiment.shares(reader, words, usual)
    with mg.no_grad():
        log_odds = reader(reader.encode([words])).item()
    assert shares.shape == (6,)
    assert shares.sum() == pytest.approx(log_odds - reader.head.bias.item(), rel=1e-4)


def test_a_text_is_cut_into_small_words_to_be_classified(reader):
    assert sentiment.classify(reader, "Good FILM!") == sentiment.answers(reader, [["good", "film", "!"]])[0]
    assert 0 < sentiment.classify(reader, "film") < 1
    with pytest.raises(ValueError, match="no words"):
        sentiment.classify(reader, "  ")


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_learns_which_words_are_praise(reviews, cell):
    mg.manual_seed(0)
    trainer = Trainer(sentiment.Task(sentiment.Settings(quick=True, cell=cell)))
    trainer.train()
    assert trainer.validations[-1]["accuracy"] > 0.95
    assert (
        sentiment.classify(trainer.task.model.eval(), "A lovely plot")
        > 0.5
        > sentiment.classify(trainer.task.model, "a poor plot")
    )


def test_a_run_leaves_a_model_numbers_and_pictures(reviews, tmp_path):
    out = tmp_path / "out"
    metrics = sentiment.train(sentiment.Settings(quick=True, steps=10, out=out))
    assert json.loads((out / "metrics.json").read_text()) == metrics
    test = metrics["results"]["test"]
    assert test["sentences"] == 40
    assert test["standard_error"] == pytest.approx((test["accuracy"] * (1 - test["accuracy"]) / 40) ** 0.5)
    assert image.imread(out / "sentences.png").ndim == 3
    assert (out / "sentences.txt").read_text().startswith("right: ")
    task = sentiment.Task(sentiment.Settings(quick=True))
    task.model = sentiment.load(out).eval()
    assert task.measures("test") == {name: test[name] for name in ("loss", "accuracy")}


def test_files_of_other_models_are_refused(tmp_path, reader):
    files.save(reader, tmp_path / "model.safetensors", "minigrad adding 1", {})
    with pytest.raises(ValueError, match="not what minigrad sentiment writes"):
        sentiment.load(tmp_path)


def test_a_picture_needs_no_wrong_answer(tmp_path):
    picture(tmp_path / "a.png", {"right": [(["costs", "$5"], np.array([0.0, 0.0]), 0.9, True)], "wrong": []})
    assert image.imread(tmp_path / "a.png").ndim == 3


def test_it_can_be_drawn():
    assert sentiment.unrolled(sentiment.untrained("gru"), 3).shape == ()
