"""``stepwell publish`` and ``lock``, and ``stepwell.open`` of what they wrote, without a network."""

from __future__ import annotations

import json
import os
import pickle
import queue
import stat
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

import stepwell
from stepwell.frontends import cli
from stepwell.model.settings import open_project
from stepwell.resolve.load import load
from stepwell.write import bundle, remote_registry
from stepwell.write.bundle import Bundle, digest_of, publication_of

pytestmark = pytest.mark.usefixtures("root")

Project = Callable[[Mapping[str, "str | bytes"]], Path]

STEP = "registry.d/steps/scoring.yaml"
FILES: Mapping[str, str | bytes] = {
    "stepwell.toml": '[project]\nworkspace = "alice"\n[[freeze]]\noutput = "names.py"\nfirst = ["Scoring"]\n',
    STEP: "name: Scoring  # of a batch\ndescription: Score a batch.\naliases: [Score]\npriority: 7\n",
    "registry.d/steps/cleaning.toml": 'name = "Cleaning"\ndescription = "Clean é."\nx-ratio = 0.1\n',
    "registry.d/steps/old.yaml": (
        "name: Old\ndescription: Old.\n"
        "deprecated: {since: '1.0', note: 'Use Scoring.', remove_after: '2027-01-01'}\n"
    ),
    "registry.d/hyperparameters/tree.yaml": "name: Tree\nmodule_path: src.tree\ndescription: Of a tree.\n",
    "registry.d/providers/echo.yaml": "name: Echo\ndescription: Echoes.\nimplementation: echo\n",
    "registry.d/pipelines/all.yaml": "name: All\ndescription: All.\nsteps:\n  - {id: one, step: Scoring}\n",
    "workspaces/alice/workspace.yaml": "description: Of Alice.\n",
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 9\nbased_on: {priority: 7}\n",
    "workspaces/bob/local/steps/own.yaml": "name: Own\ndescription: His own.\n",
    "src/code.py": "raise SystemExit('code of the project ran')\n",
}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of last valid bundles."""
    for name in ("STEPWELL_CACHE_DIR", "STEPWELL_LOCK", "STEPWELL_PUBLIC_KEY", "STEPWELL_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state/stepwell/published"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def root(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = project(FILES)
    monkeypatch.chdir(folder)
    return folder


def published(store: Path, *options: str) -> str:
    """Publish the project of the working directory, and return the URL."""
    assert cli.run(["publish", store.as_uri(), "-q", *options]) == 0
    return store.as_uri()


def bundle_in(store: Path) -> Path:
    return store / "bundles" / json.loads((store / "latest.json").read_text())["bundle"].replace(":", "-")


def test_a_published_registry_is_that_of_the_project(store: Path) -> None:
    here, there = stepwell.open("."), stepwell.open(published(store))
    assert there.snapshot == here.snapshot
    assert there.digest == here.digest
    assert there.workspaces == here.workspaces == ("alice", "bob")
    assert there.active_workspace == "alice"
    assert there.summary.steps == here.summary.steps
    assert there.summary.files == here.files == there.files
    assert there.diagnostics == here.diagnostics
    for workspace in (None, *here.workspaces):
        ours, theirs = here.view(workspace), there.view(workspace)
        assert list(theirs) == list(ours)
        assert theirs.diagnostics == ours.diagnostics
        for kind, table in ours.tables.items():
            assert [*theirs.tables[kind]] == [*table]
            for name, definition in table.items():
                assert theirs.tables[kind][name].data == definition.data
                assert theirs.tables[kind][name].digest == definition.digest
        for name in ours:
            assert theirs.explain_all(name) == ours.explain_all(name)
    assert there.view("alice")["Score"].priority == 9
    assert there.snapshot.workspaces == here.snapshot.workspaces
    assert there.health().status == here.health().status
    assert [*there.conflicts()] == [*here.conflicts()]
    assert (
        here.snapshot == pickle.loads(pickle.dumps(there.snapshot))  # noqa: S301
    )


def test_a_reader_opens_definitions_without_checking_the_files(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = published(store)
    monkeypatch.setattr("stepwell.resolve.load.load", lambda *_: pytest.fail("the files were checked"))
    registry = stepwell.open(url)
    assert [step.priority for step in registry.view().values()] == [9, 100, 100]
    assert repr(registry) == f"<Registry at {url}: 3 core steps, 2 workspaces>"


def test_a_reader_with_other_schemas_checks_the_files(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, digest = published(store), stepwell.open(".").digest
    monkeypatch.setattr(bundle, "schemas_digest", lambda: digest_of(b"other"))
    registry = stepwell.open(url)
    assert registry.snapshot.core.steps["Scoring"].sources[0].document.flat
    assert registry.digest == digest


def test_findings_are_those_of_the_day_of_the_reader(store: Path) -> None:
    url = published(store)
    early = stepwell.open(url, today=date(2026, 12, 31)).diagnostics
    late = stepwell.open(url, today=date(2027, 6, 1)).diagnostics
    assert "past-removal" not in {finding.id for finding in early}
    assert "past-removal" in {finding.id for finding in late}


def test_the_same_content_is_published_once(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["publish", str(store)]) == 0
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    assert cli.run(["publish", store.as_uri()]) == 0
    first, digest, second, again = capsys.readouterr().out.splitlines()
    assert first.startswith("published 10 files (")
    assert first.endswith(f" to {store.as_uri()}")
    assert second == first.replace("published", "unchanged:").replace(" to ", " at ")
    assert digest == again == f"bundle {digest_of(bundle_in(store).read_bytes())}"
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def test_a_damaged_bundle_is_published_again(store: Path) -> None:
    url = published(store)
    bundle_in(store).write_bytes(b"x" * bundle_in(store).stat().st_size)
    published(store)
    assert len(stepwell.open(url).view()) == 3


def test_a_dry_run_writes_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["publish", str(store), "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("would publish 10 files (")
    assert not store.exists()


def test_a_project_with_errors_is_not_published(
    root: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = published(store)
    before = (store / "latest.json").read_bytes()
    (root / STEP).write_text("name: Scoring\n")
    assert cli.run(["publish", url]) == 1
    output = capsys.readouterr()
    assert "error[missing-field]" in output.out
    assert output.err == "1 error; nothing was written\n"
    assert cli.run(["publish", url, "--format", "json"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "error[missing-field]" in output.err
    assert (store / "latest.json").read_bytes() == before


def test_a_bundle_contains_nothing_but_definitions_and_settings(root: Path, store: Path) -> None:
    (root / "secret.txt").write_text("secret")
    content = bundle_in(Path(published(store).removeprefix("file://"))).read_bytes()
    assert b"SystemExit" not in content
    assert b"secret" not in content
    files = Bundle("it", content, digest_of(content)).files
    assert files == {path: (root / path).read_bytes() for path in FILES if not path.startswith("src/")}


@pytest.mark.parametrize("files", [{"stepwell.toml": ""}, {"pyproject.toml": "[tool.stepwell]\n"}])
def test_a_project_without_definitions_or_settings_is_published(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str]
) -> None:
    folder = tmp_path / "other"
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    monkeypatch.chdir(folder)
    registry = stepwell.open(published(store))
    assert [*registry.view()] == []
    assert registry.diagnostics == stepwell.open(".").diagnostics


@pytest.mark.parametrize("fallback", ["skip", "last-good"])
def test_the_last_valid_version_is_served_while_the_store_fails(
    store: Path, state: Path, fallback: str
) -> None:
    url = published(store)
    digest = stepwell.open(url).digest
    (store / "latest.json").rename(store / "lost")
    with pytest.warns(RuntimeWarning, match=r"latest.json: does not exist; the last valid version is served"):
        registry = stepwell.open(url, fallback=fallback)  # type: ignore[arg-type]
    assert registry.digest == digest
    assert [finding.id for finding in registry.diagnostics] == ["unreadable-registry"]
    assert registry.health().kept == (None, "alice", "bob")
    assert registry.reload() is None
    (store / "lost").rename(store / "latest.json")
    event = registry.reload()
    assert event is not None
    assert event.accepted
    assert registry.diagnostics == stepwell.open(".").diagnostics
    kept = [path for path in state.iterdir() if path.is_file()]
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600]


def test_no_version_is_kept_without_a_cache(
    store: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWELL_CACHE_DIR", "")
    url = published(store)
    stepwell.open(url)
    assert not state.exists()
    (store / "latest.json").unlink()
    with pytest.raises(stepwell.ProjectError, match="does not exist"):
        stepwell.open(url)


def test_a_reader_needs_no_folder_for_the_last_valid_version(store: Path, state: Path) -> None:
    state.parent.mkdir(parents=True)
    state.write_text("a file")
    assert len(stepwell.open(published(store)).view()) == 3


def test_a_damaged_version_on_disk_is_replaced(store: Path, state: Path) -> None:
    url = published(store)
    stepwell.open(url)
    (kept,) = state.iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content[:-1])
    assert len(stepwell.open(url).view()) == 3
    assert kept.read_bytes() == content
    kept.write_bytes(b"stepwell-bundle 1\n{}\n")
    (store / "latest.json").unlink()
    with pytest.raises(stepwell.ProjectError, match="does not exist"):
        stepwell.open(url)


DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("pointer", "message"),
    [
        (b"", "is not the pointer of a published registry: it begins with ''"),
        (b"<!DOCTYPE html>", "it begins with '<!DOCTYPE html>'"),
        (b"\xff\xfe{", "is not the pointer"),
        (b"[" * 4000, "is not the pointer"),
        (b"{" + b" " * 5000 + b"}", "larger than 4096 bytes"),
        (b'{"version": 2, "bundle": "%s", "size": 1}' % DIGEST.encode(), "is not the pointer"),
        (b'{"version": 1, "bundle": "../../etc/passwd", "size": 1}', "is not the pointer"),
        (b'{"version": 1, "bundle": "%s", "size": true}' % DIGEST.encode(), "is not the pointer"),
        (b'{"version": 1, "bundle": "%s", "size": -1}' % DIGEST.encode(), "is not the pointer"),
        (b'{"version": 1, "bundle": "%s", "size": 1e99}' % DIGEST.encode(), "is not the pointer"),
        (b'{"version": 1, "bundle": "%s", "size": 999999999999}' % DIGEST.encode(), "is not the pointer"),
        (
            b'{"version": 1, "bundle": "%s", "size": 10}' % DIGEST.encode(),
            "bundles/sha256-000.*does not exist",
        ),
    ],
)
def test_an_invalid_pointer_is_an_error(
    store: Path, pointer: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store.mkdir()
    (store / "latest.json").write_bytes(pointer)
    with pytest.raises(stepwell.ProjectError, match=message):
        stepwell.open(store.as_uri())
    assert cli.run(["list", "--project", store.as_uri()]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-1], r"is incomplete: got \d+ of \d+ bytes"),
        (lambda content: content + b"x", r"larger than \d+ bytes"),
        (lambda content: content[:-1] + b"x", "is damaged: its digest is sha256:"),
        (lambda _: b"", r"is incomplete: got 0 of \d+ bytes"),
    ],
)
def test_a_damaged_bundle_is_an_error(store: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    url = published(store)
    bundle_in(store).write_bytes(damage(bundle_in(store).read_bytes()))
    with pytest.raises(stepwell.ProjectError, match=message):
        stepwell.open(url)


def test_a_named_pipe_is_no_pointer(store: Path) -> None:
    store.mkdir()
    os.mkfifo(store / "latest.json")
    with pytest.raises(stepwell.ProjectError, match="is not a regular file"):
        stepwell.open(store.as_uri())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://example.com/registry", "`https` is only read"),
        ("what://example.com/registry", "has the unknown scheme `what`"),
    ],
)
def test_a_url_that_cannot_be_written_is_rejected(
    url: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["publish", url]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///", "https://?x", "http://[::1", "://x", "s3::file:///x", "file:///"]
)
def test_a_url_without_a_folder_is_rejected(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(stepwell.ProjectError, match=r"is not the URL of a folder|is not a URL"):
        stepwell.open(url)
    assert cli.run(["list", "--project", url]) == 2
    assert cli.run(["lock", url]) == 2
    assert cli.run(["check", "--project", url]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_shows_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["check"], ["list"]):
        assert cli.run([*words, "--project", "http://user:secret@127.0.0.1:1/x?token=secret"]) == 2
        assert "secret" not in capsys.readouterr().err


def test_arguments_for_published_registries_are_errors_for_a_folder(root: Path, store: Path) -> None:
    with pytest.raises(ValueError, match="need the URL of a published registry"):
        stepwell.open(root, lock="stepwell.lock")
    with pytest.raises(ValueError, match="fallback must be"):
        stepwell.open(published(store), fallback="none")  # type: ignore[arg-type]
    assert cli.run(["publish", ""]) == 2


def test_commands_read_a_published_registry(
    root: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = published(store)
    for words in (["list"], ["show", "Scoring"], ["explain", "Scoring.priority"], ["list", "--json"]):
        outputs = []
        for project in (str(root), url):
            assert cli.run([*words, "--project", project]) == 0
            outputs.append(capsys.readouterr().out)
        assert outputs[0] == outputs[1]


def test_what_a_published_registry_cannot_do_is_one_clear_error(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = published(store)
    message = f"{url} is a published registry: `stepwell.open`, `list`, `show` and `explain` read it; "
    for words in (
        ["check"],
        ["set", "Scoring", "priority=3"],
        ["freeze"],
        ["components"],
        ["doctor"],
        ["lock"],
    ):
        assert cli.run([*words, "--project", url]) == 2
        assert message in capsys.readouterr().err
    registry = stepwell.open(url)
    with pytest.raises(stepwell.ProjectError, match="is a published registry"):
        _ = registry.code
    for load_part in (lambda view: view.load("Scoring", "builder"), lambda view: view.components("Scoring")):
        with pytest.raises(stepwell.ComponentError, match="was loaded without sources"):
            load_part(registry.view())


def test_a_watch_follows_the_published_registry(root: Path, store: Path) -> None:
    url = published(store)
    registry = stepwell.open(url)
    events: queue.Queue[stepwell.Event] = queue.Queue()
    registry.subscribe(events.put)
    with registry.watch(poll=0.05):
        assert registry.watching is not None
        assert (registry.watching.mode, registry.watching.poll) == ("polling", 0.05)
        (root / STEP).write_text("name: Scoring\ndescription: Score.\npriority: 8\n")
        published(store)
        event = events.get(timeout=20)
        assert event.accepted
        assert [key.name for key in event.changes.core.changed] == ["Scoring"]
        (store / "latest.json").write_text("{}")
        event = events.get(timeout=20)
        assert not event.accepted
        assert [finding.id for finding in event.diagnostics] == ["unreadable-registry"]
        assert registry.view(None)["Scoring"].priority == 8
        assert cli.run(["publish", str(store)]) == 2
        (store / "latest.json").unlink()
        published(store)
        event = events.get(timeout=20)
        while not event.accepted:  # while the pointer was missing
            event = events.get(timeout=20)
        assert not event.changes
    assert registry.watching.running is False


def test_a_registered_step_survives_a_new_version(root: Path, store: Path) -> None:
    registry = stepwell.open(published(store))
    registry.register(name="Extra", description="At run time.")
    (root / "registry.d/steps/new.yaml").write_text("name: New\ndescription: New.\n")
    published(store)
    registry.reload()
    assert {"Extra", "New"} <= {*registry.view()}


def test_a_reload_of_the_same_version_reads_nothing_but_the_pointer(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = stepwell.open(published(store))
    registry.reload()
    monkeypatch.setattr(Bundle, "load", lambda *_: pytest.fail("the bundle was loaded again"))
    assert registry.reload() is None


# Locks


def test_a_lock_accepts_one_version_without_the_network(root: Path, store: Path) -> None:
    url = published(store)
    assert cli.run(["lock", "-q"]) == 0
    (root / STEP).write_text("name: Scoring\ndescription: Score.\npriority: 8\n")
    published(store)
    locked = stepwell.open(url, lock="stepwell.lock")
    assert locked.view(None)["Scoring"].priority == 7
    assert stepwell.open(url).view(None)["Scoring"].priority == 8
    assert locked.reload() is None
    stepwell.open(url, lock="stepwell.lock")
    for path in store.rglob("*"):
        path.unlink() if path.is_file() else None
    assert stepwell.open(url, lock="stepwell.lock").view(None)["Scoring"].priority == 7


def test_the_environment_may_set_the_lock(
    root: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = published(store)
    assert cli.run(["lock", url, "-o", "there.lock"]) == 0
    assert cli.run(["lock"]) == 0
    assert capsys.readouterr().out == "wrote there.lock with 10 files\nwrote stepwell.lock with 10 files\n"
    assert (root / "there.lock").read_bytes() == (root / "stepwell.lock").read_bytes()
    monkeypatch.setenv("STEPWELL_LOCK", "there.lock")
    assert len(stepwell.open(url).view()) == 3
    text = (root / "there.lock").read_text()
    (root / "there.lock").write_text(text.replace(json.loads(text)["bundle"], DIGEST))
    with pytest.raises(stepwell.ProjectError, match="does not exist"):
        stepwell.open(url)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"version": 2}', "[" * 100_000, '{"version": 1, "bundle": "x"}']
)
def test_an_invalid_lock_is_an_error(
    root: Path, store: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "stepwell.lock").write_text(text)
    with pytest.raises(stepwell.ProjectError, match=r"cannot read stepwell\.lock: "):
        stepwell.open(published(store), lock="stepwell.lock")
    assert cli.run(["check", "--locked"]) == 2
    assert "`stepwell lock` creates it" in capsys.readouterr().err


def edit(root: Path) -> None:
    (root / STEP).write_text("name: Scoring\ndescription: Score.\n")


def add(root: Path) -> None:
    (root / "registry.d/steps/new.yaml").write_text("name: New\ndescription: New.\n")


def remove(root: Path) -> None:
    (root / "registry.d/providers/echo.yaml").unlink()


def touch(root: Path) -> None:
    (root / STEP).touch()
    (root / "src/code.py").write_text("")
    (root / "README.md").write_text("")


def change_digest(path: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        lock = json.loads((root / "stepwell.lock").read_text())
        (root / "stepwell.lock").write_text(json.dumps({**lock, path: DIGEST}))

    return change


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        (touch, []),
        (edit, [(STEP, "the file differs from `stepwell.lock`")]),
        (add, [("registry.d/steps/new.yaml", "the file is not in `stepwell.lock`")]),
        (
            remove,
            [
                (
                    "stepwell.lock",
                    "`registry.d/providers/echo.yaml` is locked, but the project does not contain it",
                )
            ],
        ),
        (
            change_digest("schemas"),
            [("stepwell.lock", "the schemas of this Stepwell are not the locked ones")],
        ),
        (
            change_digest("bundle"),
            [("stepwell.lock", "the bundle of the project is not the locked one")],
        ),
    ],
)
def test_a_project_that_drifted_from_its_lock_has_findings(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], None],
    findings: list[tuple[str, str]],
) -> None:
    assert cli.run(["lock", "-q"]) == 0
    change(root)
    assert cli.run(["check", "--locked", "--json"]) == int(bool(findings))
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    drift = [item for item in found if item["id"] == "lock-drift"]
    assert [(item["span"]["path"], item["message"]) for item in drift] == findings


def test_a_check_with_a_lock_needs_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["check", "--locked"]) == 2
    assert capsys.readouterr().err == "error: stepwell.lock does not exist; `stepwell lock` creates it\n"
    assert cli.run(["check", "--locked", "--since", "HEAD"]) == 2
    assert "--locked cannot be used with" in capsys.readouterr().err


# Signatures


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    """A private and a public key."""
    pytest.importorskip("cryptography")
    return new_keys(tmp_path, "release")


def new_keys(folder: Path, name: str) -> tuple[str, str]:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pem").write_bytes(private)
    (folder / f"{name}.pub.pem").write_bytes(public)
    return str(folder / f"{name}.pem"), str(folder / f"{name}.pub.pem")


def test_a_reader_may_require_a_signature(
    store: Path, keys: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = keys
    url = published(store)
    with pytest.raises(stepwell.ProjectError, match=r"\.sig: does not exist"):
        stepwell.open(url, public_key=public)
    published(store, "--sign", private)
    assert len(stepwell.open(url, public_key=public).view()) == 3
    assert len(stepwell.open(url).view()) == 3
    monkeypatch.setenv("STEPWELL_PUBLIC_KEY", new_keys(tmp_path, "other")[1])
    with pytest.raises(stepwell.ProjectError, match="has no valid signature of bundle sha256:"):
        stepwell.open(url)


def test_an_unsigned_version_does_not_replace_the_signed_one(
    root: Path, store: Path, keys: tuple[str, str]
) -> None:
    private, public = keys
    url = published(store, "--sign", private)
    registry = stepwell.open(url, public_key=public)
    edit(root)
    published(store)
    registry.reload()
    assert registry.view(None)["Scoring"].priority == 7
    assert [finding.id for finding in registry.diagnostics] == ["unreadable-registry"]
    with pytest.warns(RuntimeWarning, match=r"\.sig: does not exist; the last valid version is served"):
        assert stepwell.open(url, public_key=public).view(None)["Scoring"].priority == 7


def test_what_was_kept_without_a_signature_is_not_served_where_one_is_required(
    store: Path, keys: tuple[str, str]
) -> None:
    url = published(store)
    stepwell.open(url)
    with pytest.raises(stepwell.ProjectError, match=r"\.sig: does not exist"):
        stepwell.open(url, public_key=keys[1])


@pytest.mark.parametrize("damage", [lambda old: old[:-1], lambda _: b"", lambda old: old[:-1] + b"x"])
def test_a_damaged_signature_is_an_error(
    store: Path, keys: tuple[str, str], damage: Callable[[bytes], bytes]
) -> None:
    url = published(store, "--sign", keys[0])
    signature = bundle_in(store).with_name(bundle_in(store).name + ".sig")
    assert signature.stat().st_size == 64
    signature.write_bytes(damage(signature.read_bytes()))
    with pytest.raises(stepwell.ProjectError, match="has no valid signature"):
        stepwell.open(url, public_key=keys[1])


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_an_invalid_key_is_an_error(store: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("cryptography")
    Path("key.pem").write_text(text)
    assert cli.run(["publish", str(store), "--sign", "key.pem"]) == 2
    assert "the private key is not an unencrypted Ed25519 key" in capsys.readouterr().err
    url = published(store)
    for ending in ("", ".sig"):
        Path(f"{bundle_in(store)}{ending}").touch()
    with pytest.raises(stepwell.ProjectError, match="the public key is not an Ed25519 key in PEM format"):
        stepwell.open(url, public_key="key.pem")


def test_a_missing_key_is_an_error(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["publish", str(store), "--sign", "key.pem"]) == 2
    assert "cannot read key.pem: does not exist" in capsys.readouterr().err


def test_a_provider_with_a_secret_is_not_published(root: Path, store: Path) -> None:
    path = root / "registry.d/providers/echo.yaml"
    path.write_text(path.read_text() + "secrets: {key: sk-1234567890abcdefghijklmnop}\n")
    assert cli.run(["publish", str(store)]) == 1
    assert not store.exists()


def test_a_bundle_and_a_load_have_the_same_types(root: Path) -> None:
    publication = publication_of(str(root), date(2026, 1, 1))
    content = publication.encoded()
    read = Bundle("it", content, digest_of(content)).load(str(root), date(2026, 1, 1))
    plain = load(open_project(str(root)), date(2026, 1, 1))
    assert {name: type(getattr(read, name)) for name in ("project", "snapshot", "layout", "checked")} == {
        name: type(getattr(plain, name)) for name in ("project", "snapshot", "layout", "checked")
    }
    assert read.project.settings == plain.project.settings
    assert remote_registry.POINTER == "latest.json"
