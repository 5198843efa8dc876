"""Data sets by name: from a folder, from the network, whole or not at all."""

import gzip
import hashlib
import http.server
import io
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace

import pytest
import real_data

from minigrad.data import DataFile, DataFolder, DataSet, describe, fetch, names, registry
from minigrad.data.sets import DATA_SETS, polarity_part
from minigrad.extras import install

ORIGINAL = b"to be, or not to be\n"
WAVES = {"0_a_0.wav": b"zero", "1_a_0.wav": b"one"}


def sha(content):
    return hashlib.sha256(content).hexdigest()


def digest_of(files):
    return sha(b"".join(name.encode() + b"\0" + hashlib.sha256(files[name]).digest() for name in sorted(files)))


def small_sets(base):
    """Data sets like the real ones, with originals at `base`."""
    parts = {
        "one": [DataFile("text/one.txt", sha(ORIGINAL), f"{base}/one.txt")],
        "packed": [
            DataFile("pair/a.txt", sha(ORIGINAL), f"{base}/one.txt.gz", gzip.decompress),
            DataFile("pair/b.txt", sha(ORIGINAL), f"{base}/one.txt"),
        ],
        "waves": [
            DataFolder("speech/waves", digest_of(WAVES), f"{base}/waves.zip", "recordings", tuple(sorted(WAVES)))
        ],
    }
    return {name: DataSet(name, "what", "licence", base, "split", tuple(files)) for name, files in parts.items()}


def archive(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, part in {**files, "9_other_0.wav": b"left out"}.items():
            file.writestr(f"repository-1.0/recordings/{name}", part)
    return content.getvalue()


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """The small data sets, in the folder that MINIGRAD_DATA names."""
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path))
    monkeypatch.setattr(registry, "DATA_SETS", small_sets("http://127.0.0.1:1"))
    (tmp_path / "text").mkdir()
    (tmp_path / "text/one.txt").write_bytes(ORIGINAL)
    waves = tmp_path / "speech/waves"
    waves.mkdir(parents=True)
    for name, content in WAVES.items():
        (waves / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def served(monkeypatch, tmp_path):
    """The small data sets on a server of this machine, and an empty cache folder: (what is served, requests, cache)."""
    pooch = pytest.importorskip("pooch")
    content = {"/one.txt": ORIGINAL, "/one.txt.gz": gzip.compress(ORIGINAL), "/waves.zip": archive(WAVES)}
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_response(200 if self.path in content else 404)
            self.end_headers()
            self.wfile.write(content.get(self.path, b""))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    monkeypatch.setattr(registry, "DATA_SETS", small_sets(f"http://127.0.0.1:{server.server_port}"))
    yield content, requests, tmp_path / "minigrad"
    server.shutdown()
    server.server_close()


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_each_entry_tells_what_it_is_and_where_it_comes_from(name):
    data_set = describe(name)
    assert data_set.name == name
    assert all([data_set.what, data_set.licence, data_set.split])
    assert data_set.source.startswith("https://")
    for part in data_set.files:
        assert part.url.startswith("https://")
        assert len(bytes.fromhex(part.sha256)) == 32
        assert not part.path.startswith("/")
    assert len({part.path.rpartition("/")[0] for part in data_set.files}) == 1, "the files lie in one folder"


def test_the_data_sets():
    expected = "tiny_shakespeare sunspots co2 elnino rt-polarity fsdd jsb-chorales multi30k"
    assert names() == tuple(expected.split())


def test_an_unknown_name():
    with pytest.raises(ValueError, match="no data set 'mnist'; there are tiny_shakespeare, "):
        fetch("mnist")


@pytest.mark.parametrize("name", names())
def test_the_real_files_are_those_of_the_table(name, monkeypatch):
    real_data.provide(monkeypatch, *(part.path for part in describe(name).files))
    found = fetch(name)
    assert found.exists()
    assert found.is_dir() == (name in ("rt-polarity", "fsdd", "multi30k"))


@pytest.mark.parametrize("ending", ["pos", "neg"])
def test_the_part_of_the_reviews_comes_from_the_longer_original(ending):
    used = real_data.path(f"sentiment/rt-polarity.{ending}").read_bytes()
    original = used.decode().encode("latin-1") + b"what comes after is left out \n" * 533
    assert polarity_part(original) == used


def test_a_damaged_byte_of_a_real_file_is_found(monkeypatch, tmp_path):
    content = bytearray(real_data.path("series/co2.csv").read_bytes())
    content[1000] ^= 1
    (tmp_path / "series").mkdir()
    (tmp_path / "series/co2.csv").write_bytes(content)
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=f"co2.csv is damaged.* should be {DATA_SETS['co2'].files[0].sha256} and is"):
        fetch("co2")


# --- from a folder ----------------------------------------------------------------------------------------------------


