"""The contract of the legacy step names, as functions that any implementation must pass.

Standard library only: the functions run inside the interpreter that serves the implementation,
be it a frozen module in a bare one or a live module. ``names`` is the module; ``expected`` holds
the plain tables of the core (``core``) and of every workspace (``workspaces``), in order.
"""
# ruff: noqa: ARG001, PERF203 - every obligation takes the same arguments; speed is no matter here

import asyncio
import json
import os
import threading
from unittest import mock

FIELDS = ["config_class", "builder_step_name", "spec_type", "sagemaker_step_type", "description"]
TABLES = ["BUILDER_STEP_NAMES", "CONFIG_STEP_REGISTRY", "SPEC_STEP_TYPES", "STEP_NAMES"]
FUNCTIONS = [
    "get_all_sagemaker_step_types",
    "get_all_step_names",
    "get_builder_step_name",
    "get_canonical_name_from_file_name",
    "get_config_class_name",
    "get_sagemaker_step_type",
    "get_sagemaker_step_type_mapping",
    "get_spec_step_type",
    "get_spec_step_type_with_job_type",
    "get_step_description",
    "get_step_name_from_spec_type",
    "get_steps_by_sagemaker_type",
    "list_all_step_info",
    "validate_file_name",
    "validate_sagemaker_step_type",
    "validate_spec_type",
    "validate_step_name",
]
WORKSPACE_FUNCTIONS = [
    "clear_workspace_context",
    "get_builder_step_names",
    "get_config_step_registry",
    "get_spec_step_types",
    "get_step_field",
    "get_step_names",
    "get_valid_sagemaker_step_types",
    "get_workspace_context",
    "get_workspace_step_count",
    "has_workspace_conflicts",
    "list_available_workspaces",
    "set_workspace_context",
    "workspace_context",
]
GOLDEN_FILE_NAMES = {
    "xgboost_training": "XGBoostTraining",
    "model_evaluation_xgb": "XGBoostModelEval",
    "xgboost_model_evaluation": "XGBoostModelEval",
    "tabular_preprocess": "TabularPreprocessing",
    "mims_package": "Package",
    "mims_payload": "Payload",
    "cradle_data_load": "CradleDataLoading",
    "xgb_training_validation": "XGBoostTraining",
    "tabular_preprocessing_training": "TabularPreprocessing",
    "training": "PyTorchTraining",
    "x": "XGBoostTraining",
    "model": "XGBoostModelEval",
    "data": "CradleDataLoading",
    "e": "Base",
}
# What the old module lists: the name, the name without its job type, the name expanded. Equal ones stay.
TRIED_VARIATIONS = {
    "zzz": ["Zzz", "Zzz"],
    "zzz_qqq": ["ZzzQqq", "ZzzQqq"],
    "mims": ["Mims"],
    "mims_zzz": ["MimsZzz", "Zzz"],
    "zzz_training": ["ZzzTraining", "Zzz", "ZzzTraining"],
    "mims_zzz_training": ["MimsZzzTraining", "MimsZzz", "ZzzTraining"],
    "zzz_xgb_calibration": ["ZzzXgbCalibration", "ZzzXgb", "ZzzXGBoostCalibration"],
    "zzz_qqq_evaluation": ["ZzzQqqEvaluation", "ZzzQqqEvaluation"],
    "zzz__qqq": ["ZzzQqq", "ZzzQqq"],
}


def same(actual, wanted):
    if actual != wanted or type(actual) is not type(wanted):
        raise AssertionError(f"got {actual!r}, wanted {wanted!r}")


def same_items(actual, wanted):
    same(list(actual.items()), list(wanted.items()))


def rejected(call, text):
    try:
        answer = call()
    except ValueError as error:
        same(str(error), text)
        return
    raise AssertionError(f"answered {answer!r}, wanted ValueError: {text}")


