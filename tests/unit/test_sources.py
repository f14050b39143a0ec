"""The index of Python sources: what it contains, what it skips, and how a store on disk affects it."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stepwell.source.python import Lineage, SourceIndex, SourceView, index_sources, module_defines, place_of
from stepwell.source.python.outline import _SAME_TICK, Outline, OutlineDraft, ParseFailure, recall
from stepwell.source.python.outliner import outline_of
from stepwell.source.seal import CachePlace

if TYPE_CHECKING:
    from collections.abc import Mapping


def write(root: Path, files: Mapping[str, str | bytes]) -> str:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        settle(file)
    return os.path.realpath(root)


def settle(file: Path) -> None:
    """Wait until the file system has a later time than the file, however coarse its clock is."""
    probe = file.with_name(".probe")
    while True:
        probe.write_bytes(b"")
        if probe.stat().st_mtime_ns - file.stat().st_ctime_ns > _SAME_TICK:
            break
    probe.unlink()


def index(root: Path, files: Mapping[str, str | bytes], *folders: str) -> SourceIndex:
    return index_sources(write(root, files), folders or ("src",))


def outline(text: str | bytes) -> Outline:
    said = outline_of(text.encode() if isinstance(text, str) else text)
    assert isinstance(said, Outline)
    return said


def classes(text: str | bytes) -> list[tuple[str, int, int, tuple[str, ...]]]:
    return [(one.qualified, one.line, one.column, one.bases) for one in outline(text).classes]


def test_classes_are_found_wherever_a_statement_can_be() -> None:
    text = (
        "if x:\n    class A: pass\nelif y:\n    class B: pass\nelse:\n    class C: pass\n"
        "try:\n    class D: pass\nexcept E1:\n    class E: pass\nelse:\n    class F: pass\n"
        "finally:\n    class G: pass\n"
        "with x:\n    class H: pass\nfor i in x:\n    class I: pass\nwhile x:\n    class J: pass\n"
        "def f():\n    class K: pass\nasync def g():\n    class L:\n        class M: pass\n"
        "match x:\n    case 1:\n        class N: pass\n"
    )
    assert [name for name, *_ in classes(text)] == [*"ABCDEFGHIJ", "f.K", "g.L", "g.L.M", "N"]


def test_bases_are_dotted_names_without_what_a_generic_is_given() -> None:
    assert classes("class A(B, p.q.C, D[int], p.E['x', y], f(), metaclass=M, *rest): pass\n") == [
        ("A", 1, 7, ("B", "p.q.C", "D", "p.E", "", ""))
    ]


def test_a_place_counts_characters_and_lines_as_an_editor_does() -> None:
    text = "\ufeffx = 'é'\r\n@d\r\nclass   Näme(B): pass\r\n"
    assert classes(text) == [("Näme", 3, 9, ("B",))]


def test_imports_and_names_of_the_module_are_kept() -> None:
    said = outline("import a.b, c as d\nfrom ..m import n as o, p\nX = y.Z\nW: int = 3\ndef f(): import q\n")
    assert [(*tuple(one)[:4], one.at_top) for one in said.imports] == [
        ("a.b", "", "", 0, True),
        ("c", "", "d", 0, True),
        ("m", "n", "o", 2, True),
        ("m", "p", "", 2, True),
        ("q", "", "", 0, False),
    ]
    assert [tuple(one) for one in said.bindings] == [("X", "y.Z"), ("W", ""), ("f", "")]


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (b"x = (\n", ParseFailure("'(' was never closed", 1, 5)),
        ("é = 1\nclass Ä\n".encode(), ParseFailure("expected ':'", 2, 8)),
        (b"x = 1\n\0", None),
        (b"x = '\xe9'\n", None),
        (b"# coding: klingon\n", None),
        (b"x = " + b"(" * 100_000, None),
        (b"x = " + b"-" * 200_000 + b"1", ParseFailure("nested too deeply", 1, 1)),
        (b"x = 1" + b"+1" * 300_000, ParseFailure("nested too deeply", 1, 1)),
        (b"if a: pass\n" + b"elif a: pass\n" * 50_000, ParseFailure("nested too deeply", 1, 1)),
        (b"class A(x" + b".y" * 100_000 + b"): pass\n", ParseFailure("nested too deeply", 1, 1)),
    ],
    ids=["bracket", "columns", "nul", "latin-1", "encoding", "brackets", "minus", "plus", "elif", "dots"],
)
def test_what_cannot_be_parsed_is_a_failure_with_a_place(
    content: bytes, failure: ParseFailure | None
) -> None:
    said = outline_of(content)
    assert isinstance(said, ParseFailure)
    assert failure in (None, said)


def test_a_declared_encoding_is_obeyed() -> None:
    assert classes("# coding: latin-1\nclass É: pass\n".encode("latin-1")) == [("É", 2, 7, ())]


def test_no_warning_about_somebodys_file_leaks(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = index(tmp_path, {"src/a.py": "class A: x = '\\d'\n"})
    assert list(found.classes) == ["A"]


def test_hidden_folders_environments_and_caches_are_skipped(tmp_path: Path) -> None:
    found = index(
        tmp_path,
        {
            "src/a.py": "",
            "src/.hidden/b.py": "",
            "src/__pycache__/c.py": "",
            "src/env/pyvenv.cfg": "",
            "src/env/lib/d.py": "",
            "src/lib/site-packages/e.py": "",
            "src/f.txt": "",
            "other/g.py": "",
        },
    )
    assert list(found.files) == ["src/a.py"]


def test_links_are_followed_inside_the_project_only(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, {"o.py": "class O: pass\n"})
    root = tmp_path / "project"
    write(root, {"src/a.py": "class A: pass\n", "shared/s.py": "class S: pass\n"})
    (root / "src/out").symlink_to(outside)
    (root / "src/out.py").symlink_to(outside / "o.py")
    (root / "src/gone.py").symlink_to("nowhere.py")
    (root / "src/loop").symlink_to(root / "src")
    (root / "src/shared").symlink_to(root / "shared")
    (root / "src/again.py").symlink_to("a.py")
    found = index(root, {})
    assert list(found.files) == ["src/a.py", "src/again.py", "src/shared/s.py"]
    assert [one.file.path for one in SourceView(found, ("src",)).classes("A")] == ["src/a.py"]


def test_a_named_pipe_and_a_file_too_large_do_not_stop_the_index(tmp_path: Path) -> None:
    root = write(tmp_path, {"src/a.py": "class A: pass\n", "src/big.py": b"#" * (4 * 1024 * 1024 + 1)})
    os.mkfifo(tmp_path / "src/pipe.py")
    found = index_sources(root, ("src",))
    assert {path: file.failure for path, file in found.files.items()} == {
        "src/a.py": None,
        "src/big.py": ParseFailure("larger than 4096 KiB", 1, 1),
    }


def test_overlapping_folders_and_one_that_is_not_there(tmp_path: Path) -> None:
    found = index(tmp_path, {"src/lib/a.py": "class A: pass\n"}, "src", "src/lib", "gone")
    assert list(found.files) == ["src/lib/a.py"]
    assert len(found.classes["A"]) == 1


def test_a_refresh_parses_what_changed_and_nothing_else(tmp_path: Path) -> None:
    before = index(tmp_path, {"src/a.py": "class A: pass\n", "src/p/b.py": "class B: pass\n"})
    write(tmp_path, {"src/a.py": "class A2: pass\n", "src/p/c.py": "class C: pass\n"})
    assert before.refresh(["README.md"]) is before
    after = before.refresh(["src/a.py"])
    assert (sorted(after.classes), after.parsed) == (["A2", "B"], 1)
    after = after.refresh(["src/p"])
    assert (sorted(after.classes), after.parsed) == (["A2", "B", "C"], 1)
    (tmp_path / "src/a.py").unlink()
    after = after.refresh(["src/a.py"])
    assert (sorted(after.classes), after.parsed) == (["B", "C"], 0)
    assert sorted(before.classes) == ["A", "B"]


FILES = {"src/a.py": "class A(B[int]): pass\nfrom m import n\nX = n.Y\n", "src/b.py": "class B(:\n"}


KEY = b"k" * 32


def place(cache: Path, key: bytes = KEY, *, verify: bool = False) -> CachePlace:
    return CachePlace(str(cache), key, verify)


def stored(cache: Path) -> Path:
    (file,) = cache.glob("sources-*")
    return file


def test_a_store_spares_the_parse_with_equal_results(tmp_path: Path) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    cold = index_sources(root, ("src",), place(cache))
    warm = index_sources(root, ("src",), place(cache))
    assert (cold.parsed, warm.parsed) == (2, 0)
    assert dict(warm.files) == dict(cold.files)
    assert (cache.stat().st_mode & 0o777, stored(cache).stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_store_serves_another_process(tmp_path: Path) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    code = (
        "import sys; from stepwell.source.python import index_sources\n"
        "from stepwell.source.seal import CachePlace\n"
        "parsed = index_sources(sys.argv[1], ('src',), CachePlace(sys.argv[2], b'k' * 32)).parsed\n"
        "print(parsed, 'stepwell.source.python.outliner' in sys.modules)"
    )
    ran = [
        subprocess.run(
            [sys.executable, "-c", code, root, str(cache)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert ran == ["2 True\n", "0 False\n"]


def test_a_changed_file_is_parsed_again_even_with_its_old_size_and_time(tmp_path: Path) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    index_sources(root, ("src",), place(cache))
    file = tmp_path / "p/src/a.py"
    old = file.stat()
    write(tmp_path / "p", {"src/a.py": FILES["src/a.py"].replace("class A", "class Z")})
    os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
    settle(file)
    again = index_sources(root, ("src",), place(cache))
    assert (again.parsed, sorted(again.classes)) == (1, ["Z"])
    assert index_sources(root, ("src",), place(cache)).parsed == 0


def test_a_file_that_changed_only_just_now_is_not_kept(tmp_path: Path) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    future = (tmp_path / "p/src/a.py").stat().st_mtime_ns + 10**12
    os.utime(tmp_path / "p/src/a.py", ns=(future, future))
    index_sources(root, ("src",), place(cache))
    assert list(recall(place(cache), root)) == ["src/b.py"]


def test_a_file_with_another_time_but_the_stored_content_is_read_and_not_parsed(tmp_path: Path) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    cold = index_sources(root, ("src",), place(cache))
    os.utime(tmp_path / "p/src/a.py", (1, 1))
    settle(tmp_path / "p/src/a.py")
    again = index_sources(root, ("src",), place(cache))
    assert again.parsed == 0
    assert again.files["src/a.py"].outline == cold.files["src/a.py"].outline
    assert again.files["src/a.py"].stamp != cold.files["src/a.py"].stamp
    assert recall(place(cache), root)["src/a.py"].stamp == again.files["src/a.py"].stamp


def test_a_check_by_content_notices_what_no_time_shows(tmp_path: Path) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    index_sources(root, ("src",), place(cache))
    files = recall(place(cache), root)
    draft = OutlineDraft(place(cache), root)
    draft.commit(file._replace(digest=b"of other content") for file in files.values())
    assert index_sources(root, ("src",), place(cache)).parsed == 0
    assert index_sources(root, ("src",), place(cache, verify=True)).parsed == 2
    assert index_sources(root, ("src",), place(cache, verify=True)).parsed == 0


@pytest.mark.parametrize("length", [0, 1, 20, 60, -1, -40])
def test_a_shortened_store_is_ignored_and_replaced(tmp_path: Path, length: int) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    cold = index_sources(root, ("src",), place(cache))
    stored(cache).write_bytes(stored(cache).read_bytes()[:length])
    again = index_sources(root, ("src",), place(cache))
    assert (again.parsed, dict(again.files)) == (2, dict(cold.files))
    assert index_sources(root, ("src",), place(cache)).parsed == 0


def test_a_store_with_any_other_byte_is_ignored(tmp_path: Path) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    index_sources(root, ("src",), place(cache))
    content = stored(cache).read_bytes()
    for offset in range(len(content)):
        changed = bytearray(content)
        changed[offset] ^= 1 << offset % 8
        stored(cache).write_bytes(changed)
        assert recall(place(cache), root) == {}, offset


def test_a_store_of_another_user_project_or_version_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    index_sources(root, ("src",), place(cache))
    assert len(recall(place(cache), root)) == 2
    assert recall(place(cache, b"o" * 32), root) == {}
    assert recall(place(cache), f"{root}/other") == {}
    monkeypatch.setattr("stepwell.source.python.outline._FORM", ())
    assert recall(place(cache), root) == {}


def test_a_linked_store_is_neither_read_nor_written_through(tmp_path: Path) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    index_sources(root, ("src",), place(cache))
    name = stored(cache).name
    stored(cache).replace(tmp_path / "target")
    before = (tmp_path / "target").read_bytes()
    (cache / name).symlink_to(tmp_path / "target")
    assert index_sources(root, ("src",), place(cache)).parsed == 2
    assert (tmp_path / "target").read_bytes() == before
    assert not (cache / name).is_symlink()


@pytest.mark.parametrize("blocked", ["a file", "under a file", "nul"])
def test_without_a_store_the_index_is_the_same(tmp_path: Path, blocked: str) -> None:
    root = write(tmp_path / "p", FILES)
    (tmp_path / "c").write_text("in the way")
    cache = {"a file": "c", "under a file": "c/d", "nul": "c\0d"}[blocked]
    found = index_sources(root, ("src",), CachePlace(f"{tmp_path}/{cache}", KEY))
    assert (found.parsed, sorted(found.classes)) == (2, ["A"])
    assert (tmp_path / "c").read_text() == "in the way"


def test_an_interrupted_index_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    root, cache = write(tmp_path / "p", FILES), tmp_path / "c"
    index_sources(root, ("src",), place(cache))
    before = stored(cache).read_bytes()
    write(tmp_path / "p", {"src/c.py": "class C: pass\n"})

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_sources(root, ("src",), place(cache), interrupt)
    assert stored(cache).read_bytes() == before


def view(root: Path, files: Mapping[str, str | bytes], *folders: str) -> SourceView:
    return SourceView(index(root, files, *folders), folders or ("src",))


@pytest.mark.parametrize(
    ("dotted", "path"),
    [
        ("pkg.mod", "src/pkg/mod.py"),
        ("src.pkg.mod", "src/pkg/mod.py"),
        ("pkg", "src/pkg/__init__.py"),
        ("pkg.mod.Thing", None),
        ("spaces", None),
    ],
)
def test_a_module_is_named_from_its_folder_or_from_the_project(
    tmp_path: Path, dotted: str, path: str | None
) -> None:
    sees = view(tmp_path, {"src/pkg/__init__.py": "", "src/pkg/mod.py": "", "src/spaces/m.py": ""})
    file = sees.module(dotted)
    assert (file.path if file else None) == path


def test_a_workspaces_module_is_named_from_its_own_folder_too(tmp_path: Path) -> None:
    sees = view(tmp_path, {"workspaces/a-b/src/m.py": ""}, "workspaces/a-b/src")
    assert [sees.module(one) is not None for one in ("m", "src.m", "workspaces.a-b.src.m", "a.m")] == [
        True,
        True,
        True,
        False,
    ]


def test_a_view_sees_only_its_folders(tmp_path: Path) -> None:
    found = index(tmp_path, {"src/a.py": "class A: pass\n", "src2/b.py": "class A: pass\n"}, "src", "src2")
    assert [one.file.path for one in SourceView(found, ("src",)).classes("A")] == ["src/a.py"]


BASE = "class Base: pass\n"
OF = "class B({}): pass\n"
CHAINS: dict[str, dict[str, str]] = {
    "itself": {"src/b.py": "class B: pass\nclass Base(B): pass\n"},
    "in its file": {"src/b.py": f"{BASE}class B(Base): pass\n"},
    "from import": {"src/base.py": BASE, "src/b.py": "from base import Base\n" + OF.format("Base")},
    "alias of an import": {"src/base.py": BASE, "src/b.py": "from base import Base as X\n" + OF.format("X")},
    "module": {"src/p/base.py": BASE, "src/b.py": "import p.base\n" + OF.format("p.base.Base")},
    "module alias": {"src/p/base.py": BASE, "src/b.py": "import p.base as x\n" + OF.format("x.Base")},
    "module from package": {
        "src/p/base.py": BASE,
        "src/b.py": "from p import base\n" + OF.format("base.Base"),
    },
    "relative": {"src/p/base.py": BASE, "src/p/b.py": "from .base import Base\n" + OF.format("Base")},
    "relative package": {
        "src/p/base.py": BASE,
        "src/p/q/b.py": "from .. import base\n" + OF.format("base.Base"),
    },
    "relative in an init": {
        "src/p/base.py": BASE,
        "src/p/__init__.py": "from .base import Base\n" + OF.format("Base"),
    },
    "re-exported": {
        "src/p/base.py": BASE,
        "src/p/__init__.py": "from .base import Base as Root\n",
        "src/b.py": "from p import Root\n" + OF.format("Root"),
    },
    "star": {"src/base.py": BASE, "src/b.py": "from base import *\n" + OF.format("Base")},
    "assigned": {"src/base.py": BASE, "src/b.py": "import base\nX = base.Base\n" + OF.format("X")},
    "generic": {"src/base.py": BASE, "src/b.py": "from base import Base\n" + OF.format("Base[int]")},
    "generic alias": {
        "src/base.py": BASE,
        "src/b.py": "from base import Base\nX = Base[int]\n" + OF.format("X"),
    },
    "second base": {"src/b.py": f"{BASE}class M: pass\nclass B(M, Base): pass\n"},
    "long chain": {
        "src/b.py": BASE
        + "class C0(Base): pass\n"
        + "".join(f"class C{n + 1}(C{n}): pass\n" for n in range(2000))
        + OF.format("C2000")
    },
    "tried import": {
        "src/base.py": BASE,
        "src/b.py": "try:\n    from base import Base as X\nexcept ImportError:\n    X = object\n"
        + OF.format("X"),
    },
    "nested": {
        "src/b.py": "class Out:\n    class Base: pass\n    class In(Base): pass\n" + OF.format("Out.In")
    },
    "same name as its base": {
        "src/base.py": "class Base: pass\n" + OF.format("Base"),
        "src/b.py": "from base import B as X\n" + OF.format("X"),
    },
    "project path": {"src/p/base.py": BASE, "src/b.py": "from src.p.base import Base\n" + OF.format("Base")},
    "outside by its name": {"src/b.py": "from lib.steps import Base\n" + OF.format("Base")},
    "outside attribute": {"src/b.py": "import lib\n" + OF.format("lib.steps.Base")},
    "outside pattern": {"src/b.py": "from lib import Known\n" + OF.format("Known")},
    "outside star": {"src/b.py": "from lib import *\n" + OF.format("Base")},
    "local import": {
        "src/base.py": BASE,
        "src/b.py": "def f():\n    from base import Base\n    class B(Base): pass\n",
    },
}


def lost(sees: SourceView, base: str = "Base") -> list[tuple[str, str, str]]:
    ends = Lineage(sees, base, ("lib.Known",)).lost(sees.classes("B")[-1])
    return [(end.by.outline.name, end.base, end.outside) for end in ends]


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_that_reaches_the_base(tmp_path: Path, name: str) -> None:
    sees = view(tmp_path, CHAINS[name])
    if name == "itself":
        assert Lineage(sees, "Base", ()).lost(sees.classes("Base")[0]) == ()
    else:
        assert lost(sees) == []


@pytest.mark.parametrize(
    ("files", "ends"),
    [
        ({"src/b.py": "class B: pass\n"}, [("B", "", "")]),
        ({"src/b.py": "class B(Gone): pass\n"}, [("B", "Gone", "")]),
        ({"src/b.py": "class B(f()): pass\n"}, [("B", "", "")]),
        ({"src/b.py": "class B(B): pass\n"}, [("B", "B", "")]),
        ({"src/b.py": "class A(B): pass\nclass B(A): pass\n"}, [("B", "A", "")]),
        ({"src/b.py": "from lib import Other\nclass B(Other): pass\n"}, [("B", "Other", "lib.Other")]),
        ({"src/b.py": "import a.c as x\nclass B(x.y.Z): pass\n"}, [("B", "x.y.Z", "a.c.y.Z")]),
        ({"src/a.py": "", "src/b.py": "from a import Base\nclass B(Base): pass\n"}, [("B", "Base", "")]),
        (
            {"src/a.py": "from b import X\n", "src/b.py": "from a import X\nclass B(X): pass\n"},
            [("B", "X", "")],
        ),
        ({"src/b.py": "X = Y\nY = X\nclass B(X): pass\n"}, [("B", "X", "")]),
        ({"src/b.py": "from ....... import x\nclass B(x.Y): pass\n"}, [("B", "x.Y", "")]),
        ({"src/a.py": "class A(:\n", "src/b.py": "from a import A\nclass B(A): pass\n"}, [("B", "A", "")]),
    ],
)  # fmt: skip
def test_an_unresolved_chain_is_reported_at_its_end(
    tmp_path: Path, files: dict[str, str], ends: list[tuple[str, str, str]]
) -> None:
    assert lost(view(tmp_path, files)) == ends


def test_a_dotted_base_is_one_class_and_not_its_namesake(tmp_path: Path) -> None:
    importing = "from q import Base\n" + OF.format("Base")
    sees = view(tmp_path, {"src/p/base.py": BASE, "src/q.py": BASE, "src/b.py": importing})
    assert lost(sees, "q.Base") == []
    assert lost(sees, "src.q.Base") == []
    assert lost(sees, "p.base.Base") == [("Base", "", "")]


def test_a_module_may_define_import_or_star_a_name(tmp_path: Path) -> None:
    sees = view(
        tmp_path,
        {
            "src/a.py": "class A: pass\ndef f():\n    class Inner: pass\n    import hidden\n",
            "src/b.py": "from a import *\nfrom c import C as D\n",
            "src/e.py": "from outside import *\n",
        },
    )

    def said(module: str, name: str) -> bool:
        file = sees.module(module)
        assert file is not None
        return module_defines(sees, file, name)

    assert [said("a", "A"), said("a", "f"), said("b", "A"), said("b", "D"), said("e", "Any")] == [True] * 5
    assert [said("a", "Inner"), said("a", "hidden"), said("b", "C"), said("b", "Gone")] == [False] * 4


def test_the_place_of_a_class_carries_its_line(tmp_path: Path) -> None:
    found = index(tmp_path, {"src/a.py": "x = 1\r\n\r\nclass  A: pass\r\n"})
    span = place_of(found.root, found.classes["A"][0])
    assert (span.path, span.line, span.column, span.end_column, span.text) == (
        "src/a.py",
        3,
        8,
        9,
        "class  A: pass",
    )
    (tmp_path / "src/a.py").unlink()
    assert place_of(found.root, found.classes["A"][0]).line == 3


def test_a_folder_that_cannot_be_listed_is_reported_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path, {"src/a/one.py": "class One: ...\n", "src/b/two.py": "class Two: ...\n"})
    scan = os.scandir

    def refusing(path: str) -> Any:
        if path.endswith("/src/a"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("stepwell.source.python.index.os.scandir", refusing)
    made = index_sources(root, ["src"])
    assert list(made.files) == ["src/a", "src/b/two.py"]
    assert made.files["src/a"].failure is not None
    assert list(made.classes) == ["Two"]
    monkeypatch.undo()
    assert list(made.refresh(["src/a"]).classes) == ["One", "Two"]
