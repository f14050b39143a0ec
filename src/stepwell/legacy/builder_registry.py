"""The public import path of ``stepwell.frontends.legacy.builder_registry``: both names are one module."""

import sys

from stepwell.frontends.legacy import builder_registry

sys.modules[__name__] = builder_registry
