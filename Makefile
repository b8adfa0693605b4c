# Two commands matter: `make reproduce` and `make test`.  Both first create .venv from the two locks.
PYTHON ?= python3
JOBS   ?= 2
ROWS   ?= 20

VENV     := .venv
BIN      := $(VENV)/bin
STAMP    := $(VENV)/.installed
CHAPTERS := $(wildcard book/*.ipynb)
BOOK     := $(BIN)/jupyter-book build --config _config.yml --path-output . -q
EPUBCHECK := java -jar /usr/bin/epubcheck
# One thread per process: JOBS processes share the cores, and sums are added in one order everywhere.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# The same instructions on every x86 CPU: some runs amplify rounding, and a stored output is compared elsewhere.
# A fifth slower than what each CPU does best.
ANY_CPU := $(ONE_THREAD) MKL_CBWR=COMPATIBLE ATEN_CPU_CAPABILITY=avx2

# The tests of `make check`: the method and what a result rests on, in files of a few seconds; about a minute on one core.
FAST := $(addprefix tests/,test_algorithm_1.py test_architecture.py test_checks.py test_convex.py test_draws.py \
  test_environment.py test_optimizers.py test_problem.py test_references.py test_refinement.py circuits/test_layers.py \
  circuits/test_observables.py circuits/test_statevector.py circuits/test_targets.py circuits/kernel perceptrons \
  plateaus/pauli statistics)

# What uses the kernel is tested again without it.
WITHOUT_KERNEL := $(addprefix tests/,circuits/test_ansatz.py circuits/test_circuit_problems.py test_convex.py \
  test_devices.py plateaus/test_variance.py test_algorithm_1.py studies/test_variance_studies.py)

.DEFAULT_GOAL := help
.PHONY: help install reproduce test unit check lint types coverage verify book pdf epub article codecheck jupyter trace browser pythons interchange labs grade labtest faults soak audit refresh results bench clean

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

install: $(STAMP)  ## create .venv and install the locked versions (done once)

$(STAMP): requirements.lock requirements-torch.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "qbp needs Python 3.11 or newer, but '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -r requirements-torch.lock  # last: what it needs is there by then, hashes checked
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	@$(BIN)/qbp info  # compiles the kernel once
	@touch $@

reproduce: $(STAMP)  ## run every chapter here (quick profile), print the claims, build the book from that
	$(ANY_CPU) $(BIN)/qbp reproduce --jobs $(JOBS)
	$(BOOK) _build/reproduced
	@echo "Read it: _build/html/index.html"

unit: $(STAMP)  ## unit tests and doctests; on another Python: make unit PYTHON=python3.13 VENV=_build/python3.13
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test: unit  ## unit tests and doctests, without the kernel too; every chapter again, compared with what is stored
	QBP_KERNEL=torch $(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS) $(WITHOUT_KERNEL)
	$(ANY_CPU) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -p no:cacheprovider -p tests.stored_outputs \
	  --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout 600 $(CHAPTERS)

check: lint types  ## after each small change: lint, types and the fast tests, in two minutes or less
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(JOBS) $(FAST)

coverage: $(STAMP)  ## unit tests once, with the share of lines that they run; files below 90 %
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(JOBS) --cov --cov-report= $(COVERAGE)
	@$(BIN)/coverage report --format=total | sed 's/^/total: /; s/$$/ %/'
	@$(BIN)/coverage report | awk '$$4 ~ /%$$/ && $$4 + 0 < 90 && $$1 != "TOTAL"'

verify: $(STAMP)  ## check the result tables, compute a sample of their rows again, compare printed claims
	$(ANY_CPU) $(BIN)/qbp verify --rows $(ROWS) $(VERIFY)

book: $(STAMP)  ## build the pages from the committed outputs; a warning is an error
	$(BOOK) -W -n --keep-going book
	@echo "Read it: _build/html/index.html"

pdf: $(STAMP)  ## the book on paper, from the committed outputs: _build/latex/qbp.pdf (LaTeX; README names the packages)
	$(BOOK) --builder latex -W -n --keep-going book
	cd _build/latex && latexmk -xelatex -interaction=nonstopmode -halt-on-error -silent qbp.tex
	@! grep -n "Missing character" _build/latex/qbp.log
	@awk '/^Overfull .hbox/ {gsub(/[(pt]/, "", $$3); if ($$3 + 0 > 20) {print; bad = 1}} END {exit bad}' _build/latex/qbp.log

epub: $(STAMP)  ## the book on an e-reader, from the committed outputs: _build/epub/qbp.epub, checked by epubcheck
	$(BOOK) --builder custom --custom-builder epub -W -n --keep-going book
	$(EPUBCHECK) --failonwarnings _build/epub/qbp.epub

article: $(STAMP)  ## the article of the replication, its numbers from results/: _build/article/article.pdf (LaTeX)
	$(ONE_THREAD) $(BIN)/python -m qbp.book.article _build/article
	cd _build/article && latexmk -xelatex -interaction=nonstopmode -halt-on-error -silent article.tex
	@! grep -n "Missing character" _build/article/article.log
	@awk '/^Output written/ {gsub(/[(]/, ""); for (i = 1; i < NF; i++) if ($$(i + 1) ~ /^page/) n = $$i} END {exit !(n && n <= 12)}' _build/article/article.log

codecheck: $(STAMP)  ## write codecheck.yml: every committed output with its command
	$(BIN)/python -m qbp.book.article codecheck

trace: $(STAMP)  ## on the built pages every figure and table has its command, and no result is typed
	$(BIN)/python -m pytest -m pages tests/test_traceability.py

browser: $(STAMP)  ## open every built page in Chromium: no script error, no foreign request, sliders move
	$(BIN)/python -m pytest -m browser tests/test_browser.py tests/book/test_live.py tests/book/test_jupyter.py

pythons: $(STAMP)  ## newer versions of Python (needs Node and npm): the digests of the code are the same in each
	$(BIN)/python -m pytest -m pythons tests/results/test_other_pythons.py

interchange:  ## exchange circuits with Qiskit, PennyLane and others, each fact on the page of conventions, in an environment of their own
	test -x _build/interchange/bin/python || $(PYTHON) -m venv _build/interchange
	_build/interchange/bin/python -m pip install -q -r requirements-torch.lock
	_build/interchange/bin/python -m pip install -q -r tests/interchange/requirements.txt
	$(ONE_THREAD) PYTHONPATH=. _build/interchange/bin/python -m pytest -m interchange tests/interchange/peers

jupyter: $(STAMP)  ## open the book in JupyterLab, where sliders compute; LAB="..." are more options for it
	$(BIN)/jupyter lab --ServerApp.contents_manager_class=qbp.book.jupyter.Chapters \
	  --LabApp.default_url=/lab/tree/book/index.ipynb --LabApp.news_url= $(LAB)

labs: $(STAMP)  ## student versions of the labs, and a zip of each, into _build/labs; LABS="..." are more options
	$(BIN)/qbp labs $(LABS)

grade: $(STAMP)  ## grade a folder of submissions into _build/grades: make grade DIR=submissions; GRADE="..." are more options
	@test -n "$(DIR)" || { echo "name the folder of the submissions: make grade DIR=submissions" >&2; exit 2; }
	$(BIN)/qbp grade "$(DIR)" --jobs $(JOBS) $(GRADE)

labtest: $(STAMP)  ## every lab, solved, untouched and with each wrong answer; the points go to _build/labs-points
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS) -m labs tests/teaching

faults: $(STAMP)  ## plant the faults of tests/faults.toml, one at a time, in a copy: each must make its test fail
	$(BIN)/python tests/faults.py --jobs $(JOBS)

soak: $(STAMP)  ## kill sweeps at twenty random moments: each goes on and ends with the table of an undisturbed one (half an hour)
	$(ONE_THREAD) $(BIN)/python -m pytest -m soak tests/sweeps/test_kills.py

audit:  ## ask whether a locked package has a known vulnerability (pip-audit, in an environment of its own; needs a network)
	@test -x _build/audit/bin/python || $(PYTHON) -m venv _build/audit
	@$(PYTHON) tests/vulnerabilities.py _build/audit/bin/python

lint: $(STAMP)  ## ruff on modules, tests and notebooks, their layout too; the rules between the folders of qbp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP)  ## mypy on the method and the folders of qbp up to the audit
	$(BIN)/mypy

refresh: $(STAMP)  ## re-execute the chapters in place, when an output is meant to change
	$(ANY_CPU) $(BIN)/qbp refresh $(REFRESH)

results: $(STAMP)  ## compute the committed result tables (paper profile; about two hours on two cores); goes on where it stopped
	$(BIN)/qbp grid --jobs $(JOBS)
	for task in curve telecom mnist "vqe --frame clifford" "vqe --hamiltonian circuit"; do \
	  $(BIN)/qbp terrain $$task --save results || exit 1; done
	$(BIN)/qbp readme

bench: $(STAMP)  ## measure qbp beside its peers on a quiet machine (installs them into benchmarks/.env; an hour); BENCH="..." are more options
	$(BIN)/python -m benchmarks --threads 1 --rounds 3 --run-cap 8 --compile-cap 40 $(BENCH)

clean:  ## remove what was built; .venv stays
	rm -rf _build build *.egg-info benchmarks/.env .pytest_cache .ruff_cache .mypy_cache .coverage .import_linter_cache .hypothesis
	find qbp tests book benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