def tables_are_plain_dicts_in_order(names, expected):
    core = expected["core"]
    for table in TABLES:
        same(isinstance(getattr(names, table), dict), True)
    same_items(names.STEP_NAMES, core)
    for row in names.STEP_NAMES.values():
        same(list(row), FIELDS)
        same({type(value) for value in row.values()}, {str})
    same_items(names.CONFIG_STEP_REGISTRY, {row["config_class"]: name for name, row in core.items()})
    same_items(names.BUILDER_STEP_NAMES, {name: row["builder_step_name"] for name, row in core.items()})
    same_items(names.SPEC_STEP_TYPES, {name: row["spec_type"] for name, row in core.items()})
    same(json.loads(json.dumps(names.STEP_NAMES)), core)


def each_getter_returns_its_field(names, expected):
    for name, row in expected["core"].items():
        same(names.get_config_class_name(name), row["config_class"])
        same(names.get_builder_step_name(name), row["builder_step_name"])
        same(names.get_spec_step_type(name), row["spec_type"])
        same(names.get_step_description(name), row["description"])
        same(names.get_sagemaker_step_type(name), row["sagemaker_step_type"])
    same(names.get_config_class_name(step_name="Base"), "BasePipelineConfig")


def an_unknown_step_is_a_value_error(names, expected):
    for getter in (
        names.get_config_class_name,
        names.get_builder_step_name,
        names.get_spec_step_type,
        names.get_step_description,
        names.get_sagemaker_step_type,
        names.get_spec_step_type_with_job_type,
    ):
        for unknown in ("XGBoostTrainin", "", "xgboosttraining", None):
            try:
                getter(unknown)
            except ValueError as error:
                same(str(error).partition(" (did you mean")[0], f"Unknown step name: {unknown}")
            else:
                raise AssertionError(f"{getter.__name__} answered")


def a_spec_type_takes_a_job_type(names, expected):
    same(names.get_spec_step_type_with_job_type("Package"), "Package")
    same(names.get_spec_step_type_with_job_type("Package", None), "Package")
    same(names.get_spec_step_type_with_job_type("Package", ""), "Package")
    same(names.get_spec_step_type_with_job_type("Package", "training"), "Package_Training")
    same(names.get_spec_step_type_with_job_type("Package", job_type="tEST run"), "Package_Test run")


def a_spec_type_names_its_step(names, expected):
    for name, row in expected["core"].items():
        same(names.get_step_name_from_spec_type(row["spec_type"]), name)
    same(names.get_step_name_from_spec_type("Package_Training_x"), "Package")
    same(names.get_step_name_from_spec_type("Nope"), "Nope")
    same(names.get_step_name_from_spec_type("Nope_Training"), "Nope_Training")
    same(names.get_step_name_from_spec_type(""), "")


def listings_are_in_table_order_and_are_copies(names, expected):
    core = expected["core"]
    same(names.get_all_step_names(), list(core))
    same_items(names.list_all_step_info(), core)
    same(type(names.list_all_step_info()), dict)
    names.get_all_step_names().clear()
    names.list_all_step_info().clear()
    names.get_sagemaker_step_type_mapping().clear()
    names.get_sagemaker_step_type_mapping()["Training"].clear()
    names.get_steps_by_sagemaker_type("Training").clear()
    same_items(names.STEP_NAMES, core)
    same(names.get_all_step_names(), list(core))
    same(names.list_all_step_info()["Base"] is names.list_all_step_info()["Base"], True)


def names_and_spec_types_are_validated(names, expected):
    same(names.validate_step_name("Package"), True)
    same(names.validate_step_name("package"), False)
    same(names.validate_step_name(""), False)
    same(names.validate_spec_type("Package"), True)
    same(names.validate_spec_type("Package_Foo"), True)
    same(names.validate_spec_type("Foo_Package"), False)
    same(names.validate_spec_type(""), False)


