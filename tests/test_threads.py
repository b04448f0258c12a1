"""The thread pool: the same bits on any number of threads, and nothing that hangs."""

import pickle
import threading

import numpy as np
import pytest
from children import LONG, SHORT, printed, python
from support import SUMMING, Problem, accepts, to_layout

import fastconv

COUNTS = (2, 5, 16) if SHORT else range(2, 17)
X = np.random.default_rng(0).standard_normal((2, 32, 60, 61)).astype(np.float32)
W = np.random.default_rng(1).standard_normal((48, 32, 3, 3)).astype(np.float32)

PROBLEMS = {
    "direct": Problem((2, 16, 90, 61), (24, 16, 3, 3), padding=1),
    "direct, one image": Problem((1, 128, 30, 31), (64, 128, 3, 3), padding=1),
    "direct, in place": Problem((2, 64, 40, 41), (96, 64, 1, 1)),
    "im2col": Problem((2, 32, 60, 61), (48, 32, 3, 3), padding=1),
    "im2col, in place": Problem((2, 64, 40, 41), (96, 64, 1, 1)),
    "im2col, long sums": Problem((1, 600, 14, 15), (200, 600, 3, 3)),
    **{f"winograd{t}": Problem((3, 64, 60, 61), (80, 64, 3, 3), padding=1) for t in (6, 5, 4)},
    "winograd3": Problem((3, 64, 33, 33), (80, 64, 3, 3), padding=18, dilation=18),
    "dilated": Problem((2, 32, 70, 71), (64, 32, 3, 3), padding=2, dilation=2),
    "depthwise": Problem((2, 96, 60, 61), (192, 1, 3, 3), padding=1, groups=96),
    "depthwise, any kernel": Problem((2, 64, 60, 61), (64, 1, 4, 5), groups=64),
    "depthwise_pixels": Problem((2, 96, 60, 61), (96, 1, 3, 3), padding=1, groups=96),
    "grouped": Problem((2, 64, 90, 91), (64, 8, 3, 3), padding=1, groups=8),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_same_bits(isa, dtype, layout, name):
    problem, algorithm = PROBLEMS[name], name.split(",")[0]
    if algorithm in SUMMING and not accepts(problem, dtype, algorithm, layout):
        pytest.skip(f"{algorithm} does not accept this here")
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    options = {"layout": layout, "algorithm": algorithm}
    plans = {n: fastconv.Conv2d(w, bias, *problem.geometry, threads=n, **options)
             for n in (1, *COUNTS)}
    assert plans[2].explain(x.shape)["threads"] == 2
    assert plans[16].explain(x.shape)["threads"] > 2
    expected = plans[1](x)
    for n in COUNTS:
        np.testing.assert_array_equal(plans[n](x), expected, err_msg=f"{n} threads")


@pytest.mark.parametrize("operator", ["max_pool2d", "indices", "im2col", "col2im", "integers"])
def test_same_bits_without_weights(isa, dtype, operator):
    x = np.random.default_rng(2).standard_normal((3, 64, 60, 61)).astype(dtype)
    columns = fastconv.im2col(x, 3)
    calls = {
        "max_pool2d": lambda: fastconv.max_pool2d(x, 3, 2),
        "indices": lambda: fastconv.max_pool2d(x, 3, 1, return_indices=True),
        "im2col": lambda: fastconv.im2col(x, 3),
        "col2im": lambda: fastconv.col2im(columns, (60, 61), 3),
        "integers": lambda: fastconv.max_pool2d((x * 100).astype(np.int16), 3),
    }
    with fastconv.threads(1):
        expected = calls[operator]()
    for n in COUNTS:
        with fastconv.threads(n):
            np.testing.assert_array_equal(calls[operator](), expected, err_msg=f"{n} threads")


def test_threads_of_a_call_go_before_the_setting():
    for setting, argument, used in [(1, 3, 3), (3, 1, 1), (3, None, 3), (1, None, 1)]:
        with fastconv.threads(setting):
            plan = fastconv.Conv2d(W, threads=argument)
            assert plan.explain(X.shape)["threads"] == used
            assert pickle.loads(pickle.dumps(plan)).explain(X.shape)["threads"] == used


def test_more_than_256_threads_count_as_256():
    with fastconv.threads(10**9):
        assert fastconv.get_num_threads() == 256
    plan = fastconv.Conv2d(W, threads=10**9)
    assert plan.explain((10**6, *X.shape[1:]))["threads"] == 256


def test_small_work_stays_in_the_caller():
    plan = fastconv.Conv2d(W[:4, :4], threads=16)
    assert plan.explain((1, 4, 9, 8))["threads"] == 1
    code = """
import os, numpy as np, fastconv
count = lambda: len(os.listdir("/proc/self/task"))
x, w = np.ones((1, 4, 9, 8), "f4"), np.ones((4, 4, 3, 3), "f4")
before = count()
for _ in range(100):
    fastconv.conv2d(x, w, threads=16), fastconv.max_pool2d(x, 2), fastconv.im2col(x, 3)
assert count() == before, "small work started threads"
fastconv.conv2d(np.ones((4, 64, 64, 64), "f4"), np.ones((64, 64, 3, 3), "f4"), threads=3)
assert count() == before + 2, "large work did not"
fastconv.conv2d(np.ones((4, 64, 64, 64), "f4"), np.ones((64, 64, 3, 3), "f4"), threads=2)
assert count() == before + 2, "and does not start them again"
print("done")
"""
    assert printed(code) == "done"


def test_a_plan_and_many_python_threads():
    plan = fastconv.Conv2d(W, padding=1, threads=2)
    expected, wrong, start = plan(X), [], threading.Barrier(32)

    def work():
        start.wait()
        wrong.extend(1 for _ in range(5) if not np.array_equal(plan(X), expected))

    workers = [threading.Thread(target=work) for _ in range(32)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_the_floating_point_mode_is_the_callers_and_stays():
    """Rounding, flushing of subnormal numbers, masks: MXCSR or FPCR, but for its sticky flags."""
    code = """
import ctypes, platform, numpy as np, fastconv
libm = ctypes.CDLL("libm.so.6")
# Where fegetenv puts the register; its flags; upward rounding; flushing subnormal numbers.
place, flags, upward, flush = {"x86_64": (7, 0x3f, 0x4000, 0x8040),
                               "aarch64": (0, 0, 0x400000, 0x1000000)}[platform.machine()]
environment = (ctypes.c_uint32 * 8)()
def mode(wanted=None):
    assert libm.fegetenv(environment) == 0
    if wanted is not None:
        environment[place] = wanted
        assert libm.fesetenv(environment) == 0
    return environment[place] & ~flags
x = np.random.default_rng(0).standard_normal((2, 32, 60, 61)).astype("f4")
w = np.random.default_rng(1).standard_normal((48, 32, 3, 3)).astype("f4")
tiny = x * np.float32(1e-40)
calls = {"y": lambda n: fastconv.conv2d(x, w, threads=n),
         "tiny": lambda n: fastconv.conv2d(tiny, w, threads=n, precision="exact"),
         "pool": lambda n: fastconv.max_pool2d(x, 3, threads=n),
         "columns": lambda n: fastconv.im2col(x, 3)}
usual = mode()
plain = {name: call(1) for name, call in calls.items()}
for bits, differing in [(upward, {"y", "tiny"}), (flush, {"tiny"}), (0, set())]:
    set_ = mode(usual | bits)
    ones, manys, after = {}, {}, []
    for name, call in calls.items():
        ones[name], manys[name] = call(1), call(8)
        after.append(mode())
    mode(usual)
    assert set(after) == {set_}, (after, set_)
    for name in calls:
        assert (ones[name] == manys[name]).all(), (name, bits)
        assert (ones[name] != plain[name]).any() == (name in differing), (name, bits)
assert mode() == usual
print("done")
"""
    assert printed(code) == "done"


# Of the programs below: a plan, what it gives, and a check that a call is right.
SETUP = """
import os, signal, sys, threading, time
import numpy as np, fastconv
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
fastconv.set_num_threads(3)
x = np.random.default_rng(0).standard_normal((2, 32, 60, 61)).astype("f4")
w = np.random.default_rng(1).standard_normal((48, 32, 3, 3)).astype("f4")
plan = fastconv.Conv2d(w, padding=1)
expected = fastconv.Conv2d(w, padding=1, threads=1)(x)

def right():
    return np.array_equal(plan(x), expected) and plan.explain(x.shape)["threads"] == 3

def child_is_right(test=right):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if test() else 1)
    return os.waitpid(child, 0)[1] == 0
"""


def test_workers_take_no_signals():
    code = SETUP + """
before = set(os.listdir("/proc/self/task"))
assert right()
for task in set(os.listdir("/proc/self/task")) - before:
    status = open(f"/proc/self/task/{task}/status").read()
    blocked = int(status.split("SigBlk:")[1].split()[0], 16)
    assert all(blocked >> (n - 1) & 1 for n in (signal.SIGINT, signal.SIGALRM, signal.SIGCHLD))
print("done")
"""
    assert printed(code) == "done"


def test_no_thread_to_be_had():
    code = SETUP + """
import resource
if os.geteuid() == 0:  # whom the limit does not bind
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
try:
    threading.Thread(target=int).start()
except RuntimeError:
    before = len(os.listdir("/proc/self/task"))
    assert right() and right() and len(os.listdir("/proc/self/task")) == before
    print("serial")
else:
    print("the limit does not bind")
"""
    out = printed(code)
    if out == "the limit does not bind":
        pytest.skip(out)
    assert out == "serial"


FORKS = 1000 if LONG else 60


def test_fork_before_and_after_parallel_calls():
    code = SETUP + f"""
assert child_is_right()
for _ in range({FORKS // 2}):
    assert right() and child_is_right() and right()
assert child_is_right(lambda: child_is_right() and right()), "a child of a child"
print("done")
"""
    assert printed(code) == "done"


def test_fork_during_parallel_calls():
    code = SETUP + f"""
ended, wrong = threading.Event(), []
def work():
    while not ended.is_set():
        wrong.extend([] if right() else [1])
workers = [threading.Thread(target=work) for _ in range(2)]
for worker in workers:
    worker.start()
forks = [child_is_right() for _ in range({FORKS})]
ended.set()
for worker in workers:
    worker.join()
assert all(forks) and not wrong
print("done")
"""
    assert printed(code) == "done"


# A call of 0.3 s or more, whatever the processor and the build: signals are heard while it runs.
LARGE = """
large = np.random.default_rng(2).standard_normal((1, 64, 32, 32))
filters = np.random.default_rng(3).standard_normal((64, 64, 7, 7))
slow = fastconv.Conv2d(filters, padding=3, threads={threads})
spent = 0
while spent < 0.3 * {threads}:
    large = np.concatenate([large, large])
    began = time.process_time()
    result = slow(large)
    spent = time.process_time() - began
calls = []
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_a_signal_handler_may_convolve_and_fork(threads):
    """In the middle of a call: both calls are right, and in the child of the fork too."""
    code = SETUP + LARGE.format(threads=threads) + """
def handler(*_):
    calls.append(right())
    if len(calls) == 1:
        calls.append(os.fork())
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.02)
again = slow(large)
same = np.array_equal(result, again)
assert len(calls) == 2, "the call was over before the signal"
if calls[1] == 0:
    sys.exit(0 if same and right() else 1)  # as a program does, and so that gcov counts
assert same and all(calls[:1]) and os.waitpid(calls[1], 0)[1] == 0 and right()
print("done")
"""
    assert printed(code) == "done"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("call", ["conv2d_im2col", "conv2d_direct", "max_pool2d"])
def test_interrupt(call, threads):
    """Ctrl-C in a call of many seconds, which then ends long before its time."""
    code = SETUP + f"""
images = np.broadcast_to(np.ones((1, 1, 91, 91)), (400, 32, 91, 91))
filters = np.ones((32, 32, 31, 31))
call = {{
    "conv2d_im2col": lambda: fastconv.conv2d_im2col(images, filters, threads={threads}),
    "conv2d_direct": lambda: fastconv.conv2d_direct(images, filters, threads={threads}),
    "max_pool2d": lambda: fastconv.max_pool2d(images, 90, 1, 45, return_indices=True,
                                              threads={threads}),
}}[{call!r}]
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
began = time.process_time()
try:
    call()
except KeyboardInterrupt:
    assert time.process_time() - began < 3 * {threads}
    assert right()
    print("interrupted")
else:
    print("too short a call")
"""
    assert printed(code) == "interrupted"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(tmp_path, method):
    program = tmp_path / "program.py"
    program.write_text(SETUP + f"""
import multiprocessing

def work(i):
    return right()

if __name__ == "__main__":
    assert right()
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        assert all(pool.map(work, range(8)))
    assert right()
    print("done")
""")
    done = python(program)
    assert done.returncode == 0 and done.stdout.strip() == "done", done.stderr
