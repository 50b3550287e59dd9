# `make` alone prints what there is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
UV := $(BIN)/uv
PYTEST_WORKERS ?= 2

export UV_PYTHON_DOWNLOADS := never
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## print this
	@awk 'BEGIN {FS = ":.*## "; print "The shop. Targets:\n"} \
		/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2} \
		END {print "\nNothing but Python 3.11, git and make is needed; .env.example explains every setting."}' \
		$(firstword $(MAKEFILE_LIST))

run: setup ## start everything on this machine and play one order (PORT=8000 DEMO=0)
	@exec $(BIN)/python -m dev.run

demo: setup ## play one order: ENDING=fulfilled, short or declined
	@exec $(BIN)/python -m dev.demo

test: setup ## run all tests (ARGS="tests/orders -k cancel" for some of them)
	@$(BIN)/pytest -n $(PYTEST_WORKERS) $(ARGS)

check: setup ## format, lint, types, contracts, generated files
	@exec $(BIN)/python -m dev.check

bench: setup ## measure speed and size against their targets (ARGS="--quick", "--only place flow", "--full")
	@exec $(BIN)/python -m bench $(ARGS)

crash: setup ## simulate crashes from one seed (N=200; SEED=… alone replays one schedule; ARGS="--seconds 90")
	@exec $(BIN)/python -m simulation $(if $(N),--n $(N)) $(if $(SEED),--seed '$(SEED)') $(ARGS)

chaos: setup ## kill and restart everything under load (ARGS="--minutes 60 --rate 5 --seed 7 --only worker,relay")
	@exec $(BIN)/python -m chaos $(ARGS)

reset: setup ## forget the database, queues and files of `make run`
	@exec $(BIN)/python -m dev.reset

shell: setup ## open a Django shell beside the running shop
	@exec $(BIN)/python -m dev.manage shell

docs: setup ## generate docs/ and .env.example from the code
	@$(BIN)/python -m dev.env_example
	@exec $(BIN)/python -m dev.check docs

format: setup ## format the code, mend what can be mended by machine
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

requirements: setup ## resolve the requirements anew, with hashes
	@compile="$(UV) pip compile -q --universal --generate-hashes -p 3.11 pyproject.toml"; \
		$$compile --extra dev -o requirements-dev.txt $(ARGS); \
		$$compile -c requirements-dev.txt -o requirements.txt $(ARGS)

setup: $(STAMP) ## install what requirements-dev.txt names, if it has changed

$(STAMP): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	@echo "Installing into $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if awk '/^uv==/ {ours = 1; print; next} /^ / && ours {print; next} {ours = 0}' $< \
		| $(BIN)/pip install -q --require-hashes -r /dev/stdin; \
		then $(UV) pip install -q --require-hashes -r requirements-dev.txt; \
		else $(BIN)/pip install -q --require-hashes -r requirements-dev.txt; fi
	@touch $@

.PHONY: help run demo test check bench crash chaos reset shell docs format requirements setup
