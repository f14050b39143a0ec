"""Build the release in ``build/release/`` and check everything that must hold before it is tagged.

Version, changelog and tag agree, the tree is clean, two builds have equal bytes, and the metadata is valid.
An SBOM lists the dependencies.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stepwell.version import __version__

REPOSITORY: Final = Path(__file__).resolve().parents[1]
RELEASE: Final = REPOSITORY / "build/release"


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """Run a command in the repository and return its output.

    Raises:
        CalledProcessError: it failed.
    """
    done = subprocess.run(  # noqa: S603 - fixed commands
        command, cwd=REPOSITORY, check=True, capture_output=True, text=True, env=environment
    )
    return done.stdout.strip()


def build(folder: Path) -> dict[str, str]:
    """Build wheel and sdist with the time of the last commit, and return their digests."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": run("git", "log", "-1", "--format=%ct")}
    run(sys.executable, "-m", "build", "--outdir", str(folder), environment=environment)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def changelog_faults(changelog: str, number: str, committed: str) -> Iterator[str]:
    """Yield the faults of a changelog: an empty section ``[Unreleased]`` is first, then the dated one.

    Args:
        committed: ISO date of the last commit.
    """
    _, *sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    if not sections or sections[0].strip() != "[Unreleased]":
        yield "the first section of CHANGELOG.md is not an empty `## [Unreleased]`"
    heading = sections[1].splitlines()[0] if len(sections) > 1 else ""
    match = re.fullmatch(rf"\[{re.escape(number)}\] - (\d{{4}}-\d\d-\d\d)", heading)
    if match is None:
        yield f"the second section of CHANGELOG.md is not `## [{number}] - YYYY-MM-DD`"
    elif match[1] > committed:
        yield f"the date {match[1]} in CHANGELOG.md is later than the last commit"


def faults() -> Iterator[str]:
    """Yield everything that prevents a release; the built files are in ``build/release/``."""
    number = __version__
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    yield from changelog_faults(changelog, number, run("git", "log", "-1", "--format=%cs"))
    tags = run("git", "tag", "--points-at", "HEAD").split()
    if f"v{number}" not in tags:
        yield f"the last commit has no tag v{number}"
    if run("git", "status", "--porcelain"):
        yield "the working tree has uncommitted changes"
    shutil.rmtree(RELEASE, ignore_errors=True)
    RELEASE.mkdir(parents=True)
    digests = build(RELEASE)
    with tempfile.TemporaryDirectory() as other:
        if build(Path(other)) != digests:
            yield "two builds have different bytes"
    files = [str(RELEASE / name) for name in digests]
    yield from missing_files(next(name for name in files if name.endswith(".tar.gz")))
    wheels = [name for name in files if name.endswith(".whl")]
    scripts = Path(sys.executable).parent
    checks = (
        ("metadata", str(scripts / "twine"), "check", "--strict", *files),
        ("content of the wheel", str(scripts / "check-wheel-contents"), *wheels),
        ("SBOM", str(scripts / "cyclonedx-py"), "requirements", "-o", str(RELEASE / "sbom.json"), "-"),
    )
    for name, *command in checks:
        done = subprocess.run(  # noqa: S603 - fixed commands
            command,
            cwd=REPOSITORY,
            input=requirements(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            yield f"{name}: {(done.stdout + done.stderr).strip()}"
    for name, digest in digests.items():
        sys.stdout.write(f"{digest}  {name}\n")


def missing_files(sdist: str) -> Iterator[str]:
    """Yield a fault if the sdist lacks files of the repository: its checks and tests need all of them."""
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    missing = sorted({*run("git", "ls-files", "-z").rstrip("\0").split("\0")} - packed)
    if missing:
        yield f"the sdist lacks {len(missing)} files: {', '.join(missing[:5])}"


def requirements() -> str:
    """Return the installed versions of the run-time dependencies."""
    from importlib.metadata import Distribution, requires

    names = [
        re.split(r"[<>=!~;\[ ]", item)[0] for item in requires("stepwell") or () if "extra ==" not in item
    ]
    return "".join(f"{name}=={Distribution.from_name(name).version}\n" for name in names)


def main() -> int:
    """Print the digests of the built files and every fault."""
    found = list(faults())
    sys.stdout.write("".join(f"not ready: {fault}\n" for fault in found) or "ready to release\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
