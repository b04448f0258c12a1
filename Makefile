# Everything a contributor runs. Needs python3 (with venv and headers), gcc and make.
PYTHON ?= python3

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := pyproject.toml setup.py MANIFEST.in \
	$(wildcard fastconv/*.py fastconv/*.pyi fastconv/_core*.p[yx][xdi] fastconv/reference/*.py) \
	$(wildcard src_c/*.* src_c/*/*)

.DEFAULT_GOAL := help
.PHONY: help venv demo test tsan test-long numbers bench versus sweep choices lint clean asan msan \
	valgrind fuzz debug coverage mutants
.DELETE_ON_ERROR:

help:
	@echo "make demo    every kernel on a photograph: out/demo.png and a table"
	@echo "make test    the tests, against the installed package"
	@echo "make tsan    the thread pool under ThreadSanitizer, 1,500 forks"
	@echo "make test-long  the tests, and those that take minutes"
	@echo "make numbers the worst error of each algorithm, as a part of its bound"
	@echo "make bench   benchmarks: out/bench.json, out/bench.md, out/bench.png"
	@echo "             (LAYERS=all for all layers, DTYPE=float64)"
	@echo "make versus  beside PyTorch, ONNX Runtime, ...: tables and plots in out/versus (20 minutes)"
	@echo "             (THREADS=2, VERSUS='--quick --layers rn50 --peers torch,ncnn')"
	@echo "make sweep   odd shapes, and where the speed falls off: out/sweep/; make choices: is \"auto\" right?"
	@echo "make venv    .venv with the package built from source"
	@echo "make lint    ruff, cython-lint, clang-format, mypy and stubtest"
	@echo "make asan msan valgrind debug    the C programs and the tests under these (CONTRIBUTING.md)"
	@echo "make fuzz                        libFuzzer (FUZZ_SECONDS=60)"
	@echo "make coverage    lines and branches of src_c that the tests run: a table, out/coverage/"
	@echo "make mutants     which tests notice each seeded fault (MUTANTS='max_pool base:')"
	@echo "make clean   remove what the targets above made"
	@echo "PYTHON=...   the interpreter that .venv is made with (now: $(PYTHON))"

$(BIN)/python:
	$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "no venv module: on Debian and Ubuntu, apt install python3-venv python3-dev" >&2; \
		exit 1; }

# Built once, whatever is run with it; again when a source is newer.
.venv/.built: $(SOURCES) | $(BIN)/python
	rm -rf .venv/dist build/lib* build/bdist*
	$(PIP) wheel --no-deps --wheel-dir .venv/dist .
	$(PIP) install --force-reinstall --no-deps .venv/dist/*.whl
	@touch $@

# What each target needs beside the package: the optional dependencies of pyproject.toml.
.venv/.installed-%: .venv/.built
	$(PIP) install "$$(echo .venv/dist/*.whl)[$*]"
	@touch $@

venv: .venv/.built

demo: .venv/.installed-demo
	$(BIN)/python examples/demo.py --out out/demo.png

# What is tested is the installed package, not the sources here: hence `pytest` rather than
# `python -m pytest`, and from tests/, so that no child process finds the sources either.
test: .venv/.installed-test
	@cd tests && ../$(BIN)/python -c "import fastconv; print('testing', fastconv.__file__)"
	cd tests && ../$(BIN)/pytest .

# The thread pool, and plans shared by threads, under ThreadSanitizer; then the tests of threads
# with 1,500 forks.
tsan: .venv/.installed-test
	cd tests && FASTCONV_TEST_LONG=1 ../$(BIN)/pytest test_threads_driver.py test_threads.py

# The same, and what takes minutes: the forms of the tests that run very many cases.
test-long: .venv/.installed-test
	cd tests && ../$(BIN)/pytest -m "long or not long" .

numbers: .venv/.installed-test
	cd tests && ../$(BIN)/python numbers_table.py

LAYERS ?= quick
DTYPE ?= float32

bench: .venv/.installed-bench
	@mkdir -p out
	$(BIN)/pytest --benchmark-enable --benchmark-json=out/bench.json --benchmark-quiet \
		--layers=$(LAYERS) --dtype=$(DTYPE) benchmarks
	$(BIN)/python -m benchmarks.report out/bench.json out/bench.md out/bench.png

THREADS ?= 1
VERSUS ?= --dtype float32,float64 --isa avx2

.venv/.installed-versus: .venv/.built
	$(BIN)/python benchmarks/versus/install.py
	@touch $@

# In out/, so that the installed package is measured and not the sources here.
versus: .venv/.installed-versus
	@mkdir -p out
	cd out && ../$(BIN)/python -m fastconv bench --versus --out versus --threads $(THREADS) $(VERSUS)

sweep: .venv/.installed-bench
	@mkdir -p out
	cd out && ../$(BIN)/python -m fastconv bench --sweep --out sweep

choices: .venv/.installed-bench
	@mkdir -p out
	cd out && ../$(BIN)/python -m fastconv bench --choices --out choices.json \
		--record choices.md  # to be reviewed, and put into benchmarks/ if it is right

# stubtest compares the stub with the compiled module, which is the installed one.
lint: .venv/.installed-lint
	$(BIN)/ruff check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint fastconv/_core.pyx fastconv/_core*.px[di] # it runs pycodestyle
	$(BIN)/mypy
	cd tests && MYPY_CACHE_DIR=../.mypy_cache ../$(BIN)/stubtest --mypy-config-file ../pyproject.toml \
		--allowlist ../.ci/stubtest-allowlist fastconv._core
	@if command -v clang-format >/dev/null; then \
		echo "clang-format --dry-run -Werror"; \
		find $(wildcard src_c tests/c) -name '*.[ch]' -exec clang-format --dry-run -Werror {} +; \
	else echo "clang-format: skipped, it is not installed"; fi

# ---- instruments: what each needs and does is in tests/instruments.py

msan valgrind fuzz:
	$(PYTHON) tests/instruments.py $@

# The package once more, with other flags, beside the one in .venv. From a copy of the sources:
# the build keeps objects by their names, whatever they were compiled with.
# Optimised, or with a copy of each function for each constant, it compiles for more than ten minutes.
FLAVOUR_asan := FASTCONV_CFLAGS="-O0 -Dalways_inline=unused -g1 -fsanitize=address,undefined \
	-fno-sanitize-recover=all"
FLAVOUR_debug := FASTCONV_DEBUG=1
# Without optimisation and with one copy of each function: a branch is what the source says.
PLAIN := -O0 -Dalways_inline=unused
FLAVOUR_coverage := FASTCONV_CFLAGS="$(PLAIN) --coverage -fprofile-update=atomic"
FLAVOUR_mutants := FASTCONV_CFLAGS="$(PLAIN)"
build/%/.built: $(SOURCES) $(wildcard tests/c/*) | .venv/.installed-test
	rm -rf build/$* && mkdir -p build/$*/src
	cp -r --parents fastconv src_c tests/c setup.py pyproject.toml MANIFEST.in README.md LICENSE \
		build/$*/src
	rm -rf build/$*/src/fastconv/*.so build/$*/src/fastconv/_core.c
	cd build/$*/src && $(FLAVOUR_$*) $(CURDIR)/$(PIP) install --no-deps --target ../lib .
	@touch $@

