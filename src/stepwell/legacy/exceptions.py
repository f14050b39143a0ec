"""The public import path of ``stepwell.frontends.legacy.exceptions``: both names are one module."""

import sys

from stepwell.frontends.legacy import exceptions
from stepwell.frontends.legacy.exceptions import *  # noqa: F403 - what type checkers see

sys.modules[__name__] = exceptions
