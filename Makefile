# `make demo` and `make test` need only Python 3.10+ and make; everything else goes into .venv.
# All paths are relative, so a clone may live anywhere, spaces included.

PYTHON ?= python3
ARGS ?=
CONSTRAINTS ?= tools/constraints.txt
STEPWELL ?= $(CURDIR)/.venv/bin/stepwell

# What depends on dependencies: readers, schemas, findings, execution.
EXTRAS := ai dask data lsp otel remote signature testing
DEPENDENT ?= tests/cases tests/cases_of_alignment tests/contracts/test_schemas.py tests/contracts/test_validators_agree.py \
  $(addprefix tests/unit/test_,executor.py layout.py providers.py scalars.py toml.py values.py yaml_flat.py) \
  $(addprefix tests/properties/test_,toml.py user_schemas.py yaml.py)

# Named after the clone's place and the interpreter: a copied clone would otherwise run the code of
# the one it was copied from, and another PYTHON would be ignored.
PLACE := $(shell printf '%s %s' "$(PYTHON)" "$$(pwd -P)" | cksum | cut -d ' ' -f 1)
LOCKED := $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
VERSION := $(shell sed -n 's/^__version__.*"\(.*\)"$$/\1/p' src/stepwell/version.py)
INSTALLED := .venv/installed-$(PLACE)
STAMP := .venv/equipped-$(PLACE)

define ASK
python -I -S -c '
import sys; sys.path.append("generated")
from step_names import *
print(get_config_class_name("XGBoostTraining"))
print(get_canonical_name_from_file_name("model_evaluation_xgb"))
print(len(get_all_step_names()), "steps")'
endef
export ASK

# Kept bytecode spares each later run the rewriting of every assertion.
unexport PYTHONDONTWRITEBYTECODE

# Shows a command as it would be typed, then runs it.
run = @printf '\n$$ %s\n' '$(1)' && $(1)

.DEFAULT_GOAL := help
.PHONY: help extension demo test test-fast test-lowest check lint types layers figures language registry frozen schemas-check pages site links workflows bench bench-check fuzz mutants release-check constraints docs schemas format sagemaker airflow clean

help: ## List what make can do here.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: export PATH := .venv/bin:$(PATH)
demo: $(INSTALLED) ## Check, explain and freeze this repository's registry, then import the result without Stepwell.
	$(call run,stepwell check)
	$(call run,stepwell explain XGBoostTraining.config_class --workspace alice)
	$(call run,stepwell freeze)
	@printf '\n$$ %s\n' "$$ASK" && eval "$$ASK"

test: $(STAMP) ## Run the whole suite; ARGS='-k yaml' passes arguments to pytest.
	@.venv/bin/python -m pytest --numprocesses=auto --maxprocesses=4 $(ARGS)

test-fast: $(STAMP) ## Run the tests that are not marked slow: a minute, and every package.
	@.venv/bin/python -m pytest --numprocesses=auto --maxprocesses=2 -m 'not slow' $(ARGS)

test-lowest: build/lowest/installed-$(PLACE) ## Run the tests that depend on dependencies, with the lowest versions that pyproject.toml allows.
	@build/lowest/bin/python -m pytest --numprocesses=auto --maxprocesses=2 -p no:cacheprovider $(DEPENDENT) $(ARGS)

build/lowest/installed-$(PLACE): pyproject.toml tools/constraints.txt
	@echo 'Installing the lowest versions into build/lowest'
	@"$(PYTHON)" -m venv --clear build/lowest
	@build/lowest/bin/python -m pip install --quiet --disable-pip-version-check --constraint tools/constraints.txt uv
	@build/lowest/bin/uv pip compile --quiet --python build/lowest/bin/python --resolution lowest-direct --no-header \
	  --no-annotate $(EXTRAS:%=--extra %) pyproject.toml -o build/lowest/requirements.txt
	@build/lowest/bin/uv pip install --quiet --python build/lowest/bin/python --requirement build/lowest/requirements.txt \
	  --editable . hypothesis pytest-xdist
	@touch $@

check: lint types layers figures language registry frozen schemas-check pages site ## Run every check that is not a test.

lint: $(STAMP) ## Ruff: rules and format.
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .

types: $(STAMP) ## Mypy, strict.
	.venv/bin/python -m mypy
	.venv/bin/python -m mypy --platform win32 --cache-dir .mypy_cache/win32
	.venv/bin/python -m mypy --platform darwin --cache-dir .mypy_cache/darwin

layers: $(STAMP) ## Imports only go down (.importlinter).
	.venv/bin/lint-imports

figures: $(STAMP) ## Figures of the structure: loose modules, fragments, names.
	.venv/bin/python tests/architecture/figures.py --check

language: $(STAMP) ## Words that the glossary replaces (tools/glossary.toml).
	.venv/bin/python tools/glossary.py --check

registry: $(STAMP) ## This repository's own definitions, and their layout.
	.venv/bin/python -m stepwell check
	.venv/bin/python -m stepwell fmt --check

frozen: $(STAMP) ## Generated modules are what their sources give.
	.venv/bin/python -m stepwell freeze --check

schemas-check: $(STAMP) ## Generated schemas match what they are generated from.
	.venv/bin/python tools/schemas.py --check

