"""Loading in import worlds: imports, reloads after edits, and errors."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import linecache
import os
import pickle
import sys
import traceback
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stepwell.code.import_worlds import World, Worlds
from stepwell.code.import_worlds.finder import Finder
from stepwell.source.errors import ComponentError, StepwellError, UnknownWorkspace

Project = Callable[[Mapping[str, "str | bytes"]], Path]
Open = Callable[[Mapping[str, "str | bytes"]], "Opened"]


@dataclasses.dataclass
class Opened:
    """A project on disk and its worlds; ``edit`` starts the next generation."""

    root: Path
    worlds: Worlds

    def load(self, path: str, name: str | None = None, workspace: str | None = "alice") -> Any:
        """Load from a file relative to the workspace's sources, or to the project for the core."""
        base = self.root if workspace is None else self.root / "workspaces" / workspace / "src"
        return self.worlds.world_of(workspace).load(str(base / path), name)

    def edit(self, files: Mapping[str, str | bytes | None], hints: bool = True) -> None:
        for path, content in files.items():
            file = self.root / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.worlds = self.worlds.renew(list(files) if hints else None)

    def names(self) -> set[str]:
        """The modules of the project in ``sys.modules``, by their names below its worlds."""
        start = self.worlds.world_of(None).package.removesuffix("_core")
        return {name.removeprefix(start) for name in sys.modules if name.startswith(start)}


@pytest.fixture
def opened(project: Project) -> Open:
    def make(files: Mapping[str, str | bytes]) -> Opened:
        root = Path(os.path.realpath(project(files)))
        return Opened(root, Worlds(str(root)))

    return make


def alice(files: Mapping[str, str]) -> dict[str, str]:
    """Files of alice's sources."""
    return {f"workspaces/alice/src/{path}": content for path, content in files.items()}


def test_a_class_a_function_and_a_module_are_loaded(opened: Open) -> None:
    here = opened(alice({"b.py": "class A:\n    class B: pass\ndef f(): return 7\n"}))
    assert here.load("b.py", "A").__module__ == f"{here.worlds.world_of('alice').package}.b"
    assert here.load("b.py", "A.B") is here.load("b.py", "A").B
    assert here.load("b.py", "f")() == 7
    module = here.load("b.py")
    assert isinstance(module, ModuleType)
    assert module.__file__ == str(here.root / "workspaces/alice/src/b.py")


def test_the_same_names_in_two_workspaces_are_two_classes(opened: Open) -> None:
    builder = (
        "from helpers.tools import who\nimport helpers\n"
        "class Builder:\n    owner = who\n    module = helpers\n"
    )
    files = {}
    for one in ("alice", "bob"):
        files[f"workspaces/{one}/src/train_builder.py"] = builder
        files[f"workspaces/{one}/src/helpers/__init__.py"] = ""
        files[f"workspaces/{one}/src/helpers/tools.py"] = f"who = {one!r}\n"
    here = opened(files)
    path_before, modules_before = list(sys.path), set(sys.modules)
    first, second = (here.load("train_builder.py", "Builder", one) for one in ("alice", "bob"))
    assert first is not second
    assert (first.owner, second.owner) == ("alice", "bob")
    assert first.module.tools.who == "alice"
    assert sys.path == path_before
    assert {name.partition(".")[0] for name in set(sys.modules) - modules_before} <= {"stepwell_worlds"}


def test_relative_imports_work_beside_and_above(opened: Open) -> None:
    here = opened(
        alice(
            {
                "top.py": "from . import side\nfrom .pkg.deep import value\nsame = side.x\n",
                "side.py": "x = 1\n",
                "pkg/__init__.py": "from .deep import value\n",
                "pkg/deep.py": "from ..side import x\nfrom . import other\nvalue = x + other.y\n",
                "pkg/other.py": "y = 10\n",
            }
        )
    )
    assert here.load("top.py", "value") == 11
    assert here.load("top.py", "same") == 1
    assert here.load("pkg/__init__.py", "value") == 11


def test_a_relative_import_does_not_climb_out_of_the_world(opened: Open) -> None:
    here = opened(
        {
            **alice({"a.py": "from ..bob import secret\n", "c.py": "from ...bob import x\n"}),
            "workspaces/bob/src/secret.py": "x = 1\n",
        }
    )
    here.load("secret.py", "x", "bob")
    for path in ("a.py", "c.py"):
        with pytest.raises(ComponentError, match="attempted relative import beyond top-level package"):
            here.load(path)


def test_another_workspace_is_reached_neither_by_path_nor_by_name(opened: Open) -> None:
    here = opened(
        {
            **alice({"a.py": "import workspaces.bob.src.secret\n", "d.py": "import secret\n", "ok.py": ""}),
            "workspaces/bob/src/secret.py": "x = 1\n",
            "src/c.py": "import workspaces.bob.src.secret\n",
        }
    )
    here.load("secret.py", "x", "bob")
    bobs = here.worlds.world_of("bob").package
    here.edit({"workspaces/alice/src/e.py": f"import {bobs}.secret\n"})
    for path, workspace in (("a.py", "alice"), ("d.py", "alice"), ("e.py", "alice"), ("src/c.py", None)):
        with pytest.raises(ComponentError) as raised:
            here.load(path, None, workspace)
        assert isinstance(raised.value.__cause__, ModuleNotFoundError)
    secret = str(here.root / "workspaces/bob/src/secret.py")
    for world in (here.worlds.world_of("alice"), here.worlds.world_of(None)):
        with pytest.raises(ComponentError, match="belongs to another workspace"):
            world.load(secret, "x")


