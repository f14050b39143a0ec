"""The old registry package, live: the public import path of ``stepwell.frontends.legacy``."""

from __future__ import annotations

from stepwell.frontends import legacy as _legacy
from stepwell.frontends.legacy import *  # noqa: F403
from stepwell.frontends.legacy import __all__ as __all__
from stepwell.frontends.legacy import registry as registry
from stepwell.frontends.legacy import use as use

__dir__ = _legacy.__dir__
