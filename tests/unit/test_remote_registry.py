"""Published registries over the network: moto's S3 server, and HTTP servers that fail in every way."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

import stepwell
from stepwell.frontends import cli
from stepwell.source import remote
from stepwell.write.bundle import publication_of
from stepwell.write.remote_registry import publish

Project = Callable[[Mapping[str, "str | bytes"]], Path]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

STEP = "registry.d/steps/scoring.yaml"
URL = "s3://data/registry"


def files(priority: int) -> dict[str, str | bytes]:
    """A project in which two files must agree."""
    text = f"name: {{}}\ndescription: Both have one priority.\npriority: {priority}\n"
    return {
        "stepwell.toml": "",
        "registry.d/steps/first.yaml": text.format("First"),
        "registry.d/steps/second.yaml": text.format("Second"),
    }


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEPWELL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("s3fs")
    pytest.importorskip("flask_cors")
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty bucket ``data``."""
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = boto3.resource("s3").create_bucket(Bucket="data")
    bucket.objects.all().delete()
    return bucket


def encoded(folder: Path, priority: int) -> bytes:
    """The bundle of a project in which both steps have a priority."""
    for path, text in files(priority).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(str(text))
    return publication_of(str(folder), date(2026, 1, 1)).encoded()


def priorities(registry: stepwell.Registry) -> set[int]:
    return {step.priority for step in registry.view().values()}


def test_a_registry_is_published_to_s3_and_read_there(
    bucket: Any, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(project(files(3)))
    assert cli.run(["publish", URL, "--project", root]) == 0
    assert capsys.readouterr().out.startswith(f"published 3 files (1 kB) to {URL}\nbundle sha256:")
    names = sorted(item.key for item in bucket.objects.all())
    pointer = json.loads(bucket.Object("registry/latest.json").get()["Body"].read())
    assert names == [f"registry/bundles/{pointer['bundle'].replace(':', '-')}", "registry/latest.json"]
    assert priorities(stepwell.open(URL)) == {3}
    assert cli.run(["list", "--project", URL]) == 0
    assert "First" in capsys.readouterr().out
    assert cli.run(["publish", URL, "--project", root]) == 0
    assert capsys.readouterr().out.startswith("unchanged: ")


@pytest.mark.usefixtures("bucket")
def test_a_missing_bucket_or_registry_is_an_error() -> None:
    for url in ("s3://missing/registry", "s3://data/missing"):
        with pytest.raises(stepwell.ProjectError, match=r"cannot read s3://.*latest.json: "):
            stepwell.open(url)


@pytest.mark.usefixtures("bucket")
def test_a_watch_follows_a_registry_in_s3(tmp_path: Path) -> None:
    publish(URL, encoded(tmp_path / "p", 1), None)
    registry = stepwell.open(URL)
    accepted = threading.Event()
    registry.subscribe(lambda event: accepted.set() if event.accepted else None)
    with registry.watch(poll=0.1):
        publish(URL, encoded(tmp_path / "p", 2), None)
        assert accepted.wait(30)
    assert priorities(registry) == {2}


@pytest.mark.usefixtures("bucket")
def test_concurrent_readers_see_a_complete_version_of_concurrent_publishers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWELL_CACHE_DIR", "")
    bundles = [encoded(tmp_path / "p", priority) for priority in range(4)]
    publish(URL, bundles[0], None)
    ended = threading.Event()

    def keep_publishing(content: bytes) -> int:
        for _ in range(4):
            publish(URL, content, None)
        return 4

    def keep_reading(_: int) -> list[set[int]]:
        seen = []
        while not ended.is_set():
            seen.append(priorities(stepwell.open(URL)))
        return seen

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(keep_reading, number) for number in range(3)]
        publishers = [pool.submit(keep_publishing, content) for content in bundles]
        try:
            assert [publisher.result(60) for publisher in publishers] == [4] * 4
        finally:
            ended.set()
        seen = [one for reader in readers for one in reader.result(60)]
    assert len(seen) > 3
    assert all(len(values) == 1 for values in seen)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("failing", [0, 1, 2])
def test_readers_see_the_old_registry_after_a_publication_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    publish(URL, encoded(tmp_path / "p", 1), None)
    system, _ = remote._system(URL)
    kind = type(system)
    put, count = kind._put_file, 0

    async def fail(self: Any, source: str, target: str, **options: Any) -> None:
        nonlocal count
        count += 1
        if count > failing:
            raise OSError("the connection broke")
        await put(self, source, target, **options)

    monkeypatch.setattr(kind, "_put_file", fail)
    with pytest.raises(stepwell.ProjectError, match=r"the connection broke.*still see the previous registry"):
        publish(URL, encoded(tmp_path / "p", 2), b"x" * 64)
    assert priorities(stepwell.open(URL)) == {1}
    monkeypatch.undo()