def sagemaker_types_group_steps_in_table_order(names, expected):
    mapping = {}
    for name, row in expected["core"].items():
        mapping.setdefault(row["sagemaker_step_type"], []).append(name)
    same(names.get_sagemaker_step_type_mapping(), mapping)
    same(type(names.get_sagemaker_step_type_mapping()), dict)
    same(sorted(names.get_all_sagemaker_step_types()), sorted(mapping))
    same(type(names.get_all_sagemaker_step_types()), list)
    for sagemaker_type, steps in mapping.items():
        same(names.get_steps_by_sagemaker_type(sagemaker_type), steps)
    same(names.get_steps_by_sagemaker_type("Nope"), [])


def the_sagemaker_types_that_are_valid_are_fixed(names, expected):
    valid = ["Processing", "Training", "Transform", "CreateModel", "RegisterModel", "Base", "Utility"]
    same([names.validate_sagemaker_step_type(each) for each in valid], [True] * 7)
    own = names.get_all_sagemaker_step_types()
    refused_ones = sorted(each for each in own if not names.validate_sagemaker_step_type(each))
    same(refused_ones, ["CradleDataLoading", "Lambda", "MimsModelRegistrationProcessing"])
    same(names.validate_sagemaker_step_type("training"), False)


def golden_file_names_mean_their_steps(names, expected):
    for file_name, step in GOLDEN_FILE_NAMES.items():
        same(names.get_canonical_name_from_file_name(file_name), step)
        same(names.validate_file_name(file_name), True)


def the_rules_of_the_file_name_look_up_come_in_order(names, expected):
    look_up = names.get_canonical_name_from_file_name
    same(look_up("risk_table_mapping"), "RiskTableMapping")  # 1: the whole name
    same(look_up("dummy_training"), "DummyTraining")  # 1 before 2, which would strip the suffix
    same(look_up("package_calibration"), "Package")  # 2: without the suffix
    same(look_up("pytorch_training"), "PyTorchTraining")  # 3: expanded
    same(look_up("mims_registration_testing"), "Registration")  # 3, then without the suffix
    same(look_up("eval_boost"), "XGBoostModelEval")  # 5: every part contained
    same(look_up("risk_table_map_ping_zz"), "RiskTableMapping")  # 5: four parts of five contained
    same(look_up("xgb_model_of_the_eval"), "XGBoostModelEval")  # 4: first, second, last
    same(look_up("currency"), "CurrencyConversion")  # 5: contained
    same(look_up("PackagE"), "Package")


def a_file_name_that_means_nothing_is_a_value_error(names, expected):
    rejected(lambda: names.get_canonical_name_from_file_name(""), "File name cannot be empty")
    same(names.validate_file_name(""), False)
    same(names.validate_file_name("zzz_qqq"), False)
    available = sorted(expected["core"])
    for file_name, tried in TRIED_VARIATIONS.items():
        rejected(
            lambda: names.get_canonical_name_from_file_name(file_name),  # noqa: B023 - called at once
            f"Cannot map file name '{file_name}' to canonical name. Tried variations: {tried}. "
            f"Available canonical names: {available}",
        )


def similarity_has_five_levels(names, expected):
    similarity = names._calculate_name_similarity
    same(similarity("xgboost_TRAINING", "XGBoostTraining"), 1.0)
    same(similarity("boost_train", "XGBoostTraining"), 0.9)
    same(similarity("training_xgboost", "XGBoostTraining"), 0.85)
    same(similarity("t_r_a_i_zz", "XGBoostTraining"), 0.8)
    same(similarity("training_zz", "XGBoostTraining"), 0.35)
    same(similarity("training_xg_zz", "XGBoostTraining"), 2 / 3 * 0.7)
    same(similarity("zz", "XGBoostTraining"), 0.0)


