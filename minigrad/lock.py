"""The lock for the few things that threads change together: hooks, collected gradients, times of changes.

Each is done in moments, and nobody waits for anything while holding it. It can be taken again by its holder, because
what is freed meanwhile may run anybody's code; and a forked process begins with nobody holding it.
"""

from __future__ import annotations

import os
import threading

LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)
