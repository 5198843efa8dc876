"""Real processes that start at once: forks of the one that runs the tests, in which the command line is called."""

import os
import signal
import sys
import time
import traceback
from pathlib import Path

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


class Process:
    """A process that runs `function()` in a folder, and what it prints."""

    count = 0

    def __init__(self, folder, function):
        Process.count += 1
        self.output = Path(folder) / f"output{Process.count}"
        self.output.touch()
        self.pid = os.fork()
        if self.pid == 0:
            self._run(folder, function)

    def _run(self, folder, function):
        status = 99
        try:
            os.chdir(folder)
            file = os.open(self.output, os.O_WRONLY | os.O_APPEND)
            for number in (1, 2):
                os.dup2(file, number)
            sys.stdout = sys.stderr = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            status = function()
        except SystemExit as end:
            status = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status if isinstance(status, int) else 0)

    def wait(self, seconds=60):
        """Its exit status, negative for a signal that killed it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        os.kill(self.pid, signal.SIGKILL)
        raise TimeoutError(self.said())

    def said(self):
        return self.output.read_text(encoding="utf-8")

    def until(self, text, seconds=60):
        """Wait until it has printed a text."""
        end = time.monotonic() + seconds
        while text not in self.said():
            assert time.monotonic() < end, self.said()
            time.sleep(0.002)

    def send(self, number):
        os.kill(self.pid, number)
