"""The public import path of ``stepwell.frontends.legacy.exceptions``: both names are one module."""

import sys

from stepwell.frontends.legacy import exceptions

sys.modules[__name__] = exceptions
