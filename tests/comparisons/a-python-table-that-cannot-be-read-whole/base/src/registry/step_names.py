import os
NAME = os.environ
STEP_NAMES = {
    "Scoring": {"config_class": "ScoringConfig", "builder_step_name": "ScoringStepBuilder", "spec_type": "Scoring", "sagemaker_step_type": "Processing", "description": "Do Scoring."},
    "Odd": make(),
}
