"""Promise: a version that is pushed anywhere is fetched from there as it was; nothing travels twice, nothing damaged is kept.

Method: catalogs in folders of their own are machines; between them stand a directory, a file system in memory, a web server
and an S3 server of this process; where `BARROW_REMOTE_COMMAND` names a command that takes URLs, it fetches what Python pushed, and the other
way round. Python only moves bytes: what is interrupted, damaged or lied about is tested where the
library decides, in Rust.
"""

from __future__ import annotations

import datetime
import functools
import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import barrow
from barrow import errors

fsspec = pytest.importorskip("fsspec", reason="remotes other than directories need fsspec")


class Memory:
    """A remote in Python's memory, that counts and may fail."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.written: list[str] = []
        self.read_keys: list[str] = []
        self.failure: BaseException | None = None

    def describe(self) -> str:
        return "python:memory"

    def bytes_of(self, key: str) -> int | None:
        return len(self.objects[key]) if key in self.objects else None

    def list(self, folder: str) -> Any:
        start = f"{folder}/"
        return sorted({key[len(start) :].split("/")[0] for key in self.objects if key.startswith(start)})

    def read(self, key: str, bytes_max: int) -> bytes:
        if self.failure is not None:
            raise self.failure
        self.read_keys.append(key)
        if key not in self.objects:
            raise FileNotFoundError(key)
        return self.objects[key][:bytes_max]

    def write(self, key: str, data: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self.written.append(key)
        self.objects[key] = data


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Another machine's catalog, empty."""
    return tmp_path / "there"


def travels(bundle: barrow.Bundle, remote: Any, there: Path, **storage: Any) -> None:
    """Push, fetch, compare; append, push, fetch, compare."""
    pushed = barrow.push("market", remote, **storage)
    assert (pushed.version, pushed.newest) == (bundle.version, True)
    assert pushed.parts_sent == pushed.parts == 1
    fetched = barrow.fetch("market", remote, root=there, **storage)
    assert (fetched.version, fetched.newest, fetched.unchanged) == (bundle.version, True, False)
    assert fetched.bytes_fetched == fetched.bytes == pushed.bytes
    same(bundle, barrow.open("market", root=there))
    assert barrow.fetch("market", remote, root=there, **storage).unchanged

    later = append("2020-06-01")
    assert barrow.push("market", remote, **storage).parts_sent == 1
    fetched = barrow.fetch("market", remote, root=there, **storage)
    assert (fetched.parts, fetched.parts_fetched) == (2, 1)
    same(later, barrow.open("market", root=there))


def append(day: str) -> barrow.Bundle:
    """Appends a bar to the bundle `market`."""
    row = {name: np.array([60.0]) for name in ("open", "high", "low", "close", "volume")}
    barrow.ingest("market", {"symbol": np.array(["AAA"]), "time": np.array([day], dtype="M8[ns]"), **row}, append=True)
    return barrow.open("market")


def same(one: barrow.Bundle, other: barrow.Bundle) -> None:
    assert one.version == other.version
    for name in one.column_names:
        np.testing.assert_array_equal(one.column(name), other.column(name))
    other.verify()


def test_a_directory(bundle: barrow.Bundle, there: Path, tmp_path: Path) -> None:
    travels(bundle, tmp_path / "remote", there)
    elsewhere = tmp_path / "elsewhere"
    fetched = barrow.fetch("market", f"file://{tmp_path}/remote", root=elsewhere)
    assert fetched.parts == 2


def test_an_object_that_answers_the_calls(bundle: barrow.Bundle, there: Path) -> None:
    remote = Memory()
    travels(bundle, remote, there)
    objects = [key for key in remote.written if key.startswith(("objects/", "parts/"))]
    assert len(objects) == len(set(objects)) == 4, "two parts, each an object and an inventory"
    objects = [key for key in remote.read_keys if key.startswith("objects/")]
    assert len(objects) == len(set(objects)) == 2


