# Everything a newcomer needs is `make run`; everything CI needs is `make check`.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
SOURCES := $(shell find dnsfilter proxy_addons blocklists -type f -not -path '*/__pycache__/*')
JOBS ?= 2
PYTEST := $(BIN)/pytest -q -n $(JOBS) --dist loadfile
# Where what is installed is compiled, the tests of that run on its source too.
INTERPRETED := tests/wire tests/upstream tests/server/test_udp.py $(wildcard tests/test_*.py)

.PHONY: run test check fix bench faults install schema

run: install
	@exec $(BIN)/dnsfilter serve

test: install
	@$(PYTEST)

check: install
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > .venv/lint-imports.txt || { cat .venv/lint-imports.txt; exit 1; }
	@$(PYTEST)
	@PYTHONPATH=. $(PYTEST) $(INTERPRETED)

fix: install
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

bench: install
	@$(BIN)/python -m tests.bench --all --write docs/benchmarks.md

faults: install
	@$(BIN)/python -m tests.faults

schema: install
	@$(BIN)/python -c 'import json; from dnsfilter.config import Configuration; \
		print(json.dumps(Configuration.model_json_schema(), indent=2))' > deploy/dnsfilter.schema.json
	@$(BIN)/python -c 'import json; from dnsfilter.blocklist.catalogue import Catalogue; \
		print(json.dumps(Catalogue.model_json_schema(), indent=2))' > deploy/catalogue.schema.json

install: $(STAMP)

$(STAMP): pyproject.toml hatch_build.py $(SOURCES)
	@echo "installing into .venv (two or three minutes the first time: where there is a C compiler it gets work)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	@extras=$$($(BIN)/python -c 'import tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"], sep=",")') && \
		$(BIN)/pip install --quiet --use-pep517 --disable-pip-version-check ".[$$extras]"
	@$(BIN)/python -P -c 'import dnsfilter; dnsfilter.is_compiled() or \
		print("no C compiler, or no headers of Python: the query path stays interpreted, and so slower;", \
			"once both are there (Debian: gcc, python3-dev), `make -B install` compiles it", sep="\n")'
	@touch $@
