"""A state that shares with another what both have is what it is when it is read by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stepwell.review import RegistryState, read_state
from stepwell.source.git import open_repository, open_revision
from stepwell.source.tree import Folder, Tree

pytestmark = pytest.mark.slow

TODAY = date(2026, 1, 2)
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
LINK = "-> "
TEXTS = (
    "name: AlphaStep\ndescription: one\n",
    "name: AlphaStep\ndescription: two\n",
    "name: BetaStep\ndescription: one\npriority: 3\n",
    "name: AlphaStep\npriority: 7\n",
    "name: [",
    "",
)
CORE = (
    "registry.d/steps/alpha_step.yaml",
    "registry.d/steps/beta_step.yaml",
    "registry.d/steps/beta_step.yaml/alpha_step.yaml",  # a folder where a file was
    "registry.d/steps/deep/er/alpha_step.yaml",
    "registry.d/steps/deep/beta_step.TOML",
    "registry.d/steps/.hidden.yaml",
    "registry.d/stray.yaml",
    "registry.d/stpes/alpha_step.yaml",
)
OWN = tuple(
    f"workspaces/{one}/{layer}/steps/{name}_step.yaml"
    for one in ("alice", "bob")
    for layer in ("local", "override")
    for name in ("alpha", "beta")
)
INTRODUCED = tuple(f"workspaces/{one}/workspace.yaml" for one in ("alice", "bob"))
TOLERANCES = tuple(f"conflict_tolerance: {word}\n" for word in ("low", "high", "none"))
LINKS = {
    "registry.d/steps/linked": (f"{LINK}../../shared", f"{LINK}../../../outside", f"{LINK}deep"),
    "registry.d/steps/gamma_step.yaml": (f"{LINK}../../shared/alpha_step.yaml", f"{LINK}nowhere.yaml"),
    "workspaces": (f"{LINK}elsewhere",),
}


def projects() -> st.SearchStrategy[dict[str, str]]:
    texts = st.sampled_from(TEXTS)
    parts: list[st.SearchStrategy[dict[str, str]]] = [
        st.dictionaries(st.sampled_from(CORE), texts, min_size=1),
        st.dictionaries(st.sampled_from(OWN), texts),
        st.dictionaries(st.sampled_from(INTRODUCED), st.sampled_from(TOLERANCES)),
        st.dictionaries(
            st.sampled_from(("shared/alpha_step.yaml", "schemas/a.schema.json", "top.txt")), texts, max_size=2
        ),
        st.just({})
        | st.sampled_from(sorted(LINKS)).flatmap(
            lambda path: st.fixed_dictionaries({path: st.sampled_from(LINKS[path])})
        ),
    ]
    return st.tuples(*parts).map(lambda made: {path: text for part in made for path, text in part.items()})


def write_files(root: Path, files: Mapping[str, str]) -> None:
    """Write files to a folder; files that cannot exist beside another are skipped."""
    for entry in root.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    (root / "stepwell.toml").write_text("")
    for path, text in sorted(files.items()):
        file = root / path
        if any(above.is_file() or above.is_symlink() for above in file.parents) or file.is_dir():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith(LINK):
            file.symlink_to(text.removeprefix(LINK))
        else:
            file.write_text(text)


def said(state: RegistryState) -> Any:
    loaded = state.loaded
    tables = {one: loaded.snapshot.view(one).digest for one in loaded.snapshot.workspaces}
    return (
        *(loaded.snapshot.digest, tables, loaded.snapshot.workspaces, loaded.diagnostics),
        *(loaded.layout, sorted(loaded.checked), state.schemas),
    )


ALPHA = TEXTS[0]


@settings(max_examples=30)
@example(
    {"registry.d/steps/alpha_step.yaml": ALPHA},
    {"registry.d/steps/beta_step.yaml/alpha_step.yaml": ALPHA},
    True,
)
@example(
    {CORE[0]: ALPHA, OWN[0]: ALPHA, INTRODUCED[0]: TOLERANCES[0]},
    {CORE[0]: ALPHA, OWN[0]: ALPHA, INTRODUCED[0]: TOLERANCES[1]},
    True,
)
@example(
    {CORE[0]: ALPHA, "registry.d/steps/linked": LINK + "../../shared", "shared/beta_step.yaml": TEXTS[2]},
    {CORE[0]: ALPHA, "registry.d/steps/linked": LINK + "../../shared", "shared/beta_step.yaml": TEXTS[5]},
    True,
)
@given(first=projects(), second=projects(), apart=st.booleans())
def test_what_is_shared_is_what_is_read(first: dict[str, str], second: dict[str, str], apart: bool) -> None:
    if not apart:  # as two revisions are: most of it is the same
        second = {**first, **dict(list(second.items())[::2])}
        second.pop(next(iter(first)), None)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "top" / "project"
        root.mkdir(parents=True)

        def git(*words: str) -> None:
            subprocess.run(["git", *words], cwd=root, env=ENVIRONMENT, check=True, capture_output=True)

        git("init", "-q", "..")
        for files in (first, second):
            write_files(root, files)
            git("add", "-A", ".")
            git("commit", "-q", "--allow-empty", "-m", "a state")
        repository = open_repository(str(root), ENVIRONMENT)

        def state(tree: Tree, like: RegistryState | None = None) -> RegistryState:
            return read_state("a state", str(root), tree, TODAY, like=like)

        old, new = (state(open_revision(repository, one)) for one in ("HEAD~1", "HEAD"))
        assert said(state(open_revision(repository, "HEAD~1"), new)) == said(old)
        assert said(state(open_revision(repository, "HEAD"), old)) == said(new)
        here = state(Folder(str(root)))
        assert said(state(open_revision(repository, "HEAD~1"), here)) == said(old)
