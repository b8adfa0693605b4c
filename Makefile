# Two commands matter: `make reproduce` and `make test`.  Both first create .venv from requirements.lock.
PYTHON ?= python3
JOBS   ?= 2
ROWS   ?= 20

BIN      := .venv/bin
STAMP    := .venv/.installed
CHAPTERS := $(wildcard book/*.ipynb)
BOOK     := $(BIN)/jupyter-book build --config _config.yml --path-output . -q
# One thread per process: JOBS processes share the cores, and sums are added in one order everywhere.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# The same instructions on every x86 CPU: some runs amplify rounding, and a stored output is compared elsewhere.
# A fifth slower than what each CPU does best.
ANY_CPU := $(ONE_THREAD) MKL_CBWR=COMPATIBLE ATEN_CPU_CAPABILITY=avx2

# What uses the kernel is tested again without it.
WITHOUT_KERNEL := $(addprefix tests/,circuits/test_ansatz.py circuits/test_circuit_problems.py test_convex.py \
  test_devices.py plateaus/test_variance.py test_algorithm_1.py studies/test_variance_studies.py)

.DEFAULT_GOAL := help
.PHONY: help install reproduce test verify book trace browser pythons lint refresh results bench clean

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

install: $(STAMP)  ## create .venv and install the locked versions (done once)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "qbp needs Python 3.11 or newer, but '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -r requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	@$(BIN)/qbp info  # compiles the kernel once
	@touch $@

reproduce: $(STAMP)  ## run every chapter here (quick profile), print the claims, build the book from that
	$(ANY_CPU) $(BIN)/qbp reproduce --jobs $(JOBS)
	$(BOOK) _build/reproduced
	@echo "Read it: _build/html/index.html"

test: $(STAMP)  ## unit tests and doctests, without the kernel too; every chapter again, compared with what is stored
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS)
	QBP_KERNEL=torch $(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS) $(WITHOUT_KERNEL)
	$(ANY_CPU) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -p no:cacheprovider \
	  --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout 600 $(CHAPTERS)

verify: $(STAMP)  ## check the result tables, compute a sample of their rows again, compare printed claims
	$(ANY_CPU) $(BIN)/qbp verify --rows $(ROWS) $(VERIFY)

book: $(STAMP)  ## build the pages from the committed outputs; a warning is an error
	$(BOOK) -W -n --keep-going book
	@echo "Read it: _build/html/index.html"

trace: $(STAMP)  ## on the built pages every figure and table has its command, and no result is typed
	$(BIN)/python -m pytest -m pages tests/test_traceability.py

browser: $(STAMP)  ## open every built page in Chromium: no script error, no foreign request, sliders move
	$(BIN)/python -m pytest -m browser tests/test_browser.py

pythons: $(STAMP)  ## newer versions of Python (needs Node and npm): the digests of the code are the same in each
	$(BIN)/python -m pytest -m pythons tests/results/test_other_pythons.py

lint: $(STAMP)  ## ruff on modules, tests and notebooks; the rules between the folders of qbp
	$(BIN)/ruff check .
	$(BIN)/lint-imports

refresh: $(STAMP)  ## re-execute the chapters in place, when an output is meant to change
	$(ANY_CPU) $(BIN)/qbp refresh $(REFRESH)

results: $(STAMP)  ## compute the committed result tables (paper profile; about two hours on two cores); goes on where it stopped
	$(BIN)/qbp grid --jobs $(JOBS)
	for task in curve telecom mnist; do $(BIN)/qbp terrain $$task --save results || exit 1; done
	$(BIN)/qbp readme

bench: $(STAMP)  ## measure qbp beside its peers on a quiet machine (installs them into benchmarks/.env; over an hour)
	$(BIN)/python -m benchmarks

clean:  ## remove what was built; .venv stays
	rm -rf _build build *.egg-info benchmarks/.env .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find qbp tests book labs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
