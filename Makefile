# `make help` says what there is. PYTHON=python3.12 picks another interpreter, STUDY=studies/x.yaml another study.
PYTHON ?= python3
STUDY ?= params.yaml
CORES ?= all
NAME ?= noise
NAMED = studies/$(NAME)$(if $(SIZE),-$(SIZE)).yaml
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CORE := $(addprefix tests/,objectives noise samplers study test_parts.py test_streams.py)
VERSIONED := src data Snakefile workflow dvc.yaml dvc.lock plan params.yaml studies reports .dvc constraints.txt
TAKEN := PYTHON VENV STUDY CORES NAME SIZE PORT SOAK_KILLS SOAK_SEED SOAK_SECONDS
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command line,$(origin $(name))),$(name)))
ifneq ($(filter-out $(TAKEN),$(filter-out -%,$(GIVEN))),)
$(error $(filter-out $(TAKEN),$(GIVEN)): not a variable of this Makefile; it takes $(TAKEN))
endif
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/src
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install run study resume clear-away soak ui pull git-pull push test-core test test-cluster lint format docs answers check-agreement agree pictures bench judge peers clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 26

install: $(STAMP) ## .venv with everything, pinned by constraints.txt

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "scorebench needs Python 3.11 or newer")'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -c 'from scorebench.running.versioning import move_cache; move_cache()'
	touch $(STAMP)

run: install ## the whole study, its report and MLflow
	snakemake --cores $(CORES) --config 'study=$(STUDY)' --quiet host reason -- all track
	@if [ "$(STUDY)" = params.yaml ]; then scorebench agree || [ $$? = 3 ]; fi  # 3: it says why DVC can not version this folder
	@name='$(STUDY)'; name=$${name#./}; name=$${name#studies/}; name=$${name%.y*ml}; \
	  [ "$$name" != params ] && name=$${name//\//--} || name=default; \
	  echo; echo "Report:  $$PWD/reports/$$name/report.html"; echo "MLflow:  make ui   (then open the address that it prints)"

study: install ## NAME=noise, hybrid or data [SIZE=quick|full]: runs it, then writes studies/results/NAME and docs/answers.md for git
	snakemake --cores $(CORES) --config 'study=$(NAMED)' --quiet host reason -- all
	scorebench publish --study '$(NAMED)'
	python -m studies.answers

resume: clear-away run ## after a run that was stopped or killed: end the jobs it left, unlock, go on

clear-away: install
	scorebench resume --study '$(STUDY)'

ui: install ## every run in MLflow, in the browser; prints the addresses (PORT=5001 takes another port)
	scorebench ui --study '$(STUDY)' --port $${PORT:-5000}

agree: install ## after a direct snakemake run: make dvc.lock say what is on disk
	scorebench agree

check-agreement: install ## do params.yaml, plan, files and dvc.lock agree?
	scorebench agree --check

pull: git-pull install ## git and DVC together: the latest study with its results, every file checked
	dvc pull
	scorebench verify

git-pull:
	git pull --ff-only

push: install ## results and what names them: refused unless all is whole, agrees and is committed
	scorebench verify
	scorebench agree --check
	@changed=$$(git status --porcelain -- $(VERSIONED)); if [ -n "$$changed" ]; then \
	  echo "$$changed"; echo "not pushed: commit these first, for git names the results"; exit 1; fi
	dvc push
	git push

# tiers of tests: closed forms; everything that needs no other server; a real Slurm and PostgreSQL
test-core: install ## closed forms of objectives, noise and samplers, studies and their keys: a minute
	pytest -n 2 -m 'not slow' $(CORE)

test: install ## all tests but those of test-cluster: 14 minutes on 2 cores
	pytest -n 2 --dist loadgroup -m 'not cluster'

test-cluster: install ## a real Slurm and PostgreSQL, which root installs on Debian by tests/cluster/slurm_local.sh; else skipped
	pytest -n 2 --dist loadgroup -m cluster

soak: install ## kill runs at 20 random moments and see that the end is the same: minutes; SOAK_SEED=2 takes other moments
	SCOREBENCH_SOAK_KILLS=$${SOAK_KILLS:-20} SCOREBENCH_SOAK_SEED=$${SOAK_SEED:-1} SCOREBENCH_SOAK_SECONDS=$${SOAK_SECONDS:-2400} \
	  pytest -n0 -s tests/workflow/test_soak.py

lint: install ## ruff, mypy, import contracts, snakefmt, snakemake --lint, dvc.yaml, the study files
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	snakefmt --check --compact-diff Snakefile workflow
	python workflow/lint.py
	scorebench write-dvc --check
	for study in params.yaml studies/*.yaml; do scorebench validate --study $$study; done

format: install ## let the tools lay out the code
	ruff check --fix-only .
	ruff format .
	snakefmt Snakefile workflow
	scorebench write-dvc

answers: install ## docs/answers.md and its figures, from studies/results
	python -m studies.answers

docs: install ## the docs site, in site/: open site/index.html
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

pictures: install ## the README's picture of the report, from reports/default, with Chromium
	python docs/pictures/take.py

bench: install ## the figures of docs/benchmarks.md, on an idle machine; `make peers` before adds other libraries
	python benchmarks/planning.py --cells 5000
	python benchmarks/planning.py --cells 500 --finished
	python benchmarks/share.py
	OMP_NUM_THREADS=1 python benchmarks/numeric.py
	OMP_NUM_THREADS=1 python benchmarks/likelihood.py

judge: peers ## how often the judge is wrong, then docs/conformance.md: many minutes; goes on where it was stopped
	python benchmarks/judge.py --runs 200 --workers 2
	python benchmarks/judge.py --docs

peers: install ## the libraries that benchmarks and docs/conformance.md compare with
	python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[peers]'

clean: ## remove all results (not the environment)
	rm -rf results reports/*/report.html reports/*/results.parquet reports/*/times.csv data/prepared .snakemake logs .attic
