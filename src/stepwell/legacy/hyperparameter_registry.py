"""The public import path of ``stepwell.frontends.legacy.hyperparameter_registry``, the same module."""

import sys

from stepwell.frontends.legacy import hyperparameter_registry
from stepwell.frontends.legacy.hyperparameter_registry import *  # noqa: F403 - what type checkers see

sys.modules[__name__] = hyperparameter_registry
