"""Test variants, requirements and examples by SageMaker step type."""

from __future__ import annotations as _annotations

from dataclasses import dataclass as _dataclass
from typing import Any as _Any

__all__ = [
    "CUSTOM_STEP_DETECTION",
    "FRAMEWORK_PROCESSOR_MAP",
    "STEP_TYPE_EXAMPLES",
    "STEP_TYPE_REQUIREMENTS",
    "STEP_TYPE_VARIANT_MAP",
    "StepTypeRequirements",
    "detect_framework_from_processor",
    "get_all_step_types",
    "get_custom_step_test_level",
    "get_reference_examples_for_pattern",
    "get_step_type_examples",
    "get_step_type_requirements",
    "get_step_type_variant",
    "get_test_pattern_for_builder",
    "is_custom_step",
    "register_step_type_variant",
    "should_run_advanced_tests",
    "validate_step_type",
]


@_dataclass
class StepTypeRequirements:
    """What the builders of a step type need."""

    required_methods: list[str]
    optional_methods: list[str]
    required_attributes: list[str]
    step_class: str
    sagemaker_objects: list[str]
    validation_rules: dict[str, _Any] | None = None


STEP_TYPE_REQUIREMENTS: dict[str, StepTypeRequirements] = {
    "Processing": StepTypeRequirements(
        required_methods=["_create_processor", "_get_inputs", "_get_outputs"],
        optional_methods=[
            "_get_property_files",
            "_get_job_arguments",
            "_get_code_path",
            "_get_environment_variables",
        ],
        required_attributes=["processor_class"],
        step_class="ProcessingStep",
        sagemaker_objects=[
            "Processor",
            "ProcessingInput",
            "ProcessingOutput",
            "PropertyFile",
        ],
        validation_rules={
            "min_inputs": 1,
            "max_inputs": 10,
            "min_outputs": 1,
            "max_outputs": 10,
            "required_processor_types": ["ScriptProcessor", "FrameworkProcessor"],
        },
    ),
    "Training": StepTypeRequirements(
        required_methods=["_create_estimator", "_get_training_inputs"],
        optional_methods=[
            "_get_hyperparameters",
            "_get_metric_definitions",
            "_get_checkpoint_config",
            "_get_debugger_config",
        ],
        required_attributes=["estimator_class"],
        step_class="TrainingStep",
        sagemaker_objects=["Estimator", "TrainingInput"],
        validation_rules={
            "min_training_inputs": 1,
            "max_training_inputs": 20,
            "required_estimator_types": ["Framework", "Algorithm"],
        },
    ),
    "Transform": StepTypeRequirements(
        required_methods=["_create_transformer", "_get_transform_inputs"],
        optional_methods=[
            "_get_transform_strategy",
            "_get_assemble_with",
            "_get_accept_type",
        ],
        required_attributes=["transformer_class"],
        step_class="TransformStep",
        sagemaker_objects=["Transformer", "TransformInput"],
        validation_rules={
            "valid_strategies": ["SingleRecord", "MultiRecord"],
            "valid_assemble_with": ["Line", "None"],
        },
    ),
    "CreateModel": StepTypeRequirements(
        required_methods=["_create_model", "_get_model_data"],
        optional_methods=[
            "_get_container_definitions",
            "_get_inference_code",
            "_get_environment_variables",
        ],
        required_attributes=["model_class"],
        step_class="CreateModelStep",
        sagemaker_objects=["Model", "ModelPackage"],
        validation_rules={
            "max_containers": 15,
            "required_model_types": ["Model", "PipelineModel"],
        },
    ),
    "Tuning": StepTypeRequirements(
        required_methods=[
            "_create_tuner",
            "_get_tuning_inputs",
            "_get_hyperparameter_ranges",
        ],
        optional_methods=[
            "_get_objective_metric",
            "_get_tuning_strategy",
            "_get_early_stopping_config",
        ],
        required_attributes=["tuner_class"],
        step_class="TuningStep",
        sagemaker_objects=["HyperparameterTuner", "TrainingInput"],
        validation_rules={
            "max_parallel_jobs": 100,
            "max_training_jobs": 500,
            "valid_strategies": ["Bayesian", "Random", "Hyperband"],
        },
    ),
    "Lambda": StepTypeRequirements(
        required_methods=["_create_lambda_function", "_get_lambda_inputs"],
        optional_methods=[
            "_get_lambda_outputs",
            "_get_function_timeout",
            "_get_function_memory",
        ],
        required_attributes=["lambda_function_arn"],
        step_class="LambdaStep",
        sagemaker_objects=["Lambda"],
        validation_rules={"max_timeout": 900, "max_memory": 10240, "min_memory": 128},
    ),
    "Callback": StepTypeRequirements(
        required_methods=["_get_sqs_queue_url", "_get_callback_inputs"],
        optional_methods=["_get_callback_outputs", "_get_callback_timeout"],
        required_attributes=["sqs_queue_url"],
        step_class="CallbackStep",
        sagemaker_objects=["CallbackOutput"],
        validation_rules={"max_timeout": 86400},
    ),
    "Condition": StepTypeRequirements(
        required_methods=["_get_conditions", "_get_if_steps", "_get_else_steps"],
        optional_methods=["_get_condition_logic"],
        required_attributes=["condition_type"],
        step_class="ConditionStep",
        sagemaker_objects=[
            "Condition",
            "ConditionEquals",
            "ConditionGreaterThan",
            "ConditionLessThan",
        ],
        validation_rules={
            "valid_condition_types": ["Equals", "GreaterThan", "LessThan", "In", "Not"],
        },
    ),
    "Fail": StepTypeRequirements(
        required_methods=["_get_error_message"],
        optional_methods=["_get_failure_reason"],
        required_attributes=[],
        step_class="FailStep",
        sagemaker_objects=[],
        validation_rules={"max_error_message_length": 1024},
    ),
    "EMR": StepTypeRequirements(
        required_methods=["_get_cluster_id", "_get_step_config"],
        optional_methods=["_get_cluster_config", "_get_execution_role_arn"],
        required_attributes=["cluster_id"],
        step_class="EMRStep",
        sagemaker_objects=["EMRStepConfig"],
        validation_rules={
            "valid_step_types": ["HadoopJarStep", "SparkStep", "HiveStep"],
        },
    ),
    "AutoML": StepTypeRequirements(
        required_methods=["_create_automl_job", "_get_automl_inputs"],
        optional_methods=[
            "_get_target_attribute",
            "_get_problem_type",
            "_get_automl_config",
        ],
        required_attributes=["automl_job_class"],
        step_class="AutoMLStep",
        sagemaker_objects=["AutoML", "AutoMLInput"],
        validation_rules={
            "valid_problem_types": [
                "BinaryClassification",
                "MulticlassClassification",
                "Regression",
            ],
            "max_candidates": 250,
        },
    ),
    "NotebookJob": StepTypeRequirements(
        required_methods=["_get_input_notebook", "_get_image_uri", "_get_kernel_name"],
        optional_methods=[
            "_get_parameters",
            "_get_environment_variables",
            "_get_initialization_script",
        ],
        required_attributes=["notebook_path", "image_uri", "kernel_name"],
        step_class="NotebookJobStep",
        sagemaker_objects=[],
        validation_rules={
            "valid_kernels": ["python3", "conda_python3", "r", "scala"],
            "max_runtime": 172800,
        },
    ),
}