def all_holds_exactly_the_public_names(names, expected):
    wanted = TABLES + FUNCTIONS + (WORKSPACE_FUNCTIONS if "workspaces" in expected else [])
    same(sorted(names.__all__), sorted(wanted))
    starred = {}
    exec(f"from {names.__name__} import *", starred)  # noqa: S102 - what old code writes
    starred.pop("__builtins__")
    same(sorted(starred), sorted(wanted))
    public = [name for name in dir(names) if not name.startswith("_")]
    same(public, sorted(wanted))


def a_patched_table_is_what_the_functions_read(names, expected):
    core = expected["core"]
    row = {**core["Package"], "config_class": "Patched", "sagemaker_step_type": "Fail"}
    with mock.patch.dict(names.STEP_NAMES, {"Extra": row}):
        same(names.get_all_step_names(), [*core, "Extra"])
        same(names.get_config_class_name("Extra"), "Patched")
        same(names.validate_step_name("Extra"), True)
        same(names.get_steps_by_sagemaker_type("Fail"), ["Extra"])
        same(names.get_step_name_from_spec_type("Package_Training"), "Extra")  # the last step of a type
        same(names.get_canonical_name_from_file_name("extra"), "Extra")
        same(names.CONFIG_STEP_REGISTRY.get("Patched"), None)
        with mock.patch.dict(names.STEP_NAMES, {"Package": row}, clear=True):
            same(names.get_all_step_names(), ["Package"])
            same(names.get_config_class_name("Package"), "Patched")
            rejected(lambda: names.get_config_class_name("Payload"), "Unknown step name: Payload")
        same(names.get_all_step_names(), [*core, "Extra"])
    with mock.patch.dict(names.CONFIG_STEP_REGISTRY, Patched="Package"):
        same(names.CONFIG_STEP_REGISTRY["Patched"], "Package")
        same(names.get_all_step_names(), list(core))
    tables_are_plain_dicts_in_order(names, expected)
    each_getter_returns_its_field(names, expected)


def names_that_never_existed_do_not_exist(names, expected):
    for absent in ("STEP_TYPE_REGISTRY", "get_builder_step_type"):
        try:
            exec(f"from {names.__name__} import {absent}", {})  # noqa: S102
        except ImportError:
            continue
        raise AssertionError(f"{absent} can be imported")


def every_function_takes_a_workspace_last(names, expected):
    for workspace, rows in expected["workspaces"].items():
        same_items(names.list_all_step_info(workspace), rows)
        same(names.get_all_step_names(workspace_id=workspace), list(rows))
        for name, row in rows.items():
            same(names.get_config_class_name(name, workspace), row["config_class"])
            same(names.get_builder_step_name(name, workspace), row["builder_step_name"])
            same(names.get_spec_step_type(name, workspace_id=workspace), row["spec_type"])
            same(names.get_step_description(name, workspace), row["description"])
            same(names.get_sagemaker_step_type(name, workspace), row["sagemaker_step_type"])
            same(names.get_spec_step_type_with_job_type(name, "a", workspace), row["spec_type"] + "_A")
            same(names.get_step_name_from_spec_type(row["spec_type"], workspace), name)
            same(names.validate_step_name(name, workspace), True)
            same(names.validate_spec_type(row["spec_type"], workspace), True)
            for field in FIELDS:
                same(names.get_step_field(name, field, workspace), row[field])
        mapping = {}
        for name, row in rows.items():
            mapping.setdefault(row["sagemaker_step_type"], []).append(name)
        same(names.get_sagemaker_step_type_mapping(workspace), mapping)
        same(sorted(names.get_all_sagemaker_step_types(workspace)), sorted(mapping))
        same(names.get_steps_by_sagemaker_type("Processing", workspace), mapping["Processing"])
        same(names.validate_sagemaker_step_type("Training", workspace), True)
        same(names.get_workspace_step_count(workspace), len(rows))
        same_items(names.get_step_names(workspace), rows)
        same_items(
            names.get_config_step_registry(workspace),
            {row["config_class"]: name for name, row in rows.items()},
        )
        same_items(
            names.get_builder_step_names(workspace),
            {name: row["builder_step_name"] for name, row in rows.items()},
        )
        same_items(
            names.get_spec_step_types(workspace), {name: row["spec_type"] for name, row in rows.items()}
        )


