"""Running a task: how many threads it may take, without the GIL, and listening to Ctrl-C."""

cdef extern from *:
    """
    static int fc_pending_error(void) { return PyErr_Occurred() ? -1 : 0; }
    """
    int fc_pending_error() except -1
    # Without `except`: what a signal handler raised stays pending until _run_task sees it.
    int PyErr_CheckSignals() noexcept


# The default of `threads`; set by _settings.py as soon as it is imported.
cdef int _limit = 1
MOST_THREADS = FC_THREADS_MOST

# Shorter tasks end before anybody could tell that Ctrl-C was not heard; in nanoseconds. Subnormal
# numbers may make convolutions take a hundred times as long.
cdef double LONG_TASK = 20e6
cdef double LONG_CONVOLUTION = 0.2e6
# Handing over the GIL takes as long as these.
cdef double SHORT_TASK = 2e3


def get_num_threads():
    return _limit


def set_num_threads(n):
    global _limit
    _limit = min(n, FC_THREADS_MOST)


cdef c_bool _signal_raises() noexcept with gil:
    return PyErr_CheckSignals() != 0


cdef inline int _threads_of(object threads) except -1:
    """`threads` as users give it, already checked, or the default for None."""
    return _limit if threads is None else min(threads, FC_THREADS_MOST)


cdef bint _is_main_thread() except -1:
    """Whether Python would run signal handlers here."""
    import threading  # which takes a millisecond, if nobody else has imported it

    # current_thread would register a thread that Python has not started, for good.
    return threading.get_ident() == threading.main_thread().ident


cdef inline fc_status _run(const fc_task *task, const fc_conv_job *job) noexcept nogil:
    return fc_task_run(task) if job == NULL else fc_conv_task_run(job, task)


cdef fc_status _run_task(fc_task *task, const fc_conv_job *job=NULL) except *:
    """Runs it, a convolution's with its job; raises what a signal handler raised meanwhile."""
    cdef fc_status status
    if (task.nanoseconds > (LONG_TASK if job == NULL else LONG_CONVOLUTION)
            and _is_main_thread()):
        task.stop = _signal_raises
    if task.nanoseconds < SHORT_TASK:
        status = _run(task, job)
    else:
        with nogil:
            status = _run(task, job)
    if status == FC_STOPPED:
        fc_pending_error()
    return status