def test_fsspec_in_memory(bundle: barrow.Bundle, there: Path) -> None:
    travels(bundle, "memory://bars/remote", there)
    assert "/bars/remote/bundles/market/newest.json" in fsspec.filesystem("memory").store
    fsspec.filesystem("memory").rm("/bars", recursive=True)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server of a folder that knows no ranges, as Python's does not."""
    pytest.importorskip("aiohttp", reason="fsspec speaks HTTP through aiohttp")
    folder = tmp_path / "www"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_web_server(bundle: barrow.Bundle, there: Path, web: tuple[str, Path]) -> None:
    url, folder = web
    with pytest.raises(errors.UnknownBundleError, match="no bundle `market` in `http://127.0.0.1"):
        barrow.fetch("market", url, root=there)
    barrow.push("market", folder)
    barrow.fetch("market", url, root=there)
    same(bundle, barrow.open("market", root=there))
    damaged = next((folder / "objects").glob("*/*"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.raises(errors.DamagedError, match="is damaged: expected digest"):
        barrow.fetch("market", url, root=there.with_name("third"))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket, which the environment says how to reach."""
    pytest.importorskip("s3fs", reason="fsspec speaks S3 through s3fs")
    moto = pytest.importorskip("moto.server", reason="the S3 server of the tests is moto's")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    # The servers of a process have one memory.
    bucket = f"bars-{port}"
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(bucket)
    yield f"s3://{bucket}"
    server.stop()


def test_an_s3_server(bundle: barrow.Bundle, there: Path, s3: str) -> None:
    storage = {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}
    travels(bundle, f"{s3}/daily", there, storage_options=storage)
    _, young = versions_there(f"{s3}/daily", storage_options=storage)
    assert young == ([], 5, 0, 0, 0, 0)


def command(*args: object) -> str:
    """Runs the command; returns what it said."""
    program = os.environ.get("BARROW_REMOTE_COMMAND")
    if program is None:
        pytest.skip("BARROW_REMOTE_COMMAND names no command with the feature object-store")
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True, check=False)
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}"


def test_the_command_and_python_fetch_what_the_other_pushed(bundle: barrow.Bundle, there: Path, s3: str) -> None:
    remote = f"{s3}/shared/daily"
    barrow.push("market", remote)
    assert "exit 0" in command("fetch", "market", remote, "--root", there)
    same(bundle, barrow.open("market", root=there))
    assert "its 1 part of" in command("push", "market", remote), "Python had sent it"
    later = append("2020-06-01")
    assert "1 of 2 parts" in command("push", "market", remote)
    assert barrow.push("market", remote).bytes_sent == 0, "the command had sent it"
    fetched = barrow.fetch("market", remote, root=there)
    assert (fetched.parts, fetched.parts_fetched) == (2, 1)
    same(later, barrow.open("market", root=there))
    chosen = command("fetch", f"market@{bundle.version[:12]}", remote, "--root", there.with_name("third"))
    assert "is the newest version here" in chosen, "the only one"
    pruned = command("prune-remote", remote, "--json")
    assert '"kept":2' in pruned and '"removed":[]' in pruned, pruned
    refused = command("push", "market", "s3://nowhere/daily")
    assert "NoSuchBucket" in refused and "exit 2" in refused


def test_the_command_shows_no_setting_that_may_be_secret(bundle: barrow.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    for remote, name in (("gs://bars/daily", "GOOGLE_SERVICE_ACCOUNT_KEY"), ("s3://bars/daily", "AWS_TIMEOUT")):
        monkeypatch.setenv(name, '"s3cr3t"')
        refused = command("push", "market", remote)
        assert f"`{remote}` names no remote" in refused and "s3cr3t" not in refused, refused


def test_the_command_reads_a_web_server(bundle: barrow.Bundle, there: Path, web: tuple[str, Path]) -> None:
    url, folder = web
    assert "no bundle `market`" in command("fetch", "market", url, "--root", there)
    assert "exit 0" in command("push", "market", folder)
    remote = url.replace("//", "//reader:secret@")
    assert "exit 0" in command("fetch", "market", remote, "--root", there)
    same(bundle, barrow.open("market", root=there))
    append("2020-06-01")
    refused = command("push", "market", remote)
    assert "501 Not Implemented: a web server without WebDAV is only read from" in refused
    assert "exit 2" in refused and "secret" not in refused
    damaged = next((folder / "objects").glob("*/*"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    assert "is damaged: expected digest" in command("fetch", "market", url, "--root", there.with_name("third"))


def test_versions_are_chosen_and_lie_beside_the_newest(bundle: barrow.Bundle, there: Path, rows: Any) -> None:
    remote = Memory()
    first = barrow.push("market", remote).version
    barrow.ingest("market", {**rows, "close": rows["close"] + 0.25}, correct=True)
    second = barrow.push("market", remote).version
    barrow.fetch("market", remote, root=there)
    fetched = barrow.fetch("market", remote, first[:10], root=there)
    assert (fetched.version, fetched.newest) == (first, False)
    assert barrow.open("market", root=there).version == second
    same(bundle, barrow.open("market", first, root=there))
    remote.read_keys.clear()
    assert barrow.fetch("market", remote, first, root=there).unchanged
    assert remote.read_keys == [], "all digits of a version that is there ask nothing"


def test_failures_say_what_failed_and_keep_their_cause(bundle: barrow.Bundle, there: Path) -> None:
    remote = Memory()
    with pytest.raises(errors.UnknownBundleError) as unknown:
        barrow.fetch("market", remote, root=there)
    assert unknown.value.bundle == "market"
    barrow.push("market", remote)
    for name in ("../market", "", ".x", "a b"):
        with pytest.raises(errors.NameSyntaxError):
            barrow.fetch(name, remote, root=there)
    with pytest.raises(errors.UnknownVersionError):
        barrow.fetch("market", remote, "0" * 64, root=there)
    with pytest.raises(errors.NameSyntaxError):
        barrow.fetch("market", remote, "2026-11-25", root=there)
    remote.failure = TimeoutError("the line is down")
    with pytest.raises(errors.RemoteError, match="cannot read .*python:memory") as failed:
        barrow.fetch("market", remote, root=there)
    assert failed.value.__cause__ is remote.failure
    assert isinstance(failed.value, OSError)
    remote.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        barrow.fetch("market", remote, root=there)
    remote.failure = None
    assert not (there / "market").exists()
    barrow.fetch("market", remote, root=there)


def test_ctrl_c_ends_a_transfer_that_goes_on_later(bundle: barrow.Bundle, there: Path) -> None:
    remote = Memory()
    barrow.push("market", remote)
    released = threading.Event()
    read = remote.read

    def slow(key: str, bytes_max: int) -> bytes:
        if key.startswith("parts/"):
            signal.raise_signal(signal.SIGINT)
            released.wait(10)
        return read(key, bytes_max)

    remote.read = slow  # type: ignore[method-assign]
    threading.Timer(0.3, released.set).start()
    with pytest.raises(KeyboardInterrupt):
        barrow.fetch("market", remote, root=there)
    remote.read = read  # type: ignore[method-assign]
    assert not list(there.glob("market/versions/*")), "nothing was published"
    assert barrow.fetch("market", remote, root=there).newest


def test_a_wait_for_another_fetch_ends_in_time_and_by_ctrl_c(bundle: barrow.Bundle, there: Path) -> None:
    remote = Memory()
    barrow.push("market", remote)
    begun, released = threading.Event(), threading.Event()
    read = remote.read

    def slow(key: str, bytes_max: int) -> bytes:
        if key.startswith("objects/"):
            begun.set()
            released.wait(10)
        return read(key, bytes_max)

    remote.read = slow  # type: ignore[method-assign]
    other = threading.Thread(target=barrow.fetch, args=("market", remote), kwargs={"root": there})
    other.start()
    begun.wait(10)
    with pytest.raises(errors.LockedError):
        barrow.fetch("market", remote, root=there, wait=0.05)
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        barrow.fetch("market", remote, root=there)
    released.set()
    other.join()
    assert barrow.fetch("market", remote, root=there).unchanged


def test_progress_is_told_and_ends_with_all_of_it(bundle: barrow.Bundle, there: Path) -> None:
    told: list[tuple[int, int]] = []
    pushed = barrow.push("market", Memory(), progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (pushed.bytes, pushed.bytes)


def test_several_threads_fetch_once(bundle: barrow.Bundle, there: Path) -> None:
    remote = Memory()
    barrow.push("market", remote)
    found: list[barrow.Fetched] = []
    threads = [
        threading.Thread(target=lambda: found.append(barrow.fetch("market", remote, root=there))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(it.unchanged for it in found) == [False] + [True] * 5
    objects = [key for key in remote.read_keys if key.startswith("objects/")]
    assert len(objects) == len(set(objects))


def test_a_password_is_not_shown(there: Path) -> None:
    with pytest.raises(errors.UnknownBundleError) as unknown:
        barrow.fetch("market", "memory://user:secret@host/bars", root=there)
    assert "secret" not in str(unknown.value)


def test_without_fsspec_it_says_what_is_missing(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ImportError, match="pip install fsspec"):
        barrow.fetch("market", "s3://bars", root=there)


def test_what_is_cut_off_is_fetched_when_it_is_whole(bundle: barrow.Bundle, there: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    barrow.push("market", remote)
    for path in (remote / "objects").glob("*/*"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(errors.DamagedError, match="expected length"):
        barrow.fetch("market", remote, root=there)
    barrow.push("market", remote, check=True)
    barrow.fetch("market", remote, root=there)
    same(bundle, barrow.open("market", root=there))


class Aging(Memory):
    """A remote that is pruned, whose clock is set by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.times: dict[str, float] = {}

    def write(self, key: str, data: bytes) -> None:
        super().write(key, data)
        self.times[key] = self.now

    def age_of(self, key: str) -> float | None:
        return self.now - self.times[key] if key in self.objects else None

    def remove(self, key: str) -> None:
        self.objects.pop(key, None)


def versions_there(remote: Any, **storage: Any) -> tuple[list[str], barrow.remote.RemotePruned]:
    """Pushes three versions, prunes none, and returns them with what pruning told."""
    versions = []
    for price in (60.0, 61.0, 62.0):
        row = {name: np.array([price]) for name in ("open", "high", "low", "close", "volume")}
        barrow.ingest("priced", {"symbol": np.array(["AAA"]), "time": np.array(["2020-06-01"], dtype="M8[ns]"), **row})
        versions.append(barrow.push("priced", remote, **storage).version)
    return versions, barrow.remote.prune(remote, keep=1, **storage)


def test_a_remote_is_pruned_of_what_is_old(bundle: barrow.Bundle, there: Path) -> None:
    remote = Aging()
    barrow.push("market", remote)
    versions, young = versions_there(remote)
    assert young == ([], 4, 0, 0, 0, 0), "all of it is young"
    remote.now = 8 * 86_400.0
    before = dict(remote.objects)
    told = barrow.remote.prune(remote, "priced", keep=1, dry_run=True)
    assert remote.objects == before
    pruned = barrow.remote.prune(remote, "priced", keep=1)
    assert pruned == told
    assert sorted(pruned.versions) == sorted(("priced", version) for version in versions[:2])
    assert (pruned.kept, pruned.parts, pruned.young) == (2, 2, 0)
    gone = set(before) - set(remote.objects)
    assert pruned.bytes == sum(len(before[key]) for key in gone if key.startswith("objects/"))
    assert pruned.objects == sum(key.startswith("objects/") for key in gone)
    barrow.fetch("market", remote, root=there)
    assert barrow.fetch("priced", remote, root=there).version == versions[2]
    # What a push relies on is young afterwards.
    remote.now += 3 * 86_400.0
    assert barrow.push("market", remote).bytes_sent == 0
    assert {age for key in remote.objects if key.startswith("bundles/market/v") for age in [remote.age_of(key)]} == {0.0}
    with pytest.raises(errors.SettingError, match="too low"):
        barrow.remote.prune(remote, older_than=datetime.timedelta(days=1))
    with pytest.raises(errors.RemoteError, match="tell the age"):
        versions_there(Memory())
    with pytest.raises(errors.NameSyntaxError):
        barrow.remote.prune(remote, "../x", keep=1)


def test_directories_and_urls_tell_ages(root: Path, tmp_path: Path) -> None:
    for remote in (tmp_path / "remote", f"local://{tmp_path}/other", "memory://pruned"):
        _, young = versions_there(remote)
        assert young == ([], 3, 0, 0, 0, 0)
    for path in (tmp_path / "remote").rglob("*"):
        os.utime(path, (0, 0))
    assert len(barrow.remote.prune(tmp_path / "remote", keep=1).versions) == 2
    files = fsspec.filesystem("memory")
    for path in files.store.values():
        path.modified = path.modified - datetime.timedelta(days=8)
    pruned = barrow.remote.prune("memory://pruned", keep=1)
    assert (len(pruned.versions), pruned.parts, pruned.kept) == (2, 2, 1)
