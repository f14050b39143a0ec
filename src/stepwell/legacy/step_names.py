"""The public import path of ``stepwell.frontends.legacy.step_names``: both names are one module."""

import sys

from stepwell.frontends.legacy import step_names

sys.modules[__name__] = step_names
