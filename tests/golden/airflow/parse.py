"""Have a real Airflow parse the DAG files beside this one, and write down what it saw in each.

Run by `make airflow`, in a separate environment: Airflow is large and pins what it needs. The suite compares
exports with the same files, byte for byte. With an argument, the files of that folder are read instead.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent

with tempfile.TemporaryDirectory() as home:
    os.environ.update(AIRFLOW_HOME=home, AIRFLOW__CORE__LOAD_EXAMPLES="False")
    from airflow.dag_processing.dagbag import DagBag

    folder = Path(home, "dags")
    folder.mkdir()
    for file in HERE.glob("*.dag"):  # under another name here, so that nothing formats them
        shutil.copyfile(file, folder / f"{file.stem}.py")
    bag = DagBag(dag_folder=str(folder))
    if bag.import_errors:
        sys.exit(f"Airflow cannot parse them: {bag.import_errors}")
    for dag in bag.dags.values():
        seen = {
            "parsed_by": f"apache-airflow {version('apache-airflow')}",
            "dag_id": dag.dag_id,
            "description": dag.description,
            "params": {
                key: {"value": param.value if param.has_value else None, **param.schema}
                for key in dag.params
                for param in [dag.params.get_param(key)]
            },
            "tasks": {
                task.task_id: {
                    "bash_command": task.bash_command,
                    "env": dict(task.env),
                    "doc": task.doc,
                    "downstream": sorted(task.downstream_task_ids),
                }
                for task in dag.tasks
            },
        }
        golden = HERE / f"{Path(dag.fileloc).stem}.json"
        golden.write_text(json.dumps(seen, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        print(f"wrote {golden.name}")  # noqa: T201