def a_workspace_does_not_show_in_another_nor_in_the_core(names, expected):
    same(names.validate_step_name("FinancialDataPreprocessing", "alice"), True)
    same(names.validate_step_name("FinancialDataPreprocessing", "bob"), False)
    same(names.validate_step_name("FinancialDataPreprocessing"), False)
    same(names.get_canonical_name_from_file_name("model_evaluation", "bob"), "ModelEvaluation")
    same(names.validate_file_name("model_evaluation"), False)
    same(names.validate_file_name("financial_data_preprocessing", "alice"), True)
    same(names.get_step_description("ModelEvaluation", "bob"), "Bob's.")
    same(names.get_step_description("ModelEvaluation", "carol"), "Carol's.")
    names.get_step_names("alice").clear()
    names.get_config_step_registry("alice").clear()
    names.get_builder_step_names("alice").clear()
    names.get_spec_step_types("alice").clear()
    same_items(names.get_step_names("alice"), expected["workspaces"]["alice"])
    same_items(names.get_step_names(), expected["core"])


def the_workspaces_are_listed(names, expected):
    same(names.list_available_workspaces(), list(expected["workspaces"]))
    same(names.get_workspace_step_count(), len(expected["core"]))
    same(names.has_workspace_conflicts(), True)
    valid = ["Processing", "Training", "Transform", "CreateModel", "RegisterModel", "Base", "Utility"]
    same(names.get_valid_sagemaker_step_types(), valid)


def a_field_is_requested_by_name(names, expected):
    same(names.get_step_field("Package", "spec_type"), "Package")
    rejected(lambda: names.get_step_field("Nope", "spec_type"), "Unknown step name: Nope")
    rejected(
        lambda: names.get_step_field("Package", "nope"),
        f"Unknown field name: nope. Available: {FIELDS}",
    )


def an_unknown_workspace_is_never_the_core(names, expected):
    text = f"Unknown workspace: nobody. Available: {list(expected['workspaces'])}"
    for call in (
        lambda: names.get_config_class_name("Package", "nobody"),
        lambda: names.get_all_step_names("nobody"),
        lambda: names.validate_step_name("Package", "nobody"),
        lambda: names.validate_file_name("package", "nobody"),
        lambda: names.validate_sagemaker_step_type("Training", "nobody"),
        lambda: names.get_valid_sagemaker_step_types("nobody"),
        lambda: names.get_workspace_step_count("nobody"),
        lambda: names.set_workspace_context("nobody"),
        lambda: names.workspace_context("nobody"),
    ):
        rejected(call, text)
    same(names.get_workspace_context(), None)


def a_context_is_restored(names, expected):
    same(names.get_workspace_context(), None)
    names.set_workspace_context("alice")
    same(names.get_config_class_name("XGBoostTraining"), "EnhancedXGBoostTrainingConfig")
    same(names.get_config_class_name("XGBoostTraining", "bob"), "XGBoostTrainingConfig")
    with names.workspace_context("bob"):
        same(names.get_workspace_context(), "bob")
        try:
            with names.workspace_context("carol"):
                same(names.get_workspace_context(), "carol")
                same(names.get_all_step_names(), list(expected["workspaces"]["carol"]))
                {}["left by an exception"]
        except KeyError:
            same(names.get_workspace_context(), "bob")
    same(names.get_workspace_context(), "alice")
    names.clear_workspace_context()
    same(names.get_workspace_context(), None)
    same(names.get_config_class_name("XGBoostTraining"), "XGBoostTrainingConfig")


