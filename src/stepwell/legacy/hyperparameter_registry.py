"""The public import path of ``stepwell.frontends.legacy.hyperparameter_registry``, the same module."""

import sys

from stepwell.frontends.legacy import hyperparameter_registry

sys.modules[__name__] = hyperparameter_registry
