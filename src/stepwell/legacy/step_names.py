"""The public import path of ``stepwell.frontends.legacy.step_names``: both names are one module."""

import sys

from stepwell.frontends.legacy import step_names
from stepwell.frontends.legacy.step_names import *  # noqa: F403 - what type checkers see

sys.modules[__name__] = step_names