@pytest.mark.usefixtures("bucket")
def test_a_failing_publication_ends_with_exit_code_2(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = type(remote._system(URL)[0])

    async def fail(*_: Any, **__: Any) -> None:
        raise OSError("the disk of the store is full")

    monkeypatch.setattr(kind, "_put_file", fail)
    assert cli.run(["publish", URL, "--project", str(project(files(1)))]) == 2
    assert "the disk of the store is full (OSError); readers still see" in capsys.readouterr().err


# HTTP


class Store(BaseHTTPRequestHandler):
    """Serves a folder, and fails as ``mode`` specifies."""

    folder: ClassVar[Path]
    mode: ClassVar[str] = ""
    requests: ClassVar[list[tuple[str, int]]] = []

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2].partition("?")[0]
        path = self.folder / ("bundles" if name.startswith("sha256-") else "") / name
        if not path.exists():
            self.answer(404, b"", name)
            return
        content = path.read_bytes()
        etag = f'"{len(content)}-{path.stat().st_mtime_ns}"'
        is_pointer = name == "latest.json"
        if self.mode == "redirect":
            self.answer(302, b"", name, Location="http://169.254.169.254/latest.json")
        elif self.mode == "error":
            self.answer(500, b"secret details", name)
        elif self.mode == "login":
            self.answer(200, b"<html>Please log in</html>", name, **{"Content-Type": "text/html"})
        elif self.mode == "gzip" and not is_pointer:
            self.answer(200, gzip.compress(content), name, **{"Content-Encoding": "gzip"})
        elif self.mode == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b" " * 65536)
        elif self.mode == "slow":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(1000):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.1)
        elif self.mode == "half" and not is_pointer:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
        elif self.headers.get("If-None-Match") == etag:
            self.answer(304, b"", name, ETag=etag)
        else:
            self.answer(200, content, name, ETag=etag)

    def answer(self, status: int, content: bytes, name: str, **headers: str) -> None:
        self.requests.append((name, status))
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The URL of a published registry that is served over HTTP."""
    pytest.importorskip("aiohttp")
    Store.folder, Store.mode, Store.requests = tmp_path / "served", "", []
    publish(Store.folder.as_uri(), encoded(tmp_path / "p", 1), None)
    httpd = QuietServer(("127.0.0.1", 0), Store)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://user:secret@127.0.0.1:{httpd.server_address[1]}/registry?token=secret"
    httpd.shutdown()
    httpd.server_close()


def test_a_registry_is_read_over_http(web: str) -> None:
    registry = stepwell.open(web)
    assert priorities(registry) == {1}
    assert "secret" not in repr(registry)
    assert "secret" not in registry.summary.root


def test_a_watch_requests_a_pointer_with_its_etag(web: str, tmp_path: Path) -> None:
    registry = stepwell.open(web)
    accepted = threading.Event()
    registry.subscribe(lambda event: accepted.set() if event.accepted else None)
    Store.requests.clear()
    with registry.watch(poll=0.05):
        time.sleep(1)
        assert not accepted.is_set()
        publish(Store.folder.as_uri(), encoded(tmp_path / "p", 2), None)
        assert accepted.wait(30)
    assert priorities(registry) == {2}
    statuses = [status for name, status in Store.requests if name == "latest.json"]
    assert statuses.count(304) >= 3
    assert [name for name, _ in Store.requests if name != "latest.json"] == [
        json.loads((Store.folder / "latest.json").read_text())["bundle"].replace(":", "-")
    ]


FAULTS = {
    "redirect": r"redirects \(HTTP 302\); redirects are not followed",
    "error": "HTTP 500",
    "login": "is not the pointer of a published registry: it begins with '<html>Please log in</html>'",
    "gzip": "is sent compressed, although the request excludes that",
    "endless": "larger than 4096 bytes",
    "slow": "no complete answer within 1 s",
    "half": "cannot read http://127.0.0.1:.*bundles/sha256-",
}


@pytest.mark.parametrize(("mode", "message"), FAULTS.items())
def test_a_server_that_fails_is_an_error(web: str, mode: str, message: str) -> None:
    Store.mode = mode
    began = time.monotonic()
    with pytest.raises(stepwell.ProjectError, match=message) as raised:
        stepwell.open(web, timeout=1)
    assert "secret" not in str(raised.value)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("mode", "message"), FAULTS.items())
def test_the_last_valid_version_outlives_a_server_that_fails(
    web: str, tmp_path: Path, mode: str, message: str
) -> None:
    registry = stepwell.open(web, timeout=1)
    publish(Store.folder.as_uri(), encoded(tmp_path / "p", 2), None)
    Store.mode = mode
    event = registry.reload()
    assert event is not None
    assert not event.accepted
    assert priorities(registry) == {1}
    with pytest.warns(RuntimeWarning, match=message):
        assert priorities(stepwell.open(web, timeout=1)) == {1}
    Store.mode = ""
    event = registry.reload()
    assert event is not None
    assert event.accepted
    assert priorities(registry) == {2}


def test_a_server_that_is_gone_is_an_error(web: str) -> None:
    shutil.rmtree(Store.folder)
    with pytest.raises(stepwell.ProjectError, match=r"latest.json: does not exist"):
        stepwell.open(web)
    with pytest.raises(stepwell.ProjectError, match=r"cannot read http://127.0.0.1:1/latest.json: "):
        stepwell.open("http://127.0.0.1:1")


def test_a_registry_is_published_to_any_store_of_fsspec(project: Project) -> None:
    pytest.importorskip("fsspec")
    root = project(files(5))
    assert cli.run(["publish", "memory://registry", "--project", str(root), "-q"]) == 0
    assert priorities(stepwell.open("memory://registry")) == {5}
