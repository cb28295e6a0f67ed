# People, pre-commit and CI call these targets and nothing else. `make help` lists them.
# A target makes what it needs: an environment in .venv (Python >= 3.10), its packages, the Rust extension.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
# A stamp file says that a step was done with the files that it depends on. Removing the environment removes the stamps.
DONE := $(VENV)/.done
# The environment with the lowest versions of everything that stepbridge works with.
LOWEST := build/lowest

# Older versions of a framework that count differently: package@version, with + for what has to be of its time as well. Each
# has an environment of its own.
VERSIONS := transformers@4.46.3+accelerate@1.1.1 transformers@4.47.1+accelerate@1.2.1 \
	transformers@4.52.4+accelerate@1.7.0 transformers@4.57.6+accelerate@1.12.0

export PATH := $(CURDIR)/$(VENV)/bin:$(HOME)/.cargo/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export UV_PYTHON_DOWNLOADS := never
# The laws are tried with the same examples each time (tests/laws_profile.py).
export HYPOTHESIS_PROFILE ?= ci
export PROPTEST_RNG_SEED ?= 1
unexport PYTHONPATH PYTHONHOME CONDA_PREFIX

INSTALL := uv pip install --quiet --constraint constraints.txt
RUST := Cargo.toml $(wildcard Cargo.lock) $(shell find rust -name '*.rs' -o -name Cargo.toml)
PYTHON_CODE := python tests benches demo examples tools

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z -]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 40

.PHONY: setup
setup: $(DONE)/test $(DONE)/lint $(DONE)/docs $(DONE)/extension ## make .venv with everything that the tests and the checks need

.PHONY: demo
demo: $(DONE)/extension $(DONE)/demo ## re-index real logs (no framework needed) and show the result
	@python demo/demo.py

.PHONY: test
test: test-rust test-python test-pythons test-lowest-part ## run every test on the newest versions, and a part of them on the lowest

.PHONY: test-rust
test-rust: | $(DONE)/rust ## run the tests of the Rust crates
	cargo test --workspace --quiet

.PHONY: test-python
test-python: test-core test-spark test-torch test-keras test-tensorflow test-transformers test-lightning test-accelerate test-ignite test-jax test-versions test-conformance ## run the Python tests and every example in the docs

# The tests of each framework run in their own process, as users' programs do: a worker that is forked from a process with the
# threads of several frameworks can hang.
.PHONY: test-core
test-core: $(DONE)/test $(DONE)/docs $(DONE)/extension ## run the tests that need no framework
	pytest tests python/stepbridge --ignore=tests/adapters --ignore=tests/conformance --ignore=tests/spark --ignore=python/stepbridge/adapters --ignore=python/stepbridge/spark.py
	pytest tests/adapters/test_base_*.py python/stepbridge/adapters/base

.PHONY: test-spark
test-spark: $(DONE)/test $(DONE)/extension ## run the tests of the data source on Sail, which has Spark's API and needs no JVM
	pytest tests/spark

# Spark itself needs a JVM (Debian: apt install default-jre-headless), so that CI leaves it out.
.PHONY: test-spark-jvm
test-spark-jvm: build/spark/.done $(DONE)/wheel ## run the same tests on Spark 4, where a JVM is installed
	PATH="$(CURDIR)/build/spark/bin:$$PATH" VIRTUAL_ENV="$(CURDIR)/build/spark" STEPBRIDGE_SPARK=jvm pytest tests/spark

.PHONY: test-torch test-keras test-tensorflow test-transformers test-lightning test-accelerate test-ignite test-jax
test-torch test-keras test-tensorflow test-transformers test-lightning test-accelerate test-ignite test-jax: test-%: $(DONE)/test $(DONE)/extension ## run the tests of one adapter
	pytest tests/adapters/test_$*_*.py python/stepbridge/adapters/$*

