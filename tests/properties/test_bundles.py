"""Bundles with any damage: rejected by their digest, and harmless even if the digest is that of the damage.

``STEPWELL_TAMPERED=10000`` tries more of them (``make fuzz``).
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import interpreter
from tests.unit.test_publish import FILES

import stepwell
from stepwell.live.registry import Registry
from stepwell.write.bundle import Bundle, digest_of, publication_of
from stepwell.write.remote_registry import RemoteRegistry, publish

pytestmark = pytest.mark.slow

TAMPERED = int(os.environ.get("STEPWELL_TAMPERED", "400"))
SEED = int(os.environ.get("STEPWELL_SEED", "1"))
TODAY = date(2026, 7, 1)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    root = tmp_path_factory.mktemp("project")
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(str(text), encoding="utf-8")
    return publication_of(str(root), TODAY).encoded()


def regions(content: bytes) -> dict[str, range]:
    """The offsets of each kind of byte in a bundle."""
    head = content.index(b"\n") + 1
    files = content.index(b"\n", head) + 1
    sizes = json.loads(content[head:files])["sizes"]
    data = files + sum(sizes[: len(sizes) // 2 + 1])
    return {
        "format": range(head),
        "head": range(head, files),
        "files": range(files, data),
        "data": range(data, len(content)),
    }


def flipped(content: bytes, at: int, chance: random.Random) -> bytes:
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def replaced(content: bytes, at: int, chance: random.Random) -> bytes:
    return content[:at] + chance.choice([b"\0", b"\n", b"9", b'"', b"[", b"}", b"\xff"]) + content[at + 1 :]


def removed(content: bytes, at: int, chance: random.Random) -> bytes:
    return content[:at] + content[at + chance.randrange(1, 40) :]


def inserted(content: bytes, at: int, chance: random.Random) -> bytes:
    return content[:at] + chance.randbytes(chance.randrange(1, 40)) + content[at:]


def repeated(content: bytes, at: int, chance: random.Random) -> bytes:
    return content[: at + chance.randrange(1, 40)] + content[at:]


def truncated(content: bytes, at: int, _: random.Random) -> bytes:
    return content[:at]


DAMAGES: tuple[Callable[[bytes, int, random.Random], bytes], ...] = (
    flipped,
    replaced,
    removed,
    inserted,
    repeated,
    truncated,
)


def damaged(content: bytes, count: int) -> Iterator[bytes]:
    """Bundles with one damage each, of every kind in every region."""
    chance = random.Random(SEED)  # noqa: S311
    places = regions(content)
    for number in range(count):
        region = places[[*places][number % len(places)]]
        damage = DAMAGES[number // len(places) % len(DAMAGES)]
        result = damage(content, chance.choice(region), chance)
        if result != content:
            yield result


def test_every_damaged_bundle_is_rejected(content: bytes, tmp_path: Path) -> None:
    url = (tmp_path / "store").as_uri()
    publish(url, content, None)
    source = RemoteRegistry(url, "", None, None, 60)
    assert len(source.load(TODAY).snapshot.core) == 3
    path = tmp_path / "store/bundles" / digest_of(content).replace(":", "-")
    accepted = 0
    for tampered in damaged(content, TAMPERED):
        path.write_bytes(tampered)
        with suppress(stepwell.ProjectError):
            RemoteRegistry(url, "", None, None, 60).load(TODAY)
            accepted += 1
    assert accepted == 0


def test_a_damaged_pointer_is_rejected_or_leads_to_the_same_registry(content: bytes, tmp_path: Path) -> None:
    url = (tmp_path / "store").as_uri()
    publish(url, content, None)
    path = tmp_path / "store/latest.json"
    pointer, chance = path.read_bytes(), random.Random(SEED)  # noqa: S311
    digest = RemoteRegistry(url, "", None, None, 60).load(TODAY).snapshot.digest
    rejected = 0
    for number in range(TAMPERED):
        path.write_bytes(DAMAGES[number % len(DAMAGES)](pointer, chance.randrange(len(pointer)), chance))
        try:
            assert RemoteRegistry(url, "", None, None, 60).load(TODAY).snapshot.digest == digest
        except stepwell.ProjectError:
            rejected += 1
    assert rejected > TAMPERED / 2


# A bundle of an attacker, whose digest is that of its content.


def works(part: Callable[[], object]) -> bool:
    try:
        part()
    except stepwell.StepwellError:
        return False
    return True


def use(content: bytes) -> bool:
    """Use everything of a bundle, and return whether it is valid; only errors of Stepwell are expected."""
    try:
        loaded = Bundle("it", content, digest_of(content)).load("it", TODAY)
    except stepwell.StepwellError:
        return False
    registry = Registry(loaded, lambda: TODAY)
    parts: list[Callable[[], object]] = [
        lambda: registry.summary,
        lambda: registry.diagnostics,
        lambda: registry.digest,
        lambda: registry.conflicts(),
        lambda: registry.project,
    ]
    for key in (None, *registry.workspaces):
        parts += [
            lambda key=key: [*registry.view(key)],
            lambda key=key: registry.view(key).diagnostics,
            lambda key=key: registry.view(key).by_config_class("x"),
            lambda key=key: registry.view(key).legacy_table(),
        ]
        for table in registry.view(key).tables.values():
            for name in table:
                parts += [
                    lambda table=table, name=name: (table[name].digest, dict(table[name])),
                    lambda table=table, name=name: [
                        table[name].origin(*field) for field in [("name",), ("x",)]
                    ],
                ]
        parts += [
            lambda key=key, name=name: registry.view(key).explain_all(name) for name in registry.view(key)
        ]
        parts += [
            lambda key=key, name=name: registry.pipeline(name, workspace=key)
            for name in registry.view(key).pipelines
        ]
    return sum(map(works, parts)) == len(parts)


def test_the_content_of_the_tests_is_valid(content: bytes) -> None:
    assert use(content)


def test_no_damage_with_its_own_digest_raises_anything_but_an_error_of_stepwell(content: bytes) -> None:
    for tampered in damaged(content, TAMPERED):
        use(tampered)


HOSTILE: tuple[Any, ...] = (
    *(
        None,
        True,
        -1,
        0,
        1,
        10**30,
        1.5,
        float("nan"),
        "",
        "x",
        "../x",
        "/etc/passwd",
        "a/../../b",
        "\0",
        "\n",
    ),
    *(
        [],
        {},
        [[]],
        ["x"],
        [0],
        [10**9],
        {"x": 1},
        [[None, {}]],
        "steps",
        "core",
        "override",
        "stepwell.toml",
    ),
)


def parts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in plain data with each of its keys."""
    keys = [*value] if isinstance(value, dict) else [*range(len(value))] if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from parts(value[key])


