"""The public import path of ``stepwell.frontends.legacy.mixins``: both names are one module."""

import sys

from stepwell.frontends.legacy import mixins

sys.modules[__name__] = mixins
