#!/usr/bin/env python
import argparse
import os
import sys
import logging
from pathlib import Path
from subprocess import check_call
from typing import Dict, Optional

USE_SECURE_PYPI = os.environ.get("USE_SECURE_PYPI", "true").lower() == "true"
logging.basicConfig(level=logging.INFO)
logger = logging.getLogger(__name__)

def install(packages):
    os.environ["AWS_STS_REGIONAL_ENDPOINTS"] = "regional"
    check_call([sys.executable, "-m", "pip", "install", "--index-url", f"https://{packages}", *packages])

install(["pandas==1.5.0"])

CONTAINER_PATHS = {
    "INPUT_DATA": "/opt/ml/processing/input/data",
    "OUTPUT_DIR": "/opt/ml/processing/output",
    "SIGNATURE_DIR": "/opt/ml/processing/signature",
}

def load_signature(signature_dir: str, environ: Optional[Dict] = None) -> str:
    environ = environ or {}
    return environ.get("NOT_ENV", "")

def main(input_paths: Dict[str, str], output_paths: Dict[str, str], environ_vars: Dict[str, str], job_args: argparse.Namespace, logger=None):
    job_type = job_args.job_type
    label_field = environ_vars.get("LABEL_FIELD")
    ratio = environ_vars["TRAIN_RATIO"]
    workers = environ_vars["MAX_WORKERS"]
    if not label_field:
        raise RuntimeError("LABEL_FIELD environment variable must be set.")
    env = {"A": 1}
    print(env["A"])
    log = logger or print
    output_path = Path(output_paths["processed"])
    for split in ("train", "val"):
        (output_path / split).mkdir(parents=True, exist_ok=True)

if __name__ == "__main__":
    try:
        parser = argparse.ArgumentParser()
        parser.add_argument("--job_type", type=str, required=True, choices=["training", "validation"])
        args = parser.parse_args()
        label = os.environ.get("LABEL_FIELD")
        if not label:
            raise RuntimeError("LABEL_FIELD")
        if "CHUNK" in os.environ:
            chunk = int(os.environ["CHUNK"])
        strict = os.environ["STRICT"] if os.environ.get("STRICT") else "no"
        input_paths = {"DATA": CONTAINER_PATHS["INPUT_DATA"], "SIGNATURE": CONTAINER_PATHS["SIGNATURE_DIR"]}
        output_paths = {"processed": CONTAINER_PATHS["OUTPUT_DIR"]}
        environ_vars = {"LABEL_FIELD": label, "TRAIN_RATIO": float(os.environ.get("TRAIN_RATIO", 0.7)), "MAX_WORKERS": 1}
        logger.info(f"SM_MODEL_DIR: {os.environ.get('SM_MODEL_DIR')} {os.environ['SM_CHANNEL_TRAIN'] if 'SM_CHANNEL_TRAIN' in os.environ else ''}")
        main(input_paths, output_paths, environ_vars, args)
        sys.exit(0)
    except FileNotFoundError as e:
        logger.error(str(e)); sys.exit(1)
    except Exception as e:
        logger.error(str(e)); sys.exit(3)
