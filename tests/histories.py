"""Git histories of small projects, for the tests of what looks into one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCORING = "registry.d/steps/scoring.yaml"
OVERRIDE = "workspaces/alice/override/steps/scoring.yaml"
START = "name: Scoring\ndescription: Score a batch.\n"
ROW = """\
    "Scoring": {{
        "config_class": "ScoringConfig",
        "builder_step_name": "ScoringStepBuilder",
        "spec_type": "Scoring",
        "sagemaker_step_type": "Processing",
        "description": "{0}",
    }},
"""

WHO = {"NAME": "Ann", "EMAIL": "ann@example.com"}


class History:
    """A repository whose commits have the same ids on every machine: author, dates and order are given."""

    def __init__(self, root: Path, environment: Mapping[str, str], inside: str = "") -> None:
        self.root = root
        self.project = root / inside
        self.environment = {
            **{key: value for key, value in environment.items() if not key.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": said for who in ("AUTHOR", "COMMITTER") for what, said in WHO.items()},
        }
        self.commits = 0
        self.project.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str, cwd: Path | None = None) -> str:
        self.environment |= {
            f"GIT_{who}_DATE": f"2026-01-{self.commits + 1:02}T10:00:00+00:00"
            for who in ("AUTHOR", "COMMITTER")
        }
        done = subprocess.run(
            ["git", *words],
            cwd=cwd or self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return done.stdout.decode().strip()

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        for path, content in files.items():
            file = self.project / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, subject: str, files: Mapping[str, str | bytes | None]) -> str:
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        self.commits += 1
        return self.git("rev-parse", "HEAD")
