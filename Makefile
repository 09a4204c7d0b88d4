# setup, run, test, test-http, check, faults, bench: what a person types. Only Python 3.11 or newer is needed beforehand.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
# Each worker opens an engine of its own. Tests of one file stay together, as they share servers and browsers; which files
# come first is said in tests/conftest.py.
SIDE_BY_SIDE := -n 5 --dist loadfile --no-loadscope-reorder
# The engine flushes every write to disk. Tests end processes, never the power, so where there is room they write to memory.
ROOM_KB := $(shell df --output=avail -k /dev/shm 2>/dev/null | tail -1)
IN_MEMORY := $(if $(shell test "$(ROOM_KB)" -gt 2000000 2>/dev/null && echo room),TMPDIR=/dev/shm)
# Tests start hundreds of processes: each would compile the project again where Python may not keep what it compiles.
FOR_TESTS := PYTHONDONTWRITEBYTECODE= $(IN_MEMORY)

# Compiled at installation: some environments forbid Python to keep what it compiles, and then every command would spend a
# second and a half on it.
INSTALLED := --quiet --compile-bytecode

.PHONY: setup run test test-http check faults format bench lock clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock)"
	$(BIN)/uv pip sync $(INSTALLED) --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --editable .
	@touch $(READY)

run: setup
	$(BIN)/gembascope demo

test: setup
	$(FOR_TESTS) $(BIN)/python -m pytest $(SIDE_BY_SIDE)

# The tests of the warehouse, and of what is asked of it, once more over ClickHouse's HTTP protocol.
OVER_HTTP := tests/kernel/test_warehouse.py tests/ingest/test_store.py tests/ingest/test_two_loaders.py tests/ingest/test_bad_input.py \
	tests/ingest/test_overlapping_exports.py tests/mining/test_projection.py tests/mining/test_projection_law.py \
	tests/mining/test_filters.py tests/mining/test_answers_against_reference.py

HTTP_DEPTH ?= 0.4

test-http: setup
	$(FOR_TESTS) GEMBASCOPE_TEST_CLICKHOUSE=http GEMBASCOPE_TEST_DEPTH=$(HTTP_DEPTH) \
		$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) $(OVER_HTTP)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(FOR_TESTS) $(BIN)/python -m pytest $(SIDE_BY_SIDE)

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Half an hour and more: a million events under two hundred faults, two thousand power cuts, and every planted defect.
# Needs strace, and root for small disks. FAULTS adds options, such as FAULTS="--only sabotages".
faults: setup
	$(FOR_TESTS) PYTHONPATH=tests:. $(BIN)/python -m faults $(FAULTS)

bench: setup
	$(BIN)/uv pip install $(INSTALLED) --python $(BIN)/python --require-hashes --requirements benchmarks/requirements.lock
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m benchmarks

lock:
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --quiet --custom-compile-command "make lock" \
		--output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group bench --universal --python-version 3.11 --generate-hashes \
		--no-annotate --quiet --custom-compile-command "make lock" \
		--constraints requirements.lock --output-file benchmarks/requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