def test_no_head_raises_anything_but_an_error_of_stepwell(content: bytes) -> None:
    chance = random.Random(SEED)  # noqa: S311
    start, place = content.index(b"\n") + 1, regions(content)["files"].start
    for _ in range(TAMPERED):
        head = json.loads(content[start:place])
        for _ in range(chance.choice([1, 1, 2])):
            container, key = chance.choice([*parts(head)])
            change = chance.randrange(3)
            if change == 0:
                container[key] = chance.choice(HOSTILE)
            elif change == 1:
                del container[key]
            else:
                other, its = chance.choice([*parts(head)])
                container[key] = json.loads(json.dumps(other[its]))
        use(content[:start] + json.dumps(head).encode() + b"\n" + content[place:])


def test_no_data_raises_anything_but_an_error_of_stepwell(content: bytes) -> None:
    chance = random.Random(SEED)  # noqa: S311
    start, files = content.index(b"\n") + 1, regions(content)["files"].start
    head = json.loads(content[start:files])
    count = len(head["paths"])
    ends = [files]
    for size in head["sizes"]:
        ends.append(ends[-1] + size)
    pieces = [content[begin:end] for begin, end in pairwise(ends)]
    for number in range(TAMPERED):
        changed, at = [*pieces], count + number % (len(pieces) - count)
        data = json.loads(pieces[at])
        container, key = chance.choice([*parts([data])])
        container[key] = chance.choice(HOSTILE)
        changed[at] = json.dumps(data).encode()
        if number % 5 == 0:
            changed[at] = chance.choice(
                [b"[" * 100_000, b"\xff", b"9" * 5000, b"null", b'{"name": "\\ud800"}']
            )
        sizes = {**head, "sizes": [*map(len, changed)]}
        use(content[:start] + json.dumps(sizes).encode() + b"\n" + b"".join(changed))


SCRIPT = """\
import sys
from datetime import date
from stepwell.write.bundle import digest_of, publication_of
print(digest_of(publication_of(sys.argv[1], date(2026, 7, 1)).encoded()))
"""


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_a_bundle_has_the_same_bytes_on_every_python(
    content: bytes, project: Callable[[Mapping[str, Any]], Path], version: str
) -> None:
    import subprocess

    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version}")
    libraries = [path for path in sys.path if path.endswith(("site-packages", "src"))]
    ran = subprocess.run(
        [python, "-c", SCRIPT, str(project(FILES))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(libraries), "PYTHONHASHSEED": version[2:]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, digest_of(content)), ran.stderr