pages: $(STAMP) ## Generated pages of docs/reference are what the source gives.
	.venv/bin/python docs/generate.py --check

site: .venv/site/installed ## Build the documentation as a site in build/site; a broken link fails.
	.venv/site/bin/sphinx-build --quiet --fail-on-warning --keep-going docs build/site/$(VERSION)
	@printf '<meta http-equiv="refresh" content="0; url=%s/index.html">\n' '$(VERSION)' > build/site/index.html
	@echo 'open build/site/index.html'

links: .venv/site/installed ## Request every external link of the pages; needs the internet and runs every night.
	.venv/site/bin/sphinx-build --quiet -b linkcheck docs build/links

workflows: .venv/workflows/installed ## Security of the workflows and of the CI templates (zizmor).
	.venv/workflows/bin/zizmor --quiet --offline --persona=auditor .github docs/ci/github docs/ci/github/workflow.yaml

.venv/workflows/installed: .github/requirements.txt
	"$(PYTHON)" -m venv .venv/workflows
	@.venv/workflows/bin/python -m pip install --quiet --disable-pip-version-check --requirement .github/requirements.txt
	@touch $@

.venv/site/installed: docs/site/requirements.txt
	"$(PYTHON)" -m venv .venv/site
	@.venv/site/bin/python -m pip install --quiet --disable-pip-version-check --requirement docs/site/requirements.txt
	@touch $@

bench: $(STAMP) ## Measure, and write docs/benchmarks.md.
	@.venv/bin/python tests/benchmarks/run.py

extension: ## Test and package the extension for Visual Studio Code (needs Node 20 and npm).
	cd editors/vscode && npm ci --no-audit --no-fund && STEPWELL="$(STEPWELL)" npm test && npm run package

bench-check: $(STAMP) ## Measure, and fail if a ratio of docs/benchmarks.md lost more than 25 %; ARGS='--only starting'.
	@.venv/bin/python tests/benchmarks/run.py --check $(ARGS)

fuzz: $(STAMP) ## Try random edits and tampered bundles, with another seed each day; STEPWELL_SEED=1 repeats.
	@STEPWELL_EDITS=$${STEPWELL_EDITS:-100000} STEPWELL_TAMPERED=$${STEPWELL_TAMPERED:-10000} STEPWELL_SEED=$${STEPWELL_SEED:-$$(date +%j)} \
	.venv/bin/python -m pytest -n 2 tests/properties/test_edits.py tests/properties/test_bundles.py $(ARGS)

constraints: $(STAMP) ## Update the versions for development and CI to the newest ones.
	@mkdir -p build
	@.venv/bin/uv pip compile --quiet --universal --upgrade --extra dev --python-version 3.10 --no-header --no-annotate \
	  pyproject.toml -o build/constraints.txt
	@{ head -n 1 tools/constraints.txt; cat build/constraints.txt; } > build/new.txt && mv build/new.txt tools/constraints.txt

release-check: $(STAMP) ## Build the release twice, and check version, changelog, tag, metadata and equal bytes.
	@.venv/bin/python tools/release_check.py

mutants: $(STAMP) ## Change the source in small ways, and report the changes that no test notices.
	@.venv/bin/python tools/mutants.py $(ARGS)

schemas: $(STAMP) ## Write the generated schemas.
	@.venv/bin/python tools/schemas.py

docs: $(STAMP) ## Write the generated pages of docs/reference.
	@.venv/bin/python docs/generate.py

format: $(STAMP) ## Rewrite the sources as `make lint` wants them.
	.venv/bin/python -m ruff check --fix .
	.venv/bin/python -m ruff format .

# Too large for .venv: each is installed beside it, and what it says is kept in tests/golden.
sagemaker: ## Have the SageMaker SDK render tests/golden/sagemaker anew.
	"$(PYTHON)" -m venv .venv/sagemaker && .venv/sagemaker/bin/python -m pip install --quiet 'sagemaker<3'
	.venv/sagemaker/bin/python tests/golden/sagemaker/render.py

airflow: ## Have Airflow parse the DAG files of tests/golden/airflow.
	"$(PYTHON)" -m venv .venv/airflow && .venv/airflow/bin/python -m pip install --quiet 'apache-airflow>=3'
	.venv/airflow/bin/python tests/golden/airflow/parse.py

clean: ## Remove .venv and every cache.
	rm -rf .venv build dist .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp goes before its installation starts, so an interrupted one begins anew, from an empty .venv where it was the
# first. What tests and checks need besides is many times what Stepwell needs, so a demonstration does without.
$(INSTALLED): pyproject.toml tools/constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Stepwell needs Python 3.10 or later; name one: make PYTHON=python3.11 ...")'
	@if [ -e $@ ]; then rm $@; else echo 'Making .venv, once' && "$(PYTHON)" -m venv --clear .venv; fi
	@echo 'Installing into .venv'
	@.venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check $(LOCKED) --editable .
	@touch $@

$(STAMP): $(INSTALLED) tools/constraints.txt
	@rm -f $@
	@echo 'Installing what tests and checks need'
	@.venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check $(LOCKED) --editable '.[dev]'
	@touch $@