STEP_TYPE_VARIANT_MAP: dict[str, type] = {}

STEP_TYPE_EXAMPLES: dict[str, dict[str, list[str]]] = {
    "Processing": {
        "standard_patterns": [
            "builder_tabular_preprocessing_step",
            "builder_package_step",
        ],
        "custom_package_patterns": ["builder_model_eval_step_xgboost"],
        "custom_step_patterns": ["builder_data_load_step_cradle"],
    },
    "Training": {"standard_patterns": ["builder_training_step_xgboost"]},
    "Transform": {"standard_patterns": ["builder_batch_transform_step"]},
    "CreateModel": {
        "standard_patterns": [
            "builder_model_step_xgboost",
            "builder_model_step_pytorch",
        ]
    },
    "RegisterModel": {"custom_step_patterns": ["builder_registration_step"]},
}

CUSTOM_STEP_DETECTION: dict[str, str] = {
    "CradleDataLoadingStep": "basic_interface_only",
    "MimsModelRegistrationProcessingStep": "basic_interface_only",
}

FRAMEWORK_PROCESSOR_MAP: dict[str, list[str]] = {
    "sklearn": ["SKLearnProcessor"],
    "xgboost": ["XGBoostProcessor"],
    "pytorch": ["PyTorchProcessor"],
    "tensorflow": ["TensorFlowProcessor"],
    "huggingface": ["HuggingFaceProcessor"],
    "spark": ["SparkMLProcessor"],
}

