"""The `developer_id` of a workspace is the name of its folder.

The folder's name is the workspace's id, in commands and in the Python API. A `developer_id` that
says something else is most often a copied file that somebody forgot to edit.

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
from stepwell.source.diagnostic import Severity

ID: Final = "developer-id-mismatch"
SEVERITY: Final = Severity.ERROR


def check(scope: WorkspaceScope) -> Iterator[Finding]:
    """Compare the stated id with the folder's name."""
    document = scope.source.document
    stated = document.data.get("developer_id")
    if stated is not None and stated != scope.workspace.id:
        yield Finding(
            f"the workspace in the folder `{scope.workspace.id}` calls itself `{stated}`",
            document.value_span(("developer_id",)),
            f"write `{scope.workspace.id}`, or rename the folder",
        )