def test_what_alice_lacks_comes_from_the_core_and_is_shared(opened: Open) -> None:
    here = opened(
        {
            "src/base_builder.py": "from helpers import who\nclass Base:\n    helper = who\n",
            "src/helpers.py": "who = 'core'\n",
            **alice(
                {
                    "a.py": "from base_builder import Base\nfrom helpers import who\n",
                    "helpers.py": "who = 'alice'\n",
                }
            ),
            "workspaces/bob/src/b.py": "from base_builder import Base\n",
        }
    )
    base = here.load("a.py", "Base")
    assert base.helper == "core"
    assert here.load("a.py", "who") == "alice"
    assert base is here.load("b.py", "Base", "bob")
    assert base is here.load("src/base_builder.py", "Base", None)
    assert base is here.worlds.world_of("alice").load(str(here.root / "src/base_builder.py"), "Base")


@pytest.mark.parametrize("init", [True, False], ids=["with __init__", "without __init__"])
def test_a_package_of_alice_is_merged_over_the_core_s(opened: Open, init: bool) -> None:
    files = {
        "src/builders/__init__.py": "name = 'core'\nfrom . import shared, both\n",
        "src/builders/shared.py": "x = 'core shared'\n",
        "src/builders/both.py": "x = 'core both'\n",
        **alice(
            {
                "builders/both.py": "x = 'alice both'\n",
                "builders/own.py": "from .shared import x\n"
                "from . import shared\nfrom .both import x as both\n",
                "use.py": "import builders.shared\nfrom builders import both, shared\n"
                "from builders.own import both as b\n"
                "x = both.x, shared.x, builders.shared.x, b\n",
                "of_core.py": "from builders import name\n",
            }
        ),
    }
    if init:
        files.update(alice({"builders/__init__.py": "name = 'alice'\n"}))
    here = opened(files)
    assert here.load("use.py", "x") == ("alice both", "core shared", "core shared", "alice both")
    assert here.load("of_core.py", "name") == ("alice" if init else "core")
    assert here.load("src/builders/__init__.py", "both", None).x == "core both"
    assert not hasattr(here.load("src/builders/__init__.py", None, None), "own")


def test_own_modules_hide_the_standard_library_inside_the_world_only(opened: Open) -> None:
    here = opened(
        {
            **alice(
                {"colorsys.py": "who = 'alice'\n", "a.py": "import colorsys, json, sys\nwho = colorsys.who\n"}
            ),
            "workspaces/bob/src/b.py": "import colorsys, sys\nhas = hasattr(colorsys, 'rgb_to_hsv')\n",
            "workspaces/alice/src/sys.py": "raise RuntimeError\n",
        }
    )
    assert here.load("a.py", "who") == "alice"
    assert here.load("a.py", "sys") is sys
    assert here.load("b.py", "has", "bob") is True
    assert hasattr(importlib.import_module("colorsys"), "rgb_to_hsv")


def test_a_folder_without_python_is_no_package(opened: Open) -> None:
    here = opened(
        {**alice({"json/data.txt": "", "a.py": "import json\nx = json.dumps([1])\n"}), "yaml/notes.txt": ""}
    )
    assert here.load("a.py", "x") == "[1]"


def test_the_project_comes_last_and_has_one_module(opened: Open) -> None:
    here = opened(
        {
            "src/pipeline/x.py": "class C: pass\n",
            "colorsys.py": "raise RuntimeError('the environment comes first')\n",
            "tooling.py": "x = 3\n",
            **alice(
                {
                    "a.py": "import src.pipeline.x\n"
                    "from src.pipeline.x import C\nfrom pipeline.x import C as D\n"
                    "import colorsys, tooling\nE = src.pipeline.x.C\nx = tooling.x\n"
                }
            ),
        }
    )
    module = here.load("a.py")
    assert module.C is module.D is module.E
    assert module.C.__module__.endswith("._core.pipeline.x")
    assert module.x == 3