_PATTERNS = {
    "standard_patterns": "standard",
    "custom_package_patterns": "custom_package",
    "custom_step_patterns": "custom_step",
}


def register_step_type_variant(step_type: str, variant_class: type) -> None:
    """Register the test variant of a step type."""
    STEP_TYPE_VARIANT_MAP[step_type] = variant_class


def get_step_type_variant(step_type: str) -> type | None:
    """Return the test variant of a step type, or ``None``."""
    return STEP_TYPE_VARIANT_MAP.get(step_type)


def get_step_type_requirements(step_type: str) -> StepTypeRequirements | None:
    """Return the requirements of a step type, or ``None``."""
    return STEP_TYPE_REQUIREMENTS.get(step_type)


def get_all_step_types() -> list[str]:
    """Return the step types with requirements."""
    return list(STEP_TYPE_REQUIREMENTS)


def validate_step_type(step_type: str) -> bool:
    """Return whether a step type has requirements."""
    return step_type in STEP_TYPE_REQUIREMENTS


def get_step_type_examples(step_type: str) -> dict[str, list[str]] | None:
    """Return the examples of a step type by pattern, or ``None``."""
    return STEP_TYPE_EXAMPLES.get(step_type)


def is_custom_step(step_class_name: str) -> bool:
    """Return whether only the basic interface of a step is tested."""
    return step_class_name in CUSTOM_STEP_DETECTION


def get_custom_step_test_level(step_class_name: str) -> str | None:
    """Return the test level of a custom step, or ``None``."""
    return CUSTOM_STEP_DETECTION.get(step_class_name)


def detect_framework_from_processor(processor_class_name: str) -> str | None:
    """Return the framework of a processor, or ``None``."""
    for framework, processors in FRAMEWORK_PROCESSOR_MAP.items():
        if processor_class_name in processors:
            return framework
    return None


def get_test_pattern_for_builder(builder_class_name: str, step_type: str) -> str:
    """Return ``standard``, ``custom_package``, ``custom_step`` or ``unknown``."""
    if is_custom_step(builder_class_name):
        return "custom_step"
    examples = get_step_type_examples(step_type)
    if not examples:
        return "unknown"
    for pattern, names in examples.items():
        if builder_class_name in names and pattern in _PATTERNS:
            return _PATTERNS[pattern]
    return "standard"


def should_run_advanced_tests(builder_class_name: str, step_type: str) -> bool:
    """Return whether more than the basic interface of a builder is tested."""
    return get_test_pattern_for_builder(builder_class_name, step_type) != "custom_step"


def get_reference_examples_for_pattern(step_type: str, pattern: str) -> list[str]:
    """Return the examples of a step type for a pattern."""
    return (get_step_type_examples(step_type) or {}).get(f"{pattern}_patterns", [])
