"""The public import path of ``stepwell.frontends.legacy.builder_registry``: both names are one module."""

import sys

from stepwell.frontends.legacy import builder_registry
from stepwell.frontends.legacy.builder_registry import *  # noqa: F403 - what type checkers see

sys.modules[__name__] = builder_registry
