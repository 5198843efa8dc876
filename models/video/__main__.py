"""`python -m minigrad.models.video` is `minigrad train video`."""

import sys

from minigrad.tools.cli import main

sys.exit(main(["train", "video", *sys.argv[1:]]))
