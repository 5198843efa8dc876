"""`python -m minigrad.models.sentiment` is `minigrad train sentiment`."""

import sys

from minigrad.tools.cli import main

sys.exit(main(["train", "sentiment", *sys.argv[1:]]))
