from registry.step_names import STEP_NAMES
