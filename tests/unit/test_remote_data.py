"""Inputs and outputs behind URLs, against moto's S3 server and a local HTTP server; Parquet files."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from tests import running
from tests.running import CONFIGURATION, SUMS, output, run, single, states

from stepwell.frontends import cli
from stepwell.run.pipelines.artifacts import check_content, digest_of, has_parquet
from stepwell.run.pipelines.shared_store import SharedStore
from stepwell.run.run_store import RunBusy
from stepwell.source import remote
from stepwell.source.remote import RemoteFault, fetch, is_url, location, publish, unusable

Project = Callable[[Mapping[str, "str | bytes"]], Path]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

TOTAL: Mapping[str, str] = {
    "stepwell.toml": CONFIGURATION,
    "registry.d/steps/total.yaml": SUMS["registry.d/steps/total.yaml"],
    "src/scripts/total.py": SUMS["src/scripts/total.py"],
    "registry.d/pipelines/only.yaml": (
        "name: Only\ndescription: One step.\nparameters: {table: null}\n"
        "steps:\n  - {id: total, step: Total, inputs: {rows: '${table}'}}\n"
    ),
}
"""A step that adds up a table, whose source is a parameter."""
ROWS = "a,b\n1,x\n2,y\n"


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
    """An empty bucket ``data``, and a client that can see it."""
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    resource = boto3.resource("s3")
    bucket = resource.create_bucket(Bucket="data")
    bucket.objects.all().delete()
    return bucket


def serve(handler: Any) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    httpd = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class Broken(BaseHTTPRequestHandler):
    """Sends half of a file, and then closes the connection."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(ROWS)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(ROWS[:4].encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served/rows.csv").write_text(ROWS)
    yield from serve(partial(Quiet, directory=str(tmp_path / "served")))


@pytest.fixture
def broken() -> Iterator[str]:
    yield from serve(Broken)


def total(root: Path, **options: Any) -> Any:
    return json.loads(output(run(root, "Only", **options), "total.total"))["total"]


def test_a_file_and_a_folder_in_s3_are_inputs(project: Project, bucket: Any) -> None:
    root = project({**TOTAL, "data_manifest.yaml": "steps: {Total: {rows: 's3://data/rows.csv'}}\n"})
    bucket.put_object(Key="rows.csv", Body=ROWS)
    assert total(root, parameters={"table": "unused"}) == 3
    for number in range(3):
        bucket.put_object(Key=f"many/below/{number}.csv", Body=f"a,b\n{number},x\n")
    bucket.put_object(Key="many/top.csv", Body="a,b\n10,x\n")
    (root / "data_manifest.yaml").write_text("steps: {Make: {}}\n")
    assert fetch("s3://data/many", str(root / "copy")) == str(root / "copy/many")
    assert (root / "copy/many/below/2.csv").read_text() == "a,b\n2,x\n"
    (root / "data_manifest.yaml").unlink()
    assert total(root, parameters={"table": "s3://data/many"}) == 10


def test_a_changed_file_in_s3_is_another_input(project: Project, bucket: Any) -> None:
    root = project(TOTAL)
    bucket.put_object(Key="rows.csv", Body=ROWS)
    first = run(root, "Only", parameters={"table": "s3://data/rows.csv"})
    again = run(root, "Only", parameters={"table": "s3://data/rows.csv"})
    bucket.put_object(Key="rows.csv", Body=f"{ROWS}5,z\n")
    changed = run(root, "Only", parameters={"table": "s3://data/rows.csv"})
    assert [states(each)["total"] for each in (first, again, changed)] == ["done", "cached", "done"]
    assert json.loads(output(changed, "total.total"))["total"] == 8


def test_content_of_a_remote_input_is_checked(project: Project, web: str, tmp_path: Path) -> None:
    root = project(TOTAL)
    assert total(root, parameters={"table": f"{web}/rows.csv"}) == 3
    (tmp_path / "served/rows.csv").write_text("b\nx\n")
    failed = run(root, "Only", parameters={"table": f"{web}/rows.csv"}).steps[0]
    assert failed.fault == "input `rows`: rows.csv:1: missing column `a`: columns are b"
    missing = run(root, "Only", parameters={"table": f"{web}/no.csv?token=secret"}).steps[0]
    assert missing.fault == f"cannot read inputs: {web}/no.csv: does not exist"


def test_a_store_that_fails_half_way_leaves_no_input(project: Project, broken: str) -> None:
    root = project(TOTAL)
    failed = run(root, "Only", parameters={"table": f"{broken}/rows.csv"}).steps[0]
    assert failed.fault.startswith(f"cannot read inputs: {broken}/rows.csv: ")
    assert "ContentLengthError" in failed.fault or "ClientPayloadError" in failed.fault
    assert [path for path in Path(root).rglob("*rows.csv") if path.is_file()] == []


