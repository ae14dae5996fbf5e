# Short names for the commands that do the work; each also runs without make.
.DEFAULT_GOAL := help
.PHONY: help run test check bench docs freeze clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

run: ## Run fs2od with a simulated microscope
	./run

test: ## Run all tests, with the coverage gate
	./test

check: ## Run the tests and all checks, as CI does
	.ci/run

bench: ## Measure, and write the tables in bench/ anew
	setup/in-venv.sh test,mount nginx-light=/usr/sbin/nginx fuse3=fusermount3 libfuse3-dev=/usr/include/fuse3/fuse.h \
	    pkg-config=pkg-config python bench

docs: ## Check the documentation
	./test tests/docs

freeze: ## Write constraints.txt anew
	setup/freeze.sh

clean: ## Remove environments and caches; the data in .fs2od stays
	rm -rf .venv .venv-witness build dist htmlcov test-results .coverage .coverage.* .mypy_cache .ruff_cache \
	    .pytest_cache .hypothesis .import_linter_cache src/fs2od.egg-info
