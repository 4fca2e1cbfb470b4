# Everything that a newcomer or a machine does with a clone of Handrail. Needs Python 3.11 or later, nothing else.

PYTHON ?= python3
# One more than there are cores: many tests wait for a process, a page or a lost answer.
JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
PRODUCTION := env -u DATABASE_URL HANDRAIL_CONFIG=docs/examples/production.toml HANDRAIL_STATE_DIR=var/check \
	DJANGO_SETTINGS_MODULE=handrail.conf.settings \
	HANDRAIL_WEB_KEY=unused-$(shell seq -s - 1 40) TASKS_TOKEN=unused REGISTRY_TOKEN=unused \
	ROLES_TOKEN=unused JOBS_TOKEN=unused TASKS_WEBHOOK_SECRET=unused MAIL_PASSWORD=unused PAGERDUTY_KEY=unused HANDRAIL_METRICS_TOKEN=unused \
	DESK_TOKEN=unused VENDOR_LANE_TOKEN=unused SSO_CLIENT_SECRET=unused

.DEFAULT_GOAL := help
.PHONY: help demo up test test-fast test-peers nightly chaos check intake bench corpus docs guards screenshots clean

help: ## List what you can make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Watch delegated tasks being processed on a practice estate; ONCE=1 ends with a report
	@$(BIN)/handrail demo $(if $(ONCE),--once)

up: $(RUNTIME) ## Serve this directory's installation (handrail.toml): pages, API, two workers
	@$(BIN)/handrail up

test: $(DEV) ## Run the tests; browser tests are skipped with the reason without Chromium. COVER=1 measures branches
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not peer" $(if $(COVER),--cov --cov-report=term:skip-covered)

test-peers: $(DEV) ## Run the tests against real outside servers; what is not installed is skipped with the command that installs it
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -m peer

test-fast: $(DEV) ## Run the tests of one slice (SLICE=packets), or of what has changed, without browsers and processes
	@$(BIN)/pytest -q -n $(JOBS) --dist worksteal -m "not browser and not committed and not slow and not peer" \
		$$($(BIN)/python tests/fast.py $(SLICE))

nightly: $(DEV) ## Run every sweep, race, fuzz and real outside server at full size, make corpus and chaos, then browser and process tests for an hour (SECONDS=3600)
	@HANDRAIL_TESTS=nightly $(BIN)/pytest -n $(JOBS) --dist worksteal
	@$(MAKE) --no-print-directory corpus
	@$(BIN)/python -m tests.chaos
	@$(BIN)/python tests/nightly.py $(or $(SECONDS),3600)

chaos: $(DEV) ## Kill workers and database servers under 300 runs, one fault at a time (ONLY="NAME …"); fails on a broken promise
	@$(BIN)/python -m tests.chaos $(if $(ONLY),--only $(ONLY))

check: $(DEV) ## Format, lint, types, directions between packages, dependencies, migrations, deployment settings, generated docs
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/python docs/laws.py
	$(BIN)/python docs/prose.py
	find src/handrail/web/templates -name '*.html' -print0 | xargs -0 $(BIN)/djade --target-version 5.2 --check
	$(PRODUCTION) $(BIN)/python -W ignore::RuntimeWarning -m django makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python -m django check --deploy --fail-level WARNING
	$(PRODUCTION) $(BIN)/python docs/generate.py --check

bench: $(DEV) ## Print figures and ratios; they never pass or fail on a time. ONLY=runs measures one thing, BASE=COMMIT an earlier commit by turns
	@export BASE=$(BASE); for program in bench/bench_$(or $(ONLY),*).py; do echo "== $$program"; $(BIN)/python -m bench.$$(basename $$program .py) || exit 1; done

corpus: $(DEV) var/corpus/.tools ## Record captures and traces with real tools on a local site, and print how many leave without a person
	@$(BIN)/python -m tests.corpus.build

# What records the corpus has an environment of its own, locked by hashes.
var/corpus/.tools: tests/corpus/requirements.lock tests/corpus/node/package-lock.json tests/corpus/node/events_to_har.js
	@mkdir -p var/corpus/node
	@test -x var/corpus/env/bin/python || $(PYTHON) -m venv var/corpus/env
	@$(BIN)/uv pip install --quiet --python var/corpus/env/bin/python --require-hashes -r tests/corpus/requirements.lock || \
		var/corpus/env/bin/python -m pip install --quiet --require-hashes --no-deps -r tests/corpus/requirements.lock
	@cp tests/corpus/node/* var/corpus/node/
	@cd var/corpus/node && npm ci --silent --ignore-scripts
	@touch $@

intake: $(RUNTIME) ## Write handrail-intake, the receivers' verifier of one file, to var/handrail-intake
	@mkdir -p var
	@$(BIN)/handrail intake app var/handrail-intake

docs: $(DEV) ## Regenerate the reference pages of docs/
	$(PRODUCTION) $(BIN)/python docs/generate.py

guards: $(DEV) ## Write down the triggers and row policies of a migrated database, which `handrail audit verify` compares
	@WRITE_GUARDS=1 $(BIN)/pytest -q -n 0 tests/unit/access/test_strays.py -k "file_of"
	@WRITE_GUARDS=1 $(BIN)/pytest -q -n 0 tests/unit/audit/test_guards.py

screenshots: $(DEV) ## Regenerate the images of docs/screenshots from a separate demo; needs Chromium
	@$(BIN)/python docs/screenshots.py

clean: ## Remove what was made: the environment, caches and all state under var/
	rm -rf $(VENV) var dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf "/dev/shm/handrail-tests-$$(id -u)-$$(printf %s "$(realpath .)/var/test" | sha256sum | cut -c1-12)"

# uv installs the locked packages in seconds; where it can't reach the index that pip is configured for, pip does it.
$(RUNTIME): requirements-install.lock requirements.lock pyproject.toml
	@echo "Installing into $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-install.lock
	@$(UV) --compile-bytecode --require-hashes -r requirements.lock || \
		$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.lock
	@$(UV) --require-hashes -r requirements-dev.lock || \
		$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-dev.lock
	@touch $@
