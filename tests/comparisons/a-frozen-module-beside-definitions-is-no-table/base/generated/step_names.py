from typing import Dict

STEP_NAMES: Dict[str, Dict[str, str]] = {
    "Other": {
        "config_class": "OtherConfig",
        "builder_step_name": "OtherStepBuilder",
        "spec_type": "Other",
        "sagemaker_step_type": "Processing",
        "description": "Do Other.",
    },
}