def test_the_last_resort_is_the_same_when_the_project_is_the_working_directory(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = opened(
        {"src/lib_of_core.py": "x = 1\n", **alice({"a.py": "from src.lib_of_core import x\nimport src\n"})}
    )
    monkeypatch.syspath_prepend(str(here.root))
    monkeypatch.chdir(here.root)
    assert here.load("a.py", "src").lib_of_core.__name__.endswith("._core.lib_of_core")
    assert "src.lib_of_core" not in sys.modules


def test_import_module_means_what_import_means(opened: Open) -> None:
    here = opened(
        alice(
            {
                "helpers/__init__.py": "",
                "helpers/one.py": "import importlib\nx = 1\n"
                "two = importlib.import_module('.two', __package__).x\n",
                "helpers/two.py": "x = 2\n",
                "a.py": "import importlib, importlib.util\nfrom importlib import import_module\n"
                "one = importlib.import_module('helpers.one')\n"
                "again = import_module(__name__.rpartition('.')[0] + '.helpers.one')\n"
                "json = import_module('json')\nspec = importlib.util.find_spec('json')\n"
                "read = __import__('helpers.two').two.x\n"
                "def later(): return import_module('helpers.two').x\n",
            }
        )
    )
    module = here.load("a.py")
    assert module.one is module.again
    assert module.one.two == 2
    assert module.json is sys.modules["json"]
    assert module.read == module.later() == 2
    assert "helpers" not in sys.modules


def test_circular_imports_and_guards_work(opened: Open) -> None:
    here = opened(
        alice(
            {
                "left.py": "import right\nx = 1\ndef other(): return right.y\n",
                "right.py": "import left\ny = 2\n"
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nowhere\n"
                "if __name__ == '__main__':\n    raise SystemExit(3)\ndef other(): return left.x\n",
            }
        )
    )
    assert here.load("left.py", "other")() == 2
    assert here.load("right.py", "other")() == 1


def test_tools_that_look_modules_up_find_them(opened: Open) -> None:
    text = (
        "from __future__ import annotations\nimport dataclasses, typing, enum\n\n"
        "@dataclasses.dataclass\nclass Config:\n"
        "    depth: int = 3\n    other: typing.ClassVar[Other] = None\n\n"
        "class Other: pass\n"
    )
    here = opened(alice({"c.py": text}))
    config = here.load("c.py", "Config")
    assert config(4) == config(depth=4)
    assert typing.get_type_hints(config)["depth"] is int
    assert inspect.getsource(config).startswith("@dataclasses.dataclass\nclass Config:")
    assert inspect.getsourcefile(config) == str(here.root / "workspaces/alice/src/c.py")
    assert inspect.getmodule(config) is here.load("c.py")


def test_no_bytecode_is_written_and_none_is_believed(opened: Open) -> None:
    here = opened(alice({"a.py": "x = 1\n"}))
    file = here.root / "workspaces/alice/src/a.py"
    before = file.stat()
    assert here.load("a.py", "x") == 1
    file.write_text("x = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    here.worlds = here.worlds.renew(["workspaces/alice/src/a.py"])
    assert here.load("a.py", "x") == 2
    assert not list(here.root.rglob("__pycache__"))


@pytest.mark.parametrize("hints", [True, False], ids=["told which", "told nothing"])
def test_an_edit_renews_what_imports_it_and_nothing_else(opened: Open, hints: bool) -> None:
    here = opened(
        alice(
            {
                "base.py": "x = 1\n",
                "user.py": "from base import x\nclass User:\n    got = x\n"
                "    def now(self):\n        import base\n        return base.x\n",
                "apart.py": "class Apart: pass\n",
            }
        )
    )
    old_world, old, apart = (
        here.worlds.world_of("alice"),
        here.load("user.py", "User"),
        here.load("apart.py", "Apart"),
    )
    instance = old()
    assert instance.now() == 1
    here.edit({"workspaces/alice/src/base.py": "x = 2\n"}, hints)
    new = here.load("user.py", "User")
    assert new is not old
    assert (old.got, new.got) == (1, 2)
    assert isinstance(instance, old)
    assert not isinstance(instance, new)
    assert (instance.now(), new().now()) == (1, 2)
    assert here.load("apart.py", "Apart") is apart
    assert old_world.load(str(here.root / "workspaces/alice/src/user.py"), "User") is old
    assert {name.rpartition(".")[2] for name in here.worlds.renewed} == {"base", "user"}
    with pytest.raises(pickle.PicklingError, match="not the same object"):
        pickle.dumps(instance)
    assert type(pickle.loads(pickle.dumps(new()))) is new  # noqa: S301 - our own bytes


def test_a_file_that_was_only_touched_renews_nothing(opened: Open) -> None:
    here = opened(alice({"a.py": "class A: pass\n"}))
    old = here.load("a.py", "A")
    here.edit({"workspaces/alice/src/a.py": "class A: pass\n"})
    assert here.load("a.py", "A") is old
    assert here.worlds.renewed == frozenset()


def test_an_edit_of_the_core_renews_the_workspaces_that_use_it(opened: Open) -> None:
    here = opened(
        {
            "src/base.py": "class Base:\n    x = 1\n",
            **alice({"a.py": "from base import Base\nclass A(Base): pass\n"}),
            "workspaces/bob/src/b.py": "class B: pass\n",
        }
    )
    old, bobs = here.load("a.py", "A"), here.load("b.py", "B", "bob")
    here.edit({"src/base.py": "class Base:\n    x = 2\n"})
    assert here.load("a.py", "A").x == 2
    assert old.x == 1
    assert here.load("b.py", "B", "bob") is bobs


def test_a_new_file_that_hides_another_reloads_its_importers(opened: Open) -> None:
    here = opened(
        {
            "src/helpers.py": "who = 'core'\n",
            **alice(
                {
                    "a.py": "from helpers import who\n",
                    "b.py": "try:\n    import colorsys_fast as c\n"
                    "except ImportError:\n    import colorsys as c\nfast = hasattr(c, 'fast')\n",
                    "d.py": "import colorsys\nown = hasattr(colorsys, 'own')\n",
                }
            ),
        }
    )
    assert here.load("a.py", "who") == "core"
    assert here.load("b.py", "fast") is False
    assert here.load("d.py", "own") is False
    here.edit(
        alice({"helpers.py": "who = 'alice'\n", "colorsys_fast.py": "fast = 1\n", "colorsys.py": "own = 1\n"})
    )
    assert here.load("a.py", "who") == "alice"
    assert here.load("b.py", "fast") is True
    assert here.load("d.py", "own") is True
    here.edit({"workspaces/alice/src/helpers.py": None})
    assert here.load("a.py", "who") == "core"


def test_an_optional_import_that_failed_is_tried_again_when_it_is_fixed(opened: Open) -> None:
    here = opened(
        alice(
            {
                "fast.py": "import nowhere_at_all\nx = 'fast'\n",
                "slow.py": "x = 'slow'\n",
                "a.py": "try:\n    from fast import x\nexcept ImportError:\n    from slow import x\n",
            }
        )
    )
    assert here.load("a.py", "x") == "slow"
    assert "alice.fast" not in here.names()
    here.edit({"workspaces/alice/src/fast.py": "x = 'fast'\n"})
    assert here.load("a.py", "x") == "fast"


@pytest.mark.parametrize("init", [True, False], ids=["with __init__", "without __init__"])
def test_old_objects_reach_old_modules_through_their_package(opened: Open, init: bool) -> None:
    files = alice(
        {
            "pkg/a.py": "x = 1\n",
            "pkg/b.py": "class B: pass\n",
            "user.py": "import pkg.a\ndef got(): return pkg.a.x\n",
        }
    )
    if init:
        files.update(alice({"pkg/__init__.py": ""}))
    here = opened(files)
    old, b = here.load("user.py", "got"), here.load("pkg/b.py", "B")
    here.edit({"workspaces/alice/src/pkg/a.py": "x = 2\n"})
    assert here.load("user.py", "got")() == 2
    assert old() == 1
    assert (here.load("pkg/b.py", "B") is b) is not init


def test_a_failing_import_is_reported_with_the_module_and_the_searched_paths(opened: Open) -> None:
    here = opened(
        {
            **alice(
                {
                    "train.py": "\nfrom tools import x\nclass Train: pass\n",
                    "tools.py": "import os\n\nimport helpres\n",
                    "helpers.py": "",
                }
            ),
            "src/base.py": "",
        }
    )
    with pytest.raises(ComponentError) as raised:
        here.load("train.py", "Train")
    error = raised.value
    assert str(error) == (
        "cannot load `Train` of workspaces/alice/src/train.py for workspace alice: "
        "ModuleNotFoundError: No module named 'helpres' (did you mean `helpers`?)\n"
        "  --> workspaces/alice/src/tools.py:3\n"
        "  imported at workspaces/alice/src/train.py:2\n"
        "  searched for `helpres` in workspaces/alice/src, src, the environment"
    )
    assert (error.component, error.workspace, error.path, error.line) == (
        "Train",
        "alice",
        "workspaces/alice/src/tools.py",
        3,
    )
    assert (error.looked_for, error.suggestions) == ("helpres", ("helpers",))
    assert isinstance(error.__cause__, ModuleNotFoundError)
    frames = traceback.extract_tb(error.__cause__.__traceback__)
    assert [(Path(frame.filename).name, frame.lineno, frame.line) for frame in frames] == [
        ("train.py", 2, "from tools import x"),
        ("tools.py", 3, "import helpres"),
    ]
    assert isinstance(error, StepwellError)
    assert isinstance(error, ImportError)
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert str(copied) == str(error)
    assert vars(copied) == vars(error)


FAILURES: Mapping[str, tuple[str | bytes, str, int]] = {
    "a syntax error": ("x = 1\ndef f(:\n", "SyntaxError: invalid syntax", 2),
    "an exit": ("import sys\nsys.exit('enough')\n", "SystemExit: enough", 2),
    "endless recursion": (
        "def f(): return f()\n\nf()\n",
        "RecursionError: maximum recursion depth exceeded",
        1,
    ),
    "an exception": ("1 / 0\n", "ZeroDivisionError: division by zero", 1),
    "a NUL": (b"x = 1\n\0\n", "SyntaxError: source code string cannot contain null bytes", 1),
    "bytes that are no text": (
        b"x = '\xff'\n",
        "SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xff",
        1,
    ),
    "a missing name": (
        "from other import nothing\n",
        "ImportError: cannot import name 'nothing' from 'other' (workspaces/alice/src/other.py)",
        1,
    ),
    "a terminal's escapes": ("raise ValueError('\\x1b[2J')\n", r"ValueError: \x1b[2J", 1),
    "an exception that cannot be shown": (
        "class Odd(Exception):\n    def __str__(self): raise KeyError\nraise Odd\n",
        "Odd: no message",
        3,
    ),
    "nesting without end": ("x = " + "(" * 5000 + ")" * 5000 + "\n", "", 1),
}


@pytest.mark.parametrize("what", FAILURES)
def test_whatever_fails_is_reported_with_its_line_and_leaves_nothing(opened: Open, what: str) -> None:
    content, said, line = FAILURES[what]
    here = opened({**alice({"other.py": ""}), "workspaces/alice/src/bad.py": content})
    here.load("other.py")
    before = here.names()
    with pytest.raises(ComponentError) as raised:
        here.load("bad.py", "x")
    assert raised.value.fault.startswith(said)
    assert (raised.value.path, raised.value.line) == ("workspaces/alice/src/bad.py", line)
    assert raised.value.__cause__ is not None
    assert here.names() == before


def test_a_byte_order_mark_crlf_and_a_declared_encoding_are_read(opened: Open) -> None:
    here = opened(
        {
            "workspaces/alice/src/bom.py": b"\xef\xbb\xbfx = '\xc3\xa9'\r\ny = 1\r\n",
            "workspaces/alice/src/latin.py": b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        }
    )
    assert here.load("bom.py", "x") == here.load("latin.py", "x") == "\xe9"


def test_an_interrupt_passes_and_leaves_nothing(opened: Open) -> None:
    here = opened(alice({"a.py": "import b\nraise KeyboardInterrupt\n", "b.py": ""}))
    with pytest.raises(KeyboardInterrupt):
        here.load("a.py")
    assert not {"alice.a", "alice.b"} & here.names()


def test_a_failed_import_takes_back_what_it_brought_and_leaves_what_was_there(opened: Open) -> None:
    here = opened(
        alice(
            {
                "pkg/__init__.py": "",
                "pkg/kept.py": "x = 1\n",
                "pkg/brought.py": "",
                "bad.py": "import pkg.kept, pkg.brought, other\nraise RuntimeError\n",
                "other.py": "",
            }
        )
    )
    kept = here.load("pkg/kept.py")
    with pytest.raises(ComponentError):
        here.load("bad.py")
    assert {name for name in here.names() if name.startswith("alice.")} == {"alice.pkg", "alice.pkg.kept"}
    assert here.load("pkg/kept.py") is kept
    assert not hasattr(here.load("pkg/__init__.py"), "brought")
    here.edit({"workspaces/alice/src/bad.py": "import pkg.kept, pkg.brought, other\nk = pkg.kept\n"})
    assert here.load("bad.py", "k") is kept


def test_a_module_that_failed_in_a_cycle_is_bound_nowhere(opened: Open) -> None:
    here = opened(
        alice(
            {
                "pkg/__init__.py": "",
                "pkg/bad.py": "import middle\nraise RuntimeError('bad')\n",
                "middle.py": "import pkg.bad\ndef again():\n    import pkg.bad\n",
                "a.py": "try:\n    import pkg.bad\nexcept RuntimeError:\n    import pkg, middle\n",
                "late.py": "from pkg import bad\n",
            }
        )
    )
    module = here.load("a.py")
    assert not hasattr(module.pkg, "bad")
    with pytest.raises(RuntimeError, match="bad"):
        module.middle.again()
    with pytest.raises(ComponentError, match="RuntimeError: bad"):
        here.load("late.py")


EVERY_FORM = r"""
from __future__ import annotations
import os.path as p, xml.etree.ElementTree as ET
import pkg.leaf as pl
import pkg.sub.deep as deep
from pkg import *
from pkg import leaf as again, X as x
import collections, datetime, importlib, importlib.resources, logging.config, pickle, pkgutil, sys

assert leaf is pl is again and X == x == 1 and deep.z == 6
assert datetime.datetime.strptime("2020", "%Y").year == 2020
P = collections.namedtuple("P", "a b")
assert pickle.loads(pickle.dumps(P(1, 2))) == P(1, 2)
import pkg
found = [one.name for one in pkgutil.walk_packages(pkg.__path__, pkg.__name__ + ".")]
assert [importlib.import_module(one) for one in found] == [pl]
exec("import pkg.leaf\nassert pkg.leaf.y == 5", {})
assert importlib.reload(pl) is pl and pl.y == 5
assert importlib.resources.files(pkg).joinpath("leaf.py").read_text() == "y = 5\n"
assert sys.modules[__name__].P is P
for odd, kind in ((1, TypeError), ("", ValueError), ("no.such", ModuleNotFoundError)):
    try:
        __import__(odd)
    except kind:
        pass
    else:
        raise AssertionError(odd)
done = True
"""


def test_every_form_of_import_and_what_builds_on_it_works(opened: Open) -> None:
    here = opened(
        alice(
            {
                "pkg/__init__.py": "__all__ = ['leaf', 'X']\nX = 1\n",
                "pkg/leaf.py": "y = 5\n",
                "pkg/sub/deep.py": "z = 6\n",
                "a.py": EVERY_FORM,
            }
        )
    )
    assert here.load("a.py", "done") is True


def test_a_fixed_file_loads_without_a_new_generation(opened: Open) -> None:
    here = opened(alice({"a.py": "import later\n"}))
    with pytest.raises(ComponentError):
        here.load("a.py")
    (here.root / "workspaces/alice/src/later.py").write_text("x = 1\n")
    assert here.load("a.py", "later").x == 1


def test_a_missing_name_has_a_suggestion(opened: Open) -> None:
    here = opened(alice({"a.py": "class TrainBuilder:\n    class Options: pass\n"}))
    with pytest.raises(ComponentError) as raised:
        here.load("a.py", "TrainBuidler")
    assert str(raised.value) == (
        "cannot load `TrainBuidler` of workspaces/alice/src/a.py for workspace alice: "
        "the file does not define `TrainBuidler` (did you mean `TrainBuilder`?)\n"
        "  --> workspaces/alice/src/a.py:1"
    )
    with pytest.raises(ComponentError) as raised:
        here.load("a.py", "TrainBuilder.Option")
    assert raised.value.suggestions == ("TrainBuilder.Options",)


def test_a_path_that_leaves_the_project_is_rejected(opened: Open, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("raise RuntimeError('it ran')\n")
    here = opened({**alice({"a.py": "import link\n", "own.py": ""}), "workspaces/bob/src/b.py": "x = 1\n"})
    source = here.root / "workspaces/alice/src"
    (source / "link.py").symlink_to(outside)
    (source / "bobs.py").symlink_to(here.root / "workspaces/bob/src/b.py")
    (source / "folder").symlink_to(tmp_path)
    (source / "nowhere.py").symlink_to(tmp_path / "missing.py")
    os.mkfifo(source / "pipe.py")
    (source / "text.txt").write_text("")
    linked = "not a regular file, or a link to a location that this world may not read"
    for path, reason in {
        "../../../../outside.py": "outside the project",
        str(outside): "outside the project",
        "link.py": linked,
        "bobs.py": linked,
        "folder/outside.py": linked,
        "nowhere.py": linked,
        "pipe.py": linked,
        "../../bob/src/b.py": "belongs to another workspace",
        "text.txt": "not a Python file: the name must end in `.py`",
        "owm.py": "no such file",
        "a\0.py": "the path contains a NUL character",
    }.items():
        with pytest.raises(ComponentError) as raised:
            here.load(path, "x")
        assert raised.value.fault == reason, path
        assert raised.value.suggestions == (("own.py",) if path == "owm.py" else ())
    with pytest.raises(ComponentError, match="No module named 'link'"):
        here.load("a.py")
    with pytest.raises(ComponentError, match="the path is not absolute"):
        here.worlds.world_of("alice").load("workspaces/alice/src/own.py")


def test_files_with_odd_names_and_places_are_loaded(opened: Open) -> None:
    here = opened(
        {
            "workspaces/alice/scripts/my-script.v2.py": "class A: pass\n",
            "workspaces/alice/src/50%2e.py": "x = '50'\n",
            "workspaces/alice/src/caf\xe9 au lait.py": "x = 'milk'\n",
            "scripts/2021.py": "x = 2021\n",
        }
    )
    script = here.load("../scripts/my-script.v2.py", "A")
    assert script.__module__.endswith(".alice.scripts.my-script%2ev2")
    assert type(pickle.loads(pickle.dumps(script()))) is script  # noqa: S301 - our own bytes
    assert here.load("50%2e.py", "x") == "50"
    assert here.load("caf\xe9 au lait.py", "x") == "milk"
    assert here.load("scripts/2021.py", "x", None) == 2021


def test_a_file_that_another_hides_is_not_mistaken_for_it(opened: Open) -> None:
    here = opened(alice({"a.py": "x = 'file'\n", "a/__init__.py": "x = 'package'\n"}))
    assert here.load("a/__init__.py", "x") == "package"
    with pytest.raises(ComponentError, match="hidden by another file or folder of the same name"):
        here.load("a.py", "x")


@pytest.mark.parametrize("odd", ["", ".", "..", "a/b", "_core", "a b", "a.b"])
def test_what_cannot_be_a_workspace_has_no_world(opened: Open, odd: str) -> None:
    with pytest.raises(UnknownWorkspace):
        opened({}).worlds.world_of(odd)


def test_a_load_inside_an_import_fails_alone(opened: Open) -> None:
    here = opened(alice({"bad.py": "import gone\n", "a.py": "ok = True\n"}))
    loaded: list[str] = []

    def load() -> None:
        try:
            here.load("bad.py")
        except ComponentError as error:
            loaded.append(error.looked_for)

    sys.load_for_test = load  # type: ignore[attr-defined]
    try:
        here.edit(alice({"a.py": "import sys\nsys.load_for_test()\nok = True\n"}))
        assert here.load("a.py", "ok") is True
    finally:
        del sys.load_for_test  # type: ignore[attr-defined]
    assert loaded == ["gone"]


def test_an_edit_during_an_import_is_seen_when_it_is_over(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = opened(
        alice(
            {
                "value.py": "value = 1\n",
                "pkg/__init__.py": "x = 1\n",
                "pkg/slow.py": "from value import value\nimport sys\nsys.pause_for_test()\n",
            }
        )
    )
    pauses: list[int] = []

    def pause() -> None:
        pauses.append(1)
        if len(pauses) == 1:
            here.edit(alice({"value.py": "value = 2\n", "pkg/__init__.py": "x = 2\n"}))

    monkeypatch.setattr(sys, "pause_for_test", pause, raising=False)
    assert here.load("pkg/slow.py", "value") == 2
    assert here.load("pkg/__init__.py", "x") == 2
    assert len(pauses) == 2


def test_what_was_given_out_stays_when_the_import_that_brought_it_fails(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = opened(
        alice(
            {
                "a.py": "import part\nimport sys\nsys.take_for_test()\nraise RuntimeError\n",
                "part.py": "class P: pass\n",
            }
        )
    )
    taken: list[type] = []
    monkeypatch.setattr(sys, "take_for_test", lambda: taken.append(here.load("part.py", "P")), raising=False)
    with pytest.raises(ComponentError):
        here.load("a.py")
    here.edit({})
    assert here.load("part.py", "P") is taken[0]


def test_a_module_of_alice_comes_before_a_name_in_the_core_s_package(opened: Open) -> None:
    here = opened(
        {
            "src/builders/__init__.py": "tool = 'a name of the core'\nother = 'another'\n",
            **alice(
                {
                    "builders/tool.py": "",
                    "a.py": "from builders import tool, other\nimport builders\nb = builders\n",
                }
            ),
        }
    )
    assert here.load("a.py", "tool").__name__.endswith(".alice.builders.tool")
    assert here.load("a.py", "other") == here.load("a.py", "b").other == "another"


def test_what_c_code_imports_is_never_a_file_of_a_workspace(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    here = opened(
        alice(
            {
                "colorsys.py": "class rgb_to_hsv: pass\n",
                "a.py": "import pickle\nloaded = pickle.loads(b'ccolorsys\\nrgb_to_hsv\\n.')\n",
            }
        )
    )
    assert here.load("a.py", "loaded") is importlib.import_module("colorsys").rgb_to_hsv


def test_the_folder_of_the_workspaces_is_no_package(project: Project) -> None:
    files = {"people/alice/src/a.py": "import people\n", "src/c.py": "from people import alice\n"}
    root = os.path.realpath(project(files))
    worlds = Worlds(root, workspaces="people")
    for path, workspace in (("people/alice/src/a.py", "alice"), ("src/c.py", None)):
        with pytest.raises(ComponentError, match="No module named 'people'"):
            worlds.world_of(workspace).load(f"{root}/{path}")


def test_two_openings_of_a_project_share_its_modules_and_see_its_files(opened: Open) -> None:
    here = opened(alice({"a.py": "class A: pass\n", "b.py": "x = 1\n"}))
    first, b = here.load("a.py", "A"), here.load("b.py")
    (here.root / "workspaces/alice/src/b.py").write_text("x = 2\n")
    again = Opened(here.root, Worlds(str(here.root)))
    assert again.load("a.py", "A") is first
    assert again.load("b.py", "x") == 2
    assert here.load("b.py") is b


def test_one_finder_serves_all_projects(opened: Open) -> None:
    opened({})
    before = len(sys.meta_path)
    opened(alice({"a.py": ""})).load("a.py")
    assert len(sys.meta_path) == before
    assert sum(isinstance(one, Finder) for one in sys.meta_path) == 1


def test_stepwell_itself_is_never_loaded_twice(opened: Open) -> None:
    import stepwell

    here = opened(
        {"src/stepwell/__init__.py": "raise RuntimeError\n", **alice({"a.py": "import stepwell\n"})}
    )
    assert here.load("a.py", "stepwell") is stepwell


def test_a_world_is_the_same_until_the_next_generation(opened: Open) -> None:
    here = opened({})
    world = here.worlds.world_of("alice")
    assert isinstance(world, World)
    assert here.worlds.world_of("alice") is world
    assert here.worlds.renew([]).world_of("alice") is not world
    linecache.checkcache()


def process_state() -> list[Any]:
    lists = [[*each] for each in (sys.path, sys.meta_path, sys.path_hooks)]
    return [id(sys.path), *lists, dict(os.environ), os.getcwd(), id(sys.modules["json"])]


EDITS = {
    "sys.path": ("import sys\nsys.path.insert(0, {lib!r})\nimport only_here\n", "only_here.x"),
    "a new sys.path": ("import sys\nsys.path = [{lib!r}, *sys.path]\nimport only_here\n", "only_here.x"),
    "site": ("import site\nsite.addsitedir({lib!r})\nimport only_here\n", "only_here.x"),
    "a module": ("import sys, types\nsys.modules['only_here'] = types.ModuleType('a')\nx = 1\n", "x"),
    "another module": ("import sys, types\nsys.modules['json'] = types.ModuleType('a')\nx = 1\n", "x"),
    "itself": ("import sys\nsys.modules['only_here'] = sys.modules[__name__]\nx = 1\n", "x"),
    "a lost module": ("import sys\nsys.modules.pop('json')\nx = 1\n", "x"),
    "the environment": ("import os\nos.environ['ONLY_HERE'] = '1'\nos.environ.pop('HOME')\nx = 1\n", "x"),
    "the directory": ("import os\nos.chdir('/')\nx = 1\n", "x"),
    "a finder": ("import sys\nsys.meta_path.insert(0, None)\nx = 1\nsys.meta_path.remove(None)\n", "x"),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("fails", [False, True])
def test_what_a_module_edits_while_it_loads_is_restored(
    opened: Open, tmp_path: Path, edit: str, fails: bool
) -> None:
    lib = tmp_path / "lib"
    lib.mkdir(exist_ok=True)
    (lib / "only_here.py").write_text("x = 1\n")
    text, name = EDITS[edit]
    text = text.format(lib=str(lib)) + ("1 / 0\n" if fails else "")
    here = opened(alice({"a.py": f"import b\ndef get(): return b.{name}\n", "b.py": text}))
    before = process_state()
    if fails:
        with pytest.raises(ComponentError, match="ZeroDivisionError"):
            here.load("a.py", "get")
    else:
        assert here.load("a.py", "get")() == 1
    assert process_state() == before
    assert "only_here" not in sys.modules


def test_functions_that_accept_a_module_name_know_the_world(opened: Open) -> None:
    text = """\
import importlib.util
import pkgutil
import runpy
import unittest.mock
from importlib import resources
from importlib.util import find_spec as find
from unittest import mock
from unittest.mock import patch

import helpers.tools


def spec(): return importlib.util.find_spec("helpers.tools").origin
def found(): return find("helpers"), find("no_such_thing"), find("json").name
def relative(): return find(".tools", "helpers").origin
def data(): return pkgutil.get_data("helpers", "a.txt"), pkgutil.resolve_name("helpers.tools:who")
def text(): return resources.files("helpers").joinpath("a.txt").read_text()
def folder(): return resources.files("plain").joinpath("b.txt").read_text()
def module(): return runpy.run_module("helpers.script")["answer"]
def path(): return runpy.run_path(helpers.tools.__file__.replace("tools", "script"))["answer"]


@patch("helpers.tools.who", "patched")
def decorated(): return helpers.tools.who


def patched():
    with mock.patch("helpers.tools.who", "mocked"), unittest.mock.patch.object(helpers, "y", 2, create=True):
        with mock.patch.dict("helpers.tools.table", {"a": 2}), mock.patch.multiple("helpers.tools", z=9):
            return helpers.tools.who, helpers.y, dict(helpers.tools.table), helpers.tools.z
"""
    files = {
        "a.py": text,
        "helpers/__init__.py": "",
        "helpers/tools.py": "who = 'alice'\ntable = {}\nz = 0\n",
        "helpers/script.py": "from helpers.tools import who\nanswer = who, __name__ != 'x'\n",
        "helpers/a.txt": "text",
        "plain/c.py": "",
        "plain/b.txt": "below",
    }
    here = opened(alice(files))

    def call(name: str) -> Any:
        return here.load("a.py", name)()

    own = str(here.root / "workspaces/alice/src/helpers/tools.py")
    assert (call("spec"), call("relative")) == (own, own)
    found = call("found")
    assert (found[0].name.rpartition(".")[2], found[1:]) == ("helpers", (None, "json"))
    assert call("data") == (b"text", "alice")
    assert (call("text"), call("folder")) == ("text", "below")
    assert call("module") == call("path") == ("alice", True)
    assert (call("decorated"), call("patched")) == ("patched", ("mocked", 2, {"a": 2}, 9))
    assert importlib.util.find_spec("helpers") is None
    for name in ("importlib", "importlib.util", "unittest.mock"):
        assert type(sys.modules[name]) is ModuleType
        assert "full_name" not in vars(sys.modules[name])


def test_a_compiled_module_of_a_workspace_loads_or_its_reason_is_reported(opened: Open) -> None:
    import _bisect

    compiled = getattr(_bisect, "__file__", None)
    if compiled is None:
        pytest.skip("this interpreter has no compiled file of a module")
    suffix = os.path.basename(compiled).partition(".")[2]
    here = opened(
        {
            **alice({"a.py": "import _bisect\nvalue = _bisect.bisect_right([1, 3], 2)\n"}),
            **alice({"b.py": "import _other\n", "c.py": "import pkg._broken\n"}),
            **alice({"_other.cpython-27-other.so": "", f"pkg/_broken.{suffix}": "no library"}),
            f"workspaces/alice/src/_bisect.{suffix}": Path(compiled).read_bytes(),
        }
    )
    assert here.load("a.py", "value") == 1
    assert here.load("a.py")._bisect.__file__ == str(here.root / f"workspaces/alice/src/_bisect.{suffix}")
    assert sys.modules["_bisect"] is _bisect
    with pytest.raises(ComponentError) as failed:
        here.load("b.py")
    assert failed.value.fault == (
        "ModuleNotFoundError: No module named '_other': `workspaces/alice/src/_other.cpython-27-other.so` is "
        "compiled for another interpreter or platform"
    )
    with pytest.raises(ComponentError) as failed:
        here.load("c.py")
    assert f"pkg/_broken.{suffix}: " in failed.value.fault
