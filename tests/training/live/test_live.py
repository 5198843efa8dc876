"""The page that shows a running training: what it is told, and who is served. `test_live_page` looks at it."""

import http.client
import json
import math
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from watched import Remember, filled, serving, settings

from minigrad.tools.gradflow import GradientFlow
from minigrad.training.fitting import fit
from minigrad.training.live.feed import AT_ONCE, Feed
from minigrad.training.live.server import serve
from minigrad.training.trainer import Trainer
from minigrad.training.watchers import End, Step, Validation

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())


@pytest.fixture
def served():
    """Serve a feed for the time of a test: returns the port."""
    with serving() as start:
        yield start


def request(port, path, host=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


# --- what the page is told --------------------------------------------------------------------------------------------


def test_a_page_asks_for_what_it_does_not_know():
    feed = filled(5, [Validation(2, {"error": 0.5}, "text"), Validation(4, {"error": 0.25}, "")])
    first = feed.since()
    assert first["loss"] == [1.0, 0.5, 0.333333, 0.25, 0.2]
    assert [v["step"] for v in first["validations"]] == [2, 4]
    assert first["about"]["program"] == "remember"
    assert first["state"] == "training"
    assert first["speed"] == pytest.approx(10)
    assert first["left"] >= 0
    assert not first["more"]
    later = feed.since(4, 1)
    assert (later["loss"], later["norm"], later["rate"]) == ([0.2], [0.5], [0.01])
    assert [v["step"] for v in later["validations"]] == [4]
    assert feed.since(5, 2)["loss"] == feed.since(99, 99)["validations"] == []


def test_long_histories_come_in_parts():
    feed = filled(AT_ONCE + 2)
    first = feed.since()
    assert len(first["loss"]) == AT_ONCE
    assert first["more"]
    rest = feed.since(AT_ONCE)
    assert len(rest["loss"]) == 2
    assert not rest["more"]


def test_what_json_cannot_hold_is_null():
    flow = GradientFlow({"h": np.array([math.nan, 1.0])})
    feed = filled(0, [Validation(1, {"error": math.nan}, "", flow)])
    feed.step(Step(1, 0, math.inf, math.nan, 0.1, 0.1))
    answer = json.loads(json.dumps(feed.since(), allow_nan=False))
    assert answer["loss"] == answer["norm"] == [None]
    assert answer["validations"][0]["measures"] == {"error": None}
    assert answer["validations"][0]["flow"] == [{"name": "h", "norms": [None, 1.0], "back": None}]


def test_before_training_begins_there_is_little_to_tell():
    answer = Feed().since()
    assert (answer["state"], answer["about"], answer["loss"], answer["left"]) == ("preparing", None, [], None)


def test_a_run_that_goes_on_shows_what_was_before(tmp_path):
    fit(settings(tmp_path), Remember)
    feed = Feed()
    feed.begin(Trainer(Remember(settings(tmp_path, resume=True)), tmp_path))
    answer = feed.since()
    assert len(answer["loss"]) == len(answer["norm"]) == 24
    assert answer["rate"] == [None] * 24  # which are not in checkpoints
    assert [v["step"] for v in answer["validations"]] == [6, 12, 18, 24]


def test_the_process_waits_for_a_page_that_is_open_to_hear_of_the_end():
    feed = filled(2)
    feed.wait_for_viewers(1000)  # nobody is there
    feed.since()
    feed.end(End("finished", ""))
    asking = threading.Timer(0.05, feed.since)
    asking.start()
    feed.wait_for_viewers(1000)
    asking.join()


# --- the server -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "html"), ("/?x=1", "html"), ("/page.css", "css"), ("/page.js", "javascript")]
)
def test_the_page_is_served(path, kind, served):
    response, content = request(served(Feed()), path)
    assert response.status == 200
    assert kind in response.headers["Content-Type"]
    assert content


def test_the_data_is_served(served):
    port = served(filled(3))
    for host in ("127.0.0.1", "localhost"):
        response, content = request(port, "/data?since=1&validations=0", f"{host}:{port}")
        assert json.loads(content)["loss"] == [0.5, 0.333333]
        assert response.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    "host", ["example.org", "example.org:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:{port}.org"]
)
@pytest.mark.parametrize("path", ["/", "/data"])
def test_another_host_name_is_refused(host, path, served):
    port = served(filled(3))
    response, content = request(port, path, host.format(port=port))
    assert response.status == 403
    assert content == b"403 Forbidden\n"


def test_no_other_page_may_read_the_answers(served):
    response, _ = request(served(Feed()), "/data")
    assert not [name for name in response.headers if name.lower().startswith("access-control")]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/server.py", "/../server.py", "/..%2fserver.py", "//etc/passwd", "/data/", "/page.html", "/favicon.ico"]
)
def test_nothing_else_is_served(path, served):
    assert request(served(Feed()), path)[0].status == 404


@pytest.mark.parametrize("query", ["since=x", "since=-1", "other=1", "since", "since=1&&", "since=" + "9" * 5000])
def test_a_question_that_makes_no_sense_is_refused(query, served):
    assert request(served(Feed()), f"/data?{query}")[0].status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_only_reading_is_possible(method, served):
    assert request(served(filled(3)), "/data", method=method)[0].status == 501


def test_only_this_computer_is_served():
    server = serve(Feed())
    assert server.server_address[0] == "127.0.0.1"
    server.stop()


def test_a_port_that_is_taken_is_an_error_before_training_begins(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot serve the page on port {port} of 127.0.0.1: Address already in use"):
            fit(settings(tmp_path, live=True, live_port=port), lambda _: pytest.fail("began"))


def test_ports_that_cannot_be():
    for port, live, message in (
        (65536, True, "at most 65535"),
        (-1, True, "at least 0"),
        (80, False, "give live=True"),
    ):
        with pytest.raises(ValueError, match=f"live_port.*{message}"):
            settings(Path(), live=live, live_port=port)


def test_the_port_is_free_again_afterwards(tmp_path, capsys):
    for _ in range(2):
        fit(settings(tmp_path, live=True, overwrite=True), Remember)
    ports = {line.rpartition(":")[2].strip("/") for line in capsys.readouterr().out.split("\n") if "watching" in line}
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            request(int(port), "/")
    assert not [thread for thread in threading.enumerate() if thread.name == "live page"]


PROGRAM = """
import sys, time
from pathlib import Path
from minigrad.models import adding
if sys.argv[2] == "slow":
    step = adding.Task.loss
    adding.Task.loss = lambda *arguments: (time.sleep(0.05), step(*arguments))[1]
sizes = dict(steps=100, length=3, hidden=2, batch=1, validations=2)
metrics = adding.train(adding.Settings(out=Path(sys.argv[1]), live=True, **sizes))
sys.exit(0 if metrics["finished"] else 130)
"""


def program(tmp_path, *arguments):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_server_does_not_keep_the_process_alive(tmp_path):
    process = program(tmp_path, "fast")
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert out.startswith("watching: http://127.0.0.1:")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process on Windows")
def test_a_watched_training_is_interrupted_as_any_other(tmp_path, interruptible):
    process = program(tmp_path, "slow")
    url = process.stdout.readline().split()[-1]
    while "step 1/" not in (line := process.stdout.readline()):
        assert line, process.stderr.read()
    with urllib.request.urlopen(url + "data") as answer:
        assert json.load(answer)["state"] == "training"
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "interrupted after" in out
    assert not error