# Tests that build C programs of their own, without what a flavour is for.
PROGRAMS := --ignore=test_neon.py --ignore=test_selftest.py --ignore=test_threads_driver.py

# CPython itself leaks at exit, so leaks are looked for in the C program alone. A fault must end
# the process as it does without the sanitizer: tests with fences wait for that. Memory that is
# refused is told in the log, as are faults, since tests listen to standard error.
ASAN_OPTIONS := detect_leaks=0:handle_segv=0:handle_sigbus=0:allocator_may_return_null=1
ASAN_OPTIONS := $(ASAN_OPTIONS):max_allocation_size_mb=4096:log_path=$(CURDIR)/build/asan/report
# It keeps what is freed for a while: two tests find that memory is not given back. One looks at the
# time that an import takes.
KEPT := --deselect=tests/test_plans.py::test_memory_stays_flat_over_10_000_shapes \
	--deselect=tests/test_results.py::test_they_are_given_back \
	--deselect=tests/test_environment.py::test_import_costs_at_most_15_ms_over_numpy
asan: build/asan/.built
	$(PYTHON) tests/instruments.py asan
	rm -f build/asan/report.*
	cd tests && PYTHONPATH=$(CURDIR)/build/asan/lib PYTHONMALLOC=malloc \
		ASAN_OPTIONS=$(ASAN_OPTIONS) \
		LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
		../$(BIN)/python -m pytest -p no:cacheprovider $(PROGRAMS) $(KEPT) $(TESTS)

# Scratch is filled with NaN at each use.
debug: build/debug/.built
	$(PYTHON) tests/instruments.py debug
	cd tests && PYTHONPATH=$(CURDIR)/build/debug/lib ../$(BIN)/python -m pytest -p no:cacheprovider $(PROGRAMS) $(TESTS)

# Without a test that looks at the exported names (gcc adds its own), and one for which the counters'
# files cannot be opened.
NOT_COVERED := $(PROGRAMS) \
	--deselect=tests/test_house.py::test_the_extension_exports_its_init_function_only \
	--deselect=tests/test_threads.py::test_no_thread_to_be_had
# A process of tests for each processor, and on that one alone: threads on several of them would pass
# the counters, which are atomic, to and fro.
PROCESSES = $(foreach cpu,$(shell $(PYTHON) -c "import os; print(*os.sched_getaffinity(0))"), \
	--tx "popen//python=taskset -c $(cpu) $(CURDIR)/$(BIN)/python")
coverage: build/coverage/.built .venv/.installed-coverage
	find build/coverage/src -name '*.gcda' -delete
	$(BIN)/python tests/instruments.py coverage
	cd tests && PYTHONPATH=$(CURDIR)/build/coverage/lib FASTCONV_TEST_SHORT=1 \
		../$(BIN)/python -m pytest -p no:cacheprovider --dist load $(PROCESSES) $(NOT_COVERED) $(TESTS)
	$(BIN)/python tests/coverage_table.py build/coverage/src

mutants: build/mutants/.built
	cd tests && PYTHONPATH=../build/mutants/lib ../$(BIN)/python -m mutants $(MUTANTS)

clean:
	rm -rf .venv out build dist *.egg-info fastconv/_core.c fastconv/*.so
	rm -rf .pytest_cache .hypothesis tests/.hypothesis .ruff_cache .mypy_cache .benchmarks
	find fastconv benchmarks examples tests -name __pycache__ -prune -exec rm -rf {} +