def test_outputs_are_copied_and_a_failed_copy_is_repeated_without_the_script(
    project: Project, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = "outputs: {make: {rows: 's3://data/out'}, Total: {total: 's3://data/totals/'}}\n"
    root = project({**SUMS, "data_manifest.yaml": targets})
    assert states(run(root, "Sums")) == {"make": "done", "total": "done"}
    keys = {each.key: each.get()["Body"].read() for each in bucket.objects.all()}
    assert keys["out/rows.csv"].startswith(b"a,b\n0,x\n")
    assert json.loads(keys["totals/total.json"]) == {"total": 3}
    bucket.objects.all().delete()

    real = remote._system

    def half(url: str) -> Any:
        system, path = real(url)
        calls = iter([None])

        def put_file(*arguments: Any) -> None:
            if next(calls, 0) == 0:
                raise OSError("the store is gone")
            type(system).put_file(system, *arguments)

        system.put_file = put_file
        return system, path

    script = (
        "import os\nfor name in 'ab':\n    open(f'/opt/ml/processing/output/{name}.txt', 'w').write(name)\n"
    )
    interface = "  outputs: {made: {path: /opt/ml/processing/output}}\n"
    root = project(
        {**single(script, interface), "data_manifest.yaml": "outputs: {it: {made: 's3://data/x'}}\n"}
    )
    with monkeypatch.context() as patched:
        patched.setattr(remote, "_system", half)
        failed = run(root, "Only")
    step = failed.steps[0]
    assert (step.state.value, step.fault) == (
        "failed",
        "cannot copy output `made`: s3://data/x: 1 of 2 files were written: the store is gone (OSError)",
    )
    resumed = run(root, "Only", resume=failed.id)
    assert states(resumed) == {"it": "done"}
    assert len(resumed.steps[0].attempts) == 1
    assert {each.key for each in bucket.objects.all()} == {"x/a.txt", "x/b.txt"}


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Google Cloud Storage with an empty bucket ``data``: `pip install gcsfs gcp-storage-emulator`."""
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # gRPC, which the emulator lacks
    pytest.importorskip("gcsfs")
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    import fsspec

    server = emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket="data")
    server.start()
    host, port = server._api._httpd.server_address
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{host}:{port}")
    monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon"})
    yield fsspec.filesystem("gs", skip_instance_cache=True)
    server.stop()


def test_google_cloud_storage_has_inputs_outputs_and_runs(
    project: Project, tmp_path: Path, google: Any
) -> None:
    google.pipe_file("data/tables/rows.csv", ROWS.encode())
    targets = {"data_manifest.yaml": "outputs: {Total: {total: gs://data/results/}}\n"}
    root = project({**TOTAL, **targets})
    for source in ("gs://data/tables/rows.csv", "gs://data/tables"):
        made = run(root, "Only", parameters={"table": source})
        assert output(made, "total.total") == '{"total": 3}'
    assert google.cat_file("data/results/total.json") == b'{"total": 3}'
    gone = run(root, "Only", parameters={"table": "gs://data/gone"})
    assert gone.step("total").fault == "cannot read inputs: gs://data/gone: does not exist"
    store = SharedStore("gs://data/runs")
    digest = digest_of(str(root / "src"))[0]
    store.put(digest, str(root / "src"))
    (tmp_path / "objects").mkdir()
    assert digest_of(store.get(digest, str(tmp_path / "objects")))[0] == digest
    assert store.read("runs/none.json") is None
    with store.claim("1-a", known="", is_new=True, take_over=False), pytest.raises(RunBusy):
        store.claim("1-a", known="", is_new=False, take_over=False)


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RemoteFault, match=r"s3://nowhere/rows\.csv: does not exist"):
        fetch("s3://nowhere/rows.csv", str(tmp_path / "a"))
    (tmp_path / "b").write_text("x")
    with pytest.raises(RemoteFault, match="s3://nowhere/b: "):
        publish(str(tmp_path / "b"), "s3://nowhere/b", "b")
    assert [path.name for path in (tmp_path / "a").rglob("*")] == []


def test_local_urls_and_targets_need_no_package(project: Project, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "into").mkdir()
    assert location(f"file://{tmp_path}/a%20b", "/x") == f"{tmp_path}/a b"
    assert location("a/b", "/x") == "/x/a/b"
    manifest = (
        f"steps: {{Total: {{rows: 'file://{tmp_path}/rows.csv'}}}}\n"
        f"outputs: {{Total: {{total: 'made/total.json'}}}}\n"
    )
    root = project({**TOTAL, "data_manifest.yaml": manifest})
    assert total(root, parameters={"table": "unused"}) == 3
    assert json.loads((root / "made/total.json").read_text()) == {"total": 3}
    (root / "made/total.json").unlink()
    (root / "data_manifest.yaml").write_text("outputs: {Total: {total: 'made/total.json'}}\n")
    assert states(run(root, "Only", parameters={"table": "s3://a/b"}, make_up=True)) == {"total": "done"}
    assert list((root / "made").iterdir()) == []  # nothing synthetic is copied
    publish(str(tmp_path / "rows.csv"), str(tmp_path / "into"), "rows.csv")
    assert (tmp_path / "into/rows.csv").read_text() == ROWS


@pytest.mark.parametrize(
    ("url", "writes", "fault"),
    [
        ("foo://bar", False, "`foo://bar` has the unknown scheme `foo`"),
        ("https://user:pw@host/x?key=1", True, "`https://host/x` cannot be written: `https` is only read"),
    ],
)
def test_a_url_that_cannot_be_used_is_reported_before_the_run(url: str, writes: bool, fault: str) -> None:
    pytest.importorskip("fsspec")
    found = unusable(url, writes=writes)
    assert is_url(url)
    assert found is not None
    assert found[0] == fault


def test_problems_of_remote_data_are_findings(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    manifest = "steps:\n  Total: {rows: 'foo://x'}\noutputs:\n  Totl: {total: a}\n  Total: {totl: a, total: 'https://x/y'}\n"
    root = project({**TOTAL, "data_manifest.yaml": manifest})
    monkeypatch.chdir(root)
    assert cli.run(["pipeline", "check", "Only"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [f"{line} {lines[at + 1].split()[-1]}" for at, line in enumerate(lines) if "]: " in line] == [
        (
            "error[cannot-run]: input `total.rows`: `foo://x` has the unknown scheme `foo` "
            "data_manifest.yaml:2:17"
        ),
        "warning[missing-data]: unknown step `Totl` data_manifest.yaml:4:3",
        "error[missing-data]: `Total` has no output `totl` data_manifest.yaml:5:11",
        (
            "error[cannot-run]: output `total.total`: `https://x/y` cannot be written: `https` is only read "
            "data_manifest.yaml:5:27"
        ),
    ]


def test_a_test_with_synthetic_data_opens_no_url(project: Project) -> None:
    root = project(TOTAL)
    made = run(root, "Only", parameters={"table": "s3://no-such-bucket/rows"}, make_up=True)
    assert states(made) == {"total": "done"}


def test_synthetic_parquet_is_written_and_checked(project: Project, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow
    from pyarrow import parquet

    script = (
        "import pathlib\nfrom pyarrow import parquet\n"
        "table = parquet.read_table(next(pathlib.Path('/opt/ml/processing/input').glob('*.parquet')))\n"
        "parquet.write_table(table, '/opt/ml/processing/output/table.parquet')\n"
    )
    interface = (
        "  inputs:\n    rows: {path: /opt/ml/processing/input, content: {format: parquet, columns: "
        "{a: integer, b: number, c: boolean, d: text}, min_rows: 60}}\n"
        "  outputs:\n    rows: {path: /opt/ml/processing/output, content: {format: parquet, min_rows: 60}}\n"
    )
    assert states(run(project(single(script, interface)), "Only", make_up=True)) == {"it": "done"}
    path = tmp_path / "x.parquet"
    parquet.write_table(pyarrow.table({"a": [1, 2], "b": ["x", "y"]}), path)
    content = {"format": "parquet"}
    assert check_content(str(path), {**content, "columns": {"a": "integer", "b": "text"}}) == ""
    assert check_content(str(path), {**content, "columns": {"b": "number"}}) == (
        "x.parquet: `b` is not a number: its type is string"
    )
    assert check_content(str(path), {**content, "columns": {"c": "number"}}) == (
        "x.parquet: missing column `c`: columns are a, b"
    )
    assert check_content(str(path), {**content, "min_rows": 3}) == "must have at least 3 rows, got 2"
    path.write_bytes(path.read_bytes()[:-10])
    assert check_content(str(path), {}).startswith("x.parquet: invalid Parquet: ")


def test_parquet_without_its_package_is_a_warning(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("stepwell.run.pipelines.artifacts.find_spec", lambda _: None)
    has_parquet.cache_clear()
    try:
        interface = "  outputs:\n    rows: {path: /opt/ml/processing/output, content: {format: parquet}}\n"
        _, found = running.plan(project(single("", interface)), "Only")
        assert [(each.id, each.severity.value, each.message) for each in found] == [
            ("missing-package", "warning", "the format of `it.rows` is not checked: Parquet needs `pyarrow`")
        ]
        (tmp_path / "x.parquet").write_text("no table")
        assert check_content(str(tmp_path / "x.parquet"), {"format": "parquet", "min_rows": 3}) == ""
    finally:
        has_parquet.cache_clear()