def test_a_data_set_of_one_file_is_that_file_and_others_are_folders(offline):
    assert fetch("one") == offline / "text/one.txt"
    assert fetch("waves") == offline / "speech/waves"


def test_a_file_missing_in_the_folder(offline):
    (offline / "text/one.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"'one' needs .*one\.txt \(\$MINIGRAD_DATA is .*its original is http"):
        fetch("one")


def test_a_damaged_file_in_the_folder(offline):
    (offline / "text/one.txt").write_bytes(ORIGINAL[:-1])
    expected, found = sha(ORIGINAL), sha(ORIGINAL[:-1])
    with pytest.raises(ValueError, match=rf"one\.txt is damaged .*should be {expected} and is {found}"):
        fetch("one")


def test_a_folder_is_checked_in_names_and_contents(offline):
    waves = offline / "speech/waves"
    (waves / "1_a_0.wav").write_bytes(b"two")
    with pytest.raises(ValueError, match="waves is damaged"):
        fetch("waves")
    (waves / "1_a_0.wav").rename(waves / "2_a_0.wav")
    with pytest.raises(ValueError, match=r"hold 2 files and holds 2; lacking: 1_a_0.wav; not part of it: 2_a_0.wav"):
        fetch("waves")
    shutil.rmtree(waves)
    with pytest.raises(FileNotFoundError, match="no such file"):
        fetch("waves")


def test_a_folder_of_data_needs_no_pooch(offline, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert fetch("one").read_bytes() == ORIGINAL


# --- from the network -------------------------------------------------------------------------------------------------


def test_a_download_is_kept(served):
    _, requests, cache = served
    assert fetch("one") == cache / "text/one.txt"
    assert fetch("one").read_bytes() == ORIGINAL
    assert requests == ["/one.txt"]
    assert [path.name for path in (cache / "text").iterdir()] == ["one.txt"], "nothing else is left"


def test_a_packed_original_is_unpacked(served):
    folder = fetch("packed")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.txt": ORIGINAL, "b.txt": ORIGINAL}


def test_an_archive_becomes_a_folder_of_the_named_files(served):
    assert {path.name: path.read_bytes() for path in fetch("waves").iterdir()} == WAVES


@pytest.mark.parametrize("name", ["one", "waves"])
def test_what_is_damaged_in_the_cache_is_downloaded_anew(served, name):
    file = fetch(name)
    file = file if file.is_file() else file / "0_a_0.wav"
    whole = file.read_bytes()
    file.write_bytes(b"damaged")
    fetch(name)
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    ("name", "path", "content"),
    [
        ("one", "/one.txt", b"another text"),
        ("packed", "/one.txt.gz", b"not packed"),
        ("packed", "/one.txt.gz", gzip.compress(ORIGINAL, mtime=0)[:-9]),
        ("packed", "/one.txt.gz", gzip.compress(ORIGINAL, mtime=0)[:14] + b"\xff\xff\xff\xff"),
        ("waves", "/waves.zip", b"not an archive"),
        ("waves", "/waves.zip", archive({"0_a_0.wav": b"zero"})),
        ("waves", "/waves.zip", archive({**WAVES, "0_a_0.wav": b"another"})),
    ],
    ids=["another text", "not packed", "cut off", "damaged", "no archive", "files missing", "another file"],
)
def test_an_original_that_has_changed(served, name, path, content):
    served[0][path] = content
    with pytest.raises(ValueError, match=rf"{path} is not what it was .*MINIGRAD_DATA can name"):
        fetch(name)
    assert not [path for path in served[2].rglob("*") if path.is_file()], "nothing unchecked is left"


def test_an_original_that_is_gone(served):
    del served[0]["/one.txt"]
    with pytest.raises(
        ConnectionError,
        match=r"one.txt cannot be downloaded: 404.*`minigrad data one`, and copy .*one.txt; or.*MINIGRAD_DATA",
    ):
        fetch("one")


def test_no_network(served, monkeypatch):
    data_set = registry.DATA_SETS["one"]
    nowhere = replace(data_set.files[0], url="http://127.0.0.1:1/one.txt")
    monkeypatch.setitem(registry.DATA_SETS, "one", replace(data_set, files=(nowhere,)))
    with pytest.raises(
        ConnectionError,
        match=r"http://127.0.0.1:1/one.txt cannot be downloaded: the connection is refused.*MINIGRAD_DATA",
    ):
        fetch("one")
    assert not served[2].exists(), "no empty folder is left"


def test_without_pooch_the_error_names_the_extra(monkeypatch):
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=re.escape(install("data"))):
        fetch("co2")


def test_importing_the_package_loads_no_optional_library():
    code = "import sys, minigrad.data; print([n for n in ('pooch', 'scipy', 'mido', 'sklearn') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
