.PHONY: check test fix
# Everything that CI holds a change to.
check:
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	codespell
	pytest -q -n auto

test:
	pytest -q -n auto

fix:
	ruff check --fix .
	ruff format .
