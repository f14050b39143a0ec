"""`developer_id` of a workspace differs from its folder name.

The folder name is the workspace's id in commands and in the Python API. A different `developer_id` usually
comes from a copied file.

Passes:

    # workspaces/alice/workspace.yaml
    developer_id: alice

Fails:

    # workspaces/alice/workspace.yaml
    developer_id: bob
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, WorkspaceScope
from stepwell.source.diagnostic import Fix, Severity

ID: Final = "developer-id-mismatch"
SEVERITY: Final = Severity.ERROR


def check(scope: WorkspaceScope) -> Iterator[Finding]:
    document = scope.source.document
    stated = document.data.get("developer_id")
    if stated is not None and stated != scope.workspace.id:
        span = document.value_span(("developer_id",))
        yield Finding(
            f"`developer_id` is `{stated}`, but the workspace folder is named `{scope.workspace.id}`",
            span,
            f"write `{scope.workspace.id}`, or rename the folder",
            fix=Fix(f"write `{scope.workspace.id}`", "set", span, scope.workspace.id, is_safe=False),
        )
