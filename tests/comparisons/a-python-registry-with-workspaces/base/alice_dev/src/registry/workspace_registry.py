WORKSPACE_METADATA = {"developer_id": "alice"}
LOCAL_STEPS = {
    "Own": {"config_class": "OwnConfig", "builder_step_name": "OwnBuilder", "spec_type": "Own", "sagemaker_step_type": "Processing", "description": "Do Own."},
}
STEP_OVERRIDES = {
    "Scoring": {"config_class": "AliceConfig", "builder_step_name": "ScoringStepBuilder", "spec_type": "Scoring", "sagemaker_step_type": "Processing", "description": "Do Scoring."},
}
