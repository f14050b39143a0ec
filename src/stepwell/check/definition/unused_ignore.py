"""An ignore comment hides something.

`# stepwell: ignore[rule-id] why` at the end of a line, or alone on the line above, hides the
findings of that rule on that line. A comment that hides nothing is left over from a fault that has
been mended, or names the wrong rule. What a file cannot be read or understood without (syntax,
schema), and what keeps a definition from being served, cannot be ignored.

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

from stepwell.check.fixed_severities import FIXED_PAGES
from stepwell.check.ignores import Ignore
from stepwell.check.rule import ALWAYS_TOLD, Finding
from stepwell.source.diagnostic import Severity

ID: Final = "unused-ignore"
SEVERITY: Final = Severity.WARNING


def check(scope: tuple[Ignore, ...]) -> Iterator[Finding]:
    """Name each ignore that hid nothing."""
    for ignore in scope:
        if ignore.rule in ALWAYS_TOLD or ignore.rule in FIXED_PAGES:
            yield Finding(f"`{ignore.rule}` cannot be ignored", ignore.span, "mend what it finds")
            continue
        message = f"nothing on this line is found by `{ignore.rule}`, so there is nothing to ignore"
        yield Finding(message, ignore.span, "remove the comment")
