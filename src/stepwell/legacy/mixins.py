"""The public import path of ``stepwell.frontends.legacy.mixins``: both names are one module."""

import sys

from stepwell.frontends.legacy import mixins
from stepwell.frontends.legacy.mixins import *  # noqa: F403 - what type checkers see

sys.modules[__name__] = mixins
