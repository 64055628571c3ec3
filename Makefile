# provisiond: `make demo` shows it at work, `make test` checks everything, `make run` starts a server and stays.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-from-locks
# the authors' targets of plugins/Makefile; a directory named here is relative to here
AUTHORS := build upload upload-stable upload-archive upload-firmwares promote archive \
	download-testing download-stable download-archive
PLACE := $(if $(findstring :,$(DESTINATION)),$(DESTINATION),$(abspath $(DESTINATION)))

.PHONY: $(AUTHORS) plugin-check plugin-lint help demo run test lint types contracts unit plugins venv system system-test clean bench bench-smoke deb test-deb

help:
	@sed -n '1s/^# //p' Makefile
	@echo "make venv      the virtual environment, from locked requirements"
	@echo "make plugins   build every shipped plugin into build/repository/"
	@echo "make bench     measure beside other servers, some ten minutes; make bench-smoke: a minute, part of the tests"
	@echo "make upload DESTINATION=…   and the other authors' targets: make -C plugins help"
	@echo "make deb       the Debian package, into build/deb/; make test-deb: install it into a Debian of its own, and try it"
	@echo "make clean     remove what was built"

venv: $(STAMP)

$(STAMP): requirements/runtime.txt requirements/dev.txt pyproject.toml
	@scripts/make-venv "$(PYTHON)" "$(VENV)"

system:
	@scripts/need-programs demo

system-test:
	@scripts/need-programs test

plugins: venv
	@$(BIN)/python -m provisiond.packages.authoring build --source plugins --destination build/plugins
	@$(BIN)/python -m provisiond.packages.authoring package --source build/plugins --destination build/repository
	@$(BIN)/python -m provisiond.packages.authoring index build/repository

$(AUTHORS): venv
	@$(MAKE) --no-print-directory -C plugins $@ PYTHON="$(abspath $(BIN))/python" DESTINATION="$(PLACE)"

plugin-check plugin-lint: venv
	@$(MAKE) --no-print-directory -C plugins $(@:plugin-%=%) PYTHON="$(abspath $(BIN))/python"

bench: plugins
	@$(BIN)/python -m bench.measure --quick

bench-smoke: plugins system-test
	@$(BIN)/python -m bench.measure --smoke

demo: system plugins
	@$(BIN)/python -m bench.demo

run: plugins
	@$(BIN)/python -m bench.run

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv
	$(BIN)/mypy

contracts: venv
	$(BIN)/lint-imports

unit: venv plugins system-test
	$(BIN)/python scripts/run_tests.py
	@$(BIN)/coverage report --skip-covered --fail-under=80 >build/coverage.txt || { cat build/coverage.txt; exit 1; }

test: lint types contracts unit bench-smoke

deb:
	@scripts/make-deb

test-deb:
	@scripts/need-programs test-deb
	@/usr/bin/python3 tests/package/try_package.py

clean:
	rm -rf build dist var .venv .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
