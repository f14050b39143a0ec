"""Setting is unknown to the provider's implementation.

Built-in implementations reject unknown settings: with a misspelled `base_url`, requests would go to the
default URL. Other implementations validate their own settings. In an override, `settings` are checked only if
it also sets `implementation`.

Passes:

    # registry.d/providers/house_models.yaml
    name: HouseModels
    description: The models that the house serves.
    implementation: openai_compatible
    settings: {base_url: "https://models.example.com/v1"}

Fails:

    # registry.d/providers/house_models.yaml
    name: HouseModels
    description: The models that the house serves.
    implementation: openai_compatible
    settings: {base_ulr: "https://models.example.com/v1"}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stepwell.check.rule import FileScope, Finding
from stepwell.model import IMPLEMENTATION_SETTINGS
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "unknown-setting"
SEVERITY: Final = Severity.ERROR


def check(scope: FileScope) -> Iterable[Finding]:
    settings = scope.data.get("settings") if scope.kind.noun == "provider" else None
    known = IMPLEMENTATION_SETTINGS.get(scope.data.get("implementation", "")) if settings else None
    if not settings or known is None:
        return ()
    return [_finding(scope, name, known) for name in settings if name not in known]


def _finding(scope: FileScope, name: str, known: tuple[str, ...]) -> Finding:
    near = closest(name, known)
    message = f"`{scope.data['implementation']}` has no setting `{name}`"
    hint = did_you_mean(near) or f"valid settings: {', '.join(f'`{setting}`' for setting in known)}"
    return Finding(message, scope.source.document.key_span(("settings", name)), hint)
