"""Data for sequence models: data sets by name, readers of files, words and characters as numbers, and batches.

Start with `registry` (`fetch` a data set by name; `sets` lists them) and the reader of your kind of file: `text`,
`words`, `series`, `wav` and `audio`, `music`, `images` (`inputs` reads what a trained model is given); then `sequences`
and `batches`. Importing this needs NumPy alone; downloads, features of sound, MIDI and images of digits need the extra
`data`.
"""

from .audio import hertz_to_mel, log_mel, mel_filters, mel_to_hertz
from .batches import bucketed, pad, padding_share, unpad
from .images import digit_images, read_frames, read_image, read_image_folder
from .inputs import given_files, given_sentences, given_texts
from .labelled import labelled_files, read_labelled
from .music import read_chorales, read_midi, read_midi_folder, write_midi
from .registry import describe, fetch, names
from .sequences import Streams
from .series import Series, read_series
from .sets import DataFile, DataFolder, DataSet
from .text import Vocabulary, read_pairs, read_sentences, read_text
from .wav import read_wav
from .words import WordVocabulary, tokenize

__all__ = [
    # data sets
    "DataFile", "DataFolder", "DataSet", "describe", "fetch", "names",
    # text
    "Vocabulary", "WordVocabulary", "read_labelled", "read_pairs", "read_sentences", "read_text", "tokenize",
    # other files
    "Series", "digit_images", "labelled_files", "log_mel", "mel_filters", "hertz_to_mel", "mel_to_hertz",
    "read_chorales", "read_frames", "read_image", "read_image_folder", "read_midi", "read_midi_folder", "read_series",
    "read_wav", "write_midi",
    # what a trained model is given
    "given_files", "given_sentences", "given_texts",
    # batches
    "Streams", "bucketed", "pad", "padding_share", "unpad",
]  # fmt: skip
