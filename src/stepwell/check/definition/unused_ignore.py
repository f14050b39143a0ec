"""Ignore comment suppresses no finding.

`# stepwell: ignore[rule-id] reason` suppresses the findings of a rule on its line or, alone on a line, on the
next line. An unused comment is left over from a fixed problem, or names the wrong rule. Syntax errors, schema
errors and findings that exclude a definition cannot be ignored.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/override/steps/scoring.yaml
    name: Scoring  # stepwell: ignore[override-changes-nothing] pinned until the next release
    priority: 100

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring  # stepwell: ignore[naming-style] we like it
    description: Score a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import ALWAYS_REPORTED, FIXED_PAGES, Finding, Ignore
from stepwell.source.diagnostic import Fix, Severity

ID: Final = "unused-ignore"
SEVERITY: Final = Severity.WARNING


def check(scope: tuple[Ignore, ...]) -> Iterator[Finding]:
    for ignore in scope:
        if ignore.rule in ALWAYS_REPORTED or ignore.rule in FIXED_PAGES:
            yield Finding(f"`{ignore.rule}` cannot be ignored", ignore.span, "fix the problem")
            continue
        comment = ignore.span.text[ignore.span.column - 1 :]
        fix = None if "," in comment else Fix("remove the comment", "uncomment", ignore.span, is_safe=False)
        yield Finding(
            f"`{ignore.rule}` has no findings on this line", ignore.span, "remove the comment", fix=fix
        )
