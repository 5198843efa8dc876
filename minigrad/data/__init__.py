"""Data for sequence models: text as numbers, and batches that carry state."""

from .sequences import Streams
from .text import Vocabulary, read_text

__all__ = ["Streams", "Vocabulary", "read_text"]
