"""What pytest needs to know here: the names of benchmarks, the options, equal threads."""

import os

# NumPy's BLAS reads these when it is imported, which is after this file.
THREADS = os.environ.setdefault("FASTCONV_NUM_THREADS", "1")
for library in ("OMP", "OPENBLAS", "MKL", "BLIS"):
    os.environ[f"{library}_NUM_THREADS"] = THREADS

import pytest  # noqa: E402

MAX_SECONDS = 0.4


def pytest_addoption(parser):
    group = parser.getgroup("fastconv")
    group.addoption("--layers", default="quick", metavar="quick|all|TEXT",
                    help="a few layers, all of them, or those with TEXT in their names")
    group.addoption("--dtype", default="float32", choices=("float32", "float64"))


def pytest_configure(config):
    config.addinivalue_line("python_files", "bench_*.py")
    config.addinivalue_line("python_functions", "bench_*")


def pytest_collection_modifyitems(config, items):
    """Keep the wanted layers, and each reference once a problem, whichever files ask for it."""
    wanted = config.getoption("layers")
    seen, kept, dropped = set(), [], []
    for item in items:
        params = getattr(item, "callspec", None) and item.callspec.params
        if not params or "contender" not in params:
            kept.append(item)
            continue
        problem, contender = params["problem"], params["contender"]
        key = (problem.name, contender.name)
        chosen = (wanted == "all" or (wanted == "quick" and problem.layer.quick)
                  or wanted in problem.layer.name)
        if chosen and key not in seen:
            kept.append(item)
            seen.add(key)
            item.add_marker(pytest.mark.benchmark(max_time=MAX_SECONDS))
        else:
            dropped.append(item)
    config.hook.pytest_deselected(items=dropped)
    items[:] = kept


def pytest_benchmark_update_machine_info(config, machine_info):
    import fastconv

    machine_info["fastconv"] = {"isa": fastconv.active_isa(), "version": fastconv.__version__}


@pytest.fixture
def dtype(request):
    return request.config.getoption("dtype")
