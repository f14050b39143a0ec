"""Run the contract against one module in this interpreter, and print what failed as JSON.

Arguments: the folder to import from, the module's name, the contract's module, the file of
expected values.
"""

import importlib
import json
import sys
import traceback

folder, module_name, contract_name, expected_path = sys.argv[1:]
sys.path.insert(0, folder)
sys.path.insert(1, __file__.rpartition("probe.py")[0])

with open(expected_path, encoding="utf-8") as file:
    expected = json.load(file)
names = importlib.import_module(module_name)
contract = importlib.import_module(contract_name)

outcome = {}
for obligation in contract.obligations(expected):
    try:
        obligation(names, expected)
    except Exception:  # noqa: BLE001, PERF203 - every failure is reported with its traceback
        outcome[obligation.__name__] = traceback.format_exc()
    else:
        outcome[obligation.__name__] = "held"
print(json.dumps(outcome))  # noqa: T201 - its answer
