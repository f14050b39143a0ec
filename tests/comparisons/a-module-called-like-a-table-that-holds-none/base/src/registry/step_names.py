from typing import Dict

STEP_NAMES: Dict[str, Dict[str, str]] = {
    "Scoring": {
        "config_class": "ScoringConfig",
        "builder_step_name": "ScoringStepBuilder",
        "spec_type": "Scoring",
        "sagemaker_step_type": "Processing",
        "description": "Do Scoring.",
    },
}