# About a minute each.
.PHONY: test-versions
test-versions: $(VERSIONS:%=build/versions/%/.tested) ## run the tests of an adapter on older versions that count differently

.PHONY: test-conformance
test-conformance: $(DONE)/test $(DONE)/extension ## run every scenario on every framework
	pytest tests/conformance

.PHONY: test-pythons
test-pythons: $(DONE)/wheel ## run the core tests on the newest CPython of this machine, from a wheel; the oldest runs them in test-lowest-part
	HYPOTHESIS_PROFILE=few python tools/pythons.py --newest $(DONE)/wheels/*.whl

# Older versions of a framework warn of what newer ones of what they use no longer want.
OLDER := -W default -W error::stepbridge.StepbridgeWarning
IN_LOWEST := PATH="$(CURDIR)/$(LOWEST)/bin:$$PATH" VIRTUAL_ENV="$(CURDIR)/$(LOWEST)"
# What asks about the repository, and the pages, which show what the newest versions print.
NEWEST_ONLY := test_pages.py test_project.py test_release.py test_site.py test_demo.py test_layers.py

# The part that shows most in little time: what needs numpy, click and rich alone, tables, and hooks of frameworks that changed.
LOWEST_CORE := tests/cli tests/clock tests/ledger tests/timeline \
	$(patsubst %,tests/test_%.py,compatibility conventions errors import simulation threads) \
	$(patsubst %,tests/logs/test_%.py,table tables outputs plot)

.PHONY: test-lowest-part
test-lowest-part: $(LOWEST)/.installed ## run a part of those tests, on the oldest CPython of this machine
	$(IN_LOWEST) HYPOTHESIS_PROFILE=few pytest --quiet $(LOWEST_CORE)
	$(IN_LOWEST) pytest --quiet tests/adapters/test_torch_watch.py tests/adapters/test_torch_schedules.py
	$(IN_LOWEST) pytest --quiet tests/adapters/test_keras_callback.py -k tensorflow
	$(IN_LOWEST) pytest --quiet $(OLDER) tests/adapters/test_lightning_callback.py
	$(IN_LOWEST) pytest --quiet $(OLDER) tests/adapters/test_ignite_engine.py
	$(IN_LOWEST) pytest --quiet $(OLDER) tests/adapters/test_jax_watch.py

.PHONY: test-lowest
test-lowest: $(LOWEST)/.installed ## run the core and adapter tests on the lowest versions that pyproject.toml names
	$(IN_LOWEST) pytest --quiet tests --ignore=tests/adapters --ignore=tests/conformance --ignore=tests/spark $(NEWEST_ONLY:%=--ignore=tests/%)
	$(IN_LOWEST) pytest --quiet tests/adapters/test_torch_*.py
	$(IN_LOWEST) pytest --quiet tests/adapters/test_keras_*.py
	$(IN_LOWEST) pytest --quiet tests/adapters/test_tensorflow_*.py
	$(IN_LOWEST) pytest --quiet $(OLDER) tests/adapters/test_transformers_callback.py tests/adapters/test_transformers_use.py
	$(IN_LOWEST) pytest --quiet $(OLDER) tests/adapters/test_lightning_callback.py tests/adapters/test_lightning_use.py
	$(IN_LOWEST) pytest --quiet $(OLDER) tests/adapters/test_accelerate_loop.py tests/adapters/test_accelerate_resuming.py
	$(IN_LOWEST) pytest --quiet $(OLDER) tests/adapters/test_ignite_engine.py tests/adapters/test_ignite_resuming.py
	$(IN_LOWEST) pytest --quiet $(OLDER) tests/adapters/test_jax_watch.py tests/adapters/test_jax_flax.py tests/adapters/test_jax_use.py

.PHONY: check
check: check-python check-rust check-fuzz ## check style, format, types, stubs, licences and workflows, and fuzz for a moment; a warning is an error

.PHONY: check-python
check-python: $(DONE)/lint $(DONE)/test $(DONE)/docs $(DONE)/extension ## check the style and the types of the Python code, the licences and the workflows
	ruff check $(PYTHON_CODE)
	ruff format --check $(PYTHON_CODE)
	mypy
	python -m mypy.stubtest stepbridge._core --mypy-config-file pyproject.toml --allowlist tools/stubtest-allowlist.txt
	python tools/licences.py --check
	zizmor --offline --quiet --persona auditor .github
	check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml

.PHONY: check-rust
check-rust: | $(DONE)/rust ## check the format of the Rust code, and run clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings

.PHONY: check-fuzz
check-fuzz: | $(DONE)/rust ## fuzz each format for two seconds
	$(FUZZ) --quiet

# Each format gets so many seconds. The same seed damages files in the same way.
FUZZ := cargo test --profile quick --package stepbridge-index --test fuzz
SECONDS ?= 60
SEED ?= $(shell date +%s)

.PHONY: fuzz
fuzz: | $(DONE)/rust ## read logs that are damaged at random, SECONDS=60 for each format
	STEPBRIDGE_FUZZ_SECONDS=$(SECONDS) STEPBRIDGE_FUZZ_SEED=$(SEED) $(FUZZ)

# Tools that exist only as crates are built once, in these versions.
CARGO_DENY := 0.20.2
CARGO_LLVM_COV := 0.9.1

# cargo-deny reads the database of RustSec, and pip-audit asks PyPI. `make audit-offline` needs neither.
.PHONY: audit
audit: $(DONE)/audit $(DONE)/cargo-deny-$(CARGO_DENY) ## check the dependencies: known vulnerabilities, licences, sources
	build/tools/bin/cargo-deny --locked check
	uv pip compile --quiet pyproject.toml --group build --group wheels --constraint constraints.txt \
		--no-annotate --no-header --output-file build/audited.txt
	pip-audit --strict --requirement build/audited.txt --no-deps --disable-pip

.PHONY: audit-offline
audit-offline: $(DONE)/cargo-deny-$(CARGO_DENY) ## check the licences and sources of the Rust crates
	build/tools/bin/cargo-deny --locked --offline check bans licenses sources

# Miri finds undefined behaviour in the one unsafe call of the readers. It needs a nightly toolchain with Miri.
MIRI := RUSTFLAGS="-C target-feature=+sse4.2" cargo +nightly miri test --target-dir build/miri

.PHONY: miri
miri: | $(DONE)/rust ## run the tests of the code that calls unsafe code under Miri
	$(MIRI) --package stepbridge-io --lib -- crc::

# SQLite and zstd, the C code that reads strangers' files, are built with the sanitizer too.
SANITIZED := x86_64-unknown-linux-gnu

.PHONY: sanitize
sanitize: | $(DONE)/rust ## run the Rust tests and the fuzzing with an address sanitizer (needs a nightly toolchain)
	RUSTFLAGS="-Z sanitizer=address" CFLAGS_$(subst -,_,$(SANITIZED))="-fsanitize=address -fno-omit-frame-pointer" \
		STEPBRIDGE_FUZZ_SECONDS=$(SECONDS) STEPBRIDGE_FUZZ_SEED=$(SEED) \
		cargo +nightly test --profile quick --target $(SANITIZED) --target-dir build/sanitized \
		--workspace --exclude stepbridge-python --lib --tests

.PHONY: coverage
coverage: $(DONE)/test $(DONE)/coverage $(DONE)/extension $(DONE)/cargo-llvm-cov-$(CARGO_LLVM_COV) ## measure which lines and branches the tests reach, in Python and in Rust
	python tools/covered.py

.PHONY: format
format: $(DONE)/lint | $(DONE)/rust ## format the code as `make check` wants it
	ruff check --fix $(PYTHON_CODE)
	ruff format $(PYTHON_CODE)
	cargo fmt --all

# The theme warns that it does not work with mkdocs 2, which we do not use.
.PHONY: docs
docs: $(DONE)/docs $(DONE)/extension ## build the documentation into build/site; a warning or a dead link is an error
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

.PHONY: pictures
pictures: $(DONE)/test $(DONE)/extension ## draw the pictures of the documentation again
	python tools/pictures.py

.PHONY: known-logs
known-logs: $(DONE)/test $(DONE)/extension ## write docs/known_logs.md from the real logs, where they are
	python tests/known_logs.py --write

.PHONY: bench
bench: $(DONE)/bench $(DONE)/extension ## measure each claim next to its peer, write benches/RESULTS.md and its chart
	rm $(DONE)/extension
	maturin develop --uv --release --quiet
	python benches/run.py && missed=0 || missed=$$?; python tools/chart.py; exit $$missed

.PHONY: bench-parts
bench-parts: | $(DONE)/rust ## measure what the parts of the Rust code are worth that are there for speed alone
	cargo bench --quiet --package stepbridge-timeline --package stepbridge-io --package stepbridge-formats --benches

.PHONY: wheels
wheels: $(DONE)/wheels-tools | $(DONE)/rust ## build the release wheel and the source distribution into dist/
	rm -rf dist
	maturin build --release --locked --zig --compatibility manylinux2014 --out dist
	maturin sdist --out dist

.PHONY: test-wheels
test-wheels: $(DONE)/wheels-tools | $(DONE)/rust ## check what `make wheels` built, and test it on each CPython of this machine
	@test -d dist || { echo "make: there is no folder dist: run make wheels first" >&2; exit 1; }
	@large=$$(find dist -type f -size +6000000c); test -z "$$large" || { echo "make: above 6 MB: $$large" >&2; exit 1; }
	auditwheel show dist/*.whl | grep '"manylinux_2_17_'
	abi3audit --strict --summary dist/*.whl
	check-wheel-contents dist/*.whl
	python tools/pythons.py --all dist/*.whl dist/*.tar.gz

.PHONY: licences
licences: $(DONE)/venv | $(DONE)/rust ## write THIRD-PARTY-LICENSES.txt from Cargo.lock
	python tools/licences.py

.PHONY: pins
pins: $(DONE)/venv ## write constraints.txt and constraints-lowest.txt from the ranges in pyproject.toml
	uv pip compile --quiet pyproject.toml --universal --python-version 3.10 --no-annotate --no-header --upgrade \
		--group build --group test --group object-server --group lint --group docs --group bench --group wheels \
		--group audit --group coverage \
		--output-file constraints.txt
	uv pip compile --quiet pyproject.toml --resolution lowest-direct --python-version 3.10 --no-annotate --no-header \
		--upgrade --group test --output-file constraints-lowest.txt

.PHONY: clean
clean: ## remove everything that was built, and the environment
	rm -rf $(VENV) target build dist python/stepbridge/_core*.so .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find $(PYTHON_CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the steps -------------------------------------------------------------------------------------------------

$(DONE)/rust:
	@command -v cargo >/dev/null || { echo "make: no cargo on the PATH: install Rust (https://rustup.rs), then run make again" >&2; exit 1; }
	@mkdir -p $(@D) && touch $@

# uv makes the environment if it is installed; otherwise Python's venv module does, and uv is installed in it.
$(DONE)/venv:
	@command -v uv >/dev/null && uv venv --quiet --allow-existing --python '>=3.10' $(VENV) || { \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "make: $(PYTHON) is older than 3.10: name another one, as in make PYTHON=python3.12" >&2; exit 1; }; \
		$(PYTHON) -m venv $(VENV) && $(VENV)/bin/python -m pip install --quiet uv || { \
			echo "make: $(PYTHON) has neither uv nor a working venv module: install one of them (Debian: apt install python3-venv)" >&2; exit 1; }; }
	@mkdir -p $(@D) && touch $@

$(DONE)/build: pyproject.toml constraints.txt | $(DONE)/venv
	$(INSTALL) --requirements pyproject.toml --group build
	@touch $@

$(DONE)/demo $(DONE)/test $(DONE)/lint $(DONE)/docs $(DONE)/bench $(DONE)/audit $(DONE)/coverage: $(DONE)/%: pyproject.toml constraints.txt | $(DONE)/build
	$(INSTALL) --requirements pyproject.toml --group $* $(if $(filter test bench,$*),--group object-server)
	@touch $@

# The lowest versions have wheels for these two alone.
$(LOWEST)/.done: pyproject.toml constraints-lowest.txt | $(DONE)/build
	uv venv --quiet --clear --python "$$(python tools/pythons.py --find 3.10 3.11)" $(LOWEST)
	uv pip install --quiet --python $(LOWEST) --constraint constraints-lowest.txt --requirements pyproject.toml --group test
	@touch $@

$(LOWEST)/.installed: $(LOWEST)/.done $(DONE)/wheel
	uv pip install --quiet --python $(LOWEST) --no-deps --reinstall-package stepbridge $(DONE)/wheels/*.whl
	@touch $@

# The frameworks' own versions and what they need come from the index; what all tests share is pinned as everywhere.
build/versions/%/.done: constraints.txt | $(DONE)/build
	uv venv --quiet --clear --python $(VENV)/bin/python $(@D)
	grep -E '^(torch|numpy|pytest|pytest-timeout|hypothesis|click|rich)==' constraints.txt > $(@D)/constraints.txt
	uv pip install --quiet --python $(@D) --constraint $(@D)/constraints.txt --requirements pyproject.toml --group core \
		torch $(subst @,==,$(subst +, ,$*))
	@touch $@

.PRECIOUS: build/versions/%/.done

build/versions/%/.tested: build/versions/%/.done $(DONE)/wheel $(wildcard tests/adapters/*.py)
	uv pip install --quiet --python $(@D) --no-deps --reinstall-package stepbridge $(DONE)/wheels/*.whl
	PATH="$(CURDIR)/$(@D)/bin:$$PATH" VIRTUAL_ENV="$(CURDIR)/$(@D)" \
		pytest --quiet $(OLDER) $(wildcard $(patsubst %,tests/adapters/test_$(firstword $(subst @, ,$*))_%.py,callback resuming use))
	@touch $@

build/spark/.done: constraints.txt $(DONE)/wheel
	uv venv --quiet --clear --python $(VENV)/bin/python $(@D)
	uv pip install --quiet --python $(@D) --constraint constraints.txt --requirements pyproject.toml --group core \
		pyspark pyarrow pandas $(DONE)/wheels/*.whl
	@touch $@

$(DONE)/wheels-tools: pyproject.toml constraints.txt | $(DONE)/build
	$(INSTALL) --group wheels
	@touch $@

$(DONE)/cargo-deny-%: | $(DONE)/rust
	cargo install --quiet --locked --root build/tools cargo-deny@$*
	@mkdir -p $(@D) && touch $@

$(DONE)/cargo-llvm-cov-%: | $(DONE)/rust
	cargo install --quiet --locked --root build/tools cargo-llvm-cov@$*
	@mkdir -p $(@D) && touch $@

# The quick profile is optimised, but without the minutes of link-time optimisation that a released wheel gets.
$(DONE)/extension: $(RUST) pyproject.toml | $(DONE)/build $(DONE)/rust
	maturin develop --uv --profile quick --quiet
	@touch $@

$(DONE)/wheel: $(DONE)/extension LICENSE THIRD-PARTY-LICENSES.txt $(shell find python -name '*.py' -o -name '*.pyi') | $(DONE)/build
	rm -rf $(DONE)/wheels
	maturin build --profile quick --quiet --out $(DONE)/wheels
	@touch $@
