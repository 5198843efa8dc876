"""`python -m minigrad.models.music` is `minigrad train music`."""

import sys

from minigrad.tools.cli import main

sys.exit(main(["train", "music", *sys.argv[1:]]))
