from typing import Dict

STEP_NAMES: Dict[str, Dict[str, str]] = {
    "Another": {
        "config_class": "AnotherConfig",
        "builder_step_name": "AnotherStepBuilder",
        "spec_type": "Another",
        "sagemaker_step_type": "Processing",
        "description": "Do Another.",
    },
}