def the_environment_is_the_default_context(names, expected):
    try:
        os.environ["CURSUS_WORKSPACE_ID"] = "alice"
        same(names.get_workspace_context(), "alice")
        same(names.validate_step_name("FinancialDataPreprocessing"), True)
        os.environ["STEPWELL_WORKSPACE"] = "bob"
        same(names.get_workspace_context(), "bob")
        same(names.validate_step_name("ModelEvaluation"), True)
        with names.workspace_context("carol"):
            same(names.get_workspace_context(), "carol")
            same(names.get_all_step_names("alice"), list(expected["workspaces"]["alice"]))
        os.environ["STEPWELL_WORKSPACE"] = ""
        same(names.get_workspace_context(), "alice")
        os.environ["CURSUS_WORKSPACE_ID"] = ""
        same(names.get_workspace_context(), None)
    finally:
        os.environ.pop("CURSUS_WORKSPACE_ID", None)
        os.environ.pop("STEPWELL_WORKSPACE", None)


def the_tables_are_those_of_the_workspace_in_effect(names, expected):
    try:
        os.environ["CURSUS_WORKSPACE_ID"] = "alice"
        tables_are_plain_dicts_in_order(names, {"core": expected["workspaces"]["alice"]})
        with names.workspace_context("carol"):
            tables_are_plain_dicts_in_order(names, {"core": expected["workspaces"]["carol"]})
    finally:
        os.environ.pop("CURSUS_WORKSPACE_ID", None)
    tables_are_plain_dicts_in_order(names, expected)


def threads_do_not_share_a_context(names, expected):
    workspaces = list(expected["workspaces"])
    wrong, ready = [], threading.Barrier(len(workspaces))

    def serve(workspace):
        names.set_workspace_context(workspace)
        ready.wait(timeout=30)
        for _ in range(500):
            seen = names.get_all_step_names()
            if seen != list(expected["workspaces"][workspace]):
                wrong.append((workspace, seen))

    threads = [threading.Thread(target=serve, args=(workspace,)) for workspace in workspaces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same(wrong, [])
    same(names.get_workspace_context(), None)


def tasks_do_not_share_a_context(names, expected):
    workspaces = list(expected["workspaces"])

    async def serve(number):
        workspace = workspaces[number % len(workspaces)]
        with names.workspace_context(workspace):
            for _ in range(5):
                await asyncio.sleep(0)
                same(names.get_workspace_context(), workspace)
                same(names.get_all_step_names(), list(expected["workspaces"][workspace]))
        same(names.get_workspace_context(), None)

    async def serve_all():
        await asyncio.gather(*(serve(number) for number in range(100)))

    asyncio.run(serve_all())
    same(names.get_workspace_context(), None)


EVERY_FORM = [
    tables_are_plain_dicts_in_order,
    each_getter_returns_its_field,
    an_unknown_step_is_a_value_error,
    a_spec_type_takes_a_job_type,
    a_spec_type_names_its_step,
    listings_are_in_table_order_and_are_copies,
    names_and_spec_types_are_validated,
    sagemaker_types_group_steps_in_table_order,
    the_sagemaker_types_that_are_valid_are_fixed,
    golden_file_names_mean_their_steps,
    the_rules_of_the_file_name_look_up_come_in_order,
    a_file_name_that_means_nothing_is_a_value_error,
    similarity_has_five_levels,
    all_holds_exactly_the_public_names,
    a_patched_table_is_what_the_functions_read,
    names_that_never_existed_do_not_exist,
]
WITH_WORKSPACES = [
    every_function_takes_a_workspace_last,
    a_workspace_does_not_show_in_another_nor_in_the_core,
    the_workspaces_are_listed,
    a_field_is_requested_by_name,
    an_unknown_workspace_is_never_the_core,
    a_context_is_restored,
    the_environment_is_the_default_context,
    the_tables_are_those_of_the_workspace_in_effect,
    threads_do_not_share_a_context,
    tasks_do_not_share_a_context,
]


def obligations(expected):
    return EVERY_FORM + (WITH_WORKSPACES if "workspaces" in expected else [])
