.PHONY: check lint test fix

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
