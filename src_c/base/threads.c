#define _GNU_SOURCE /* syscall */
#include "threads.h"

#include "clock.h"
#include "float_mode.h"
#include "integers.h"
#include "places.h"
#include "shares.h"
#include "workspace.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nanoseconds. Waking a sleeper costs its caller 3 to 5 us, and the sleeper is there after
 * some 50: a thread with less than this to do is not worth it. One that spins is there at once. */
static const double WORTH_WAKING = 25e3, WORTH_SPINNING = 4e3;
static const int64_t STOP_EVERY = FC_STOP_EVERY;
/* So many small tasks may end before a helper that was woken for the first is missed. */
enum { PATIENCE = 50 };
/* The next layer of a network usually comes within the first of these, and the last chunk of a
 * task ends within the second. */
static const int64_t SPIN_FOR_TASK = 50000, SPIN_FOR_END = 500000;

/* A worker that sleeps says so; whoever takes that back wakes it. */
typedef struct {
    _Alignas(64) _Atomic uint32_t asleep;
    _Atomic uint32_t epoch; /* the last that it has seen */
    _Atomic pid_t thread;
} bed;

/* One task while it runs. */
typedef struct {
    const fc_task *task;
    fc_shares shares;
    int threads;
    uint32_t mode;
    _Atomic int cpu; /* where the caller is */
    _Atomic bool stopped;
} work;

static const uint32_t OPEN = (uint32_t)1 << 31;

static struct {
    _Atomic bool busy; /* whoever sets it owns the pool */
    bool handles_forks;
    int workers;
    _Atomic uint32_t generation;         /* one more in the child of a fork */
    _Atomic bool crowded;                /* helpers have no processor but the caller's */
    _Atomic uintptr_t last_caller;       /* of a task for several, */
    _Atomic int64_t last_end;            /* and when that ended */
    _Alignas(64) _Atomic uint32_t epoch; /* one more with every task */
    _Alignas(64) _Atomic uint32_t door;  /* workers inside, and OPEN while more may enter */
    work work;
    fc_span spans[FC_THREADS_MOST];
    bed beds[FC_THREADS_MOST];
} pool;

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Until the word differs from `value`, but not for long; returns what it is then. */
static uint32_t spin(_Atomic uint32_t *word, uint32_t value, int64_t nanoseconds) {
    const int64_t end = fc_now() + nanoseconds;
    uint32_t seen;
    do {
        for (int i = 0; i < 32; i++) {
            seen = atomic_load_explicit(word, memory_order_acquire);
            if (seen != value) return seen;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#elif defined(__aarch64__)
            __asm__ volatile("isb");
#endif
        }
    } while (fc_now() < end);
    return seen;
}

static work prepare(const fc_task *task, int threads, fc_span *spans) {
    return (work){
        .task = task,
        .shares = fc_shares_of(task->items, task->visit, task->nanoseconds, threads, spans),
        .threads = threads,
        .mode = fc_float_mode(),
        .cpu = fc_place(),
    };
}

/* By the caller, after its first chunk: who is not here by now may be queued behind it. */
static void fetch_late(const work *w) {
    const uint32_t patience = w->task->nanoseconds < 2 * WORTH_WAKING ? PATIENCE : 0;
    const uint32_t epoch = atomic_load_explicit(&pool.epoch, memory_order_relaxed);
    for (int i = 0; i < w->threads - 1; i++) {
        bed *b = &pool.beds[i];
        const pid_t thread = atomic_load_explicit(&b->thread, memory_order_relaxed);
        if (thread && epoch - atomic_load_explicit(&b->epoch, memory_order_relaxed) > patience)
            fc_place_elsewhere(thread, fc_place());
    }
}

/* A helper that is where the caller is goes elsewhere. */
static void keep_apart(work *w, int me) {
    const int here = fc_place(), caller = atomic_load_explicit(&w->cpu, memory_order_relaxed);
    if (me == 0) {
        if (here != caller) atomic_store_explicit(&w->cpu, here, memory_order_relaxed);
        return;
    }
    const bool crowded = here == caller && !fc_place_elsewhere(0, here);
    if (crowded != atomic_load_explicit(&pool.crowded, memory_order_relaxed))
        atomic_store_explicit(&pool.crowded, crowded, memory_order_relaxed);
}

/* One thread's part. Only the caller, thread 0, may ask whether to stop, and is told the answer. In
 * the child of a fork made while it asks, the pool may be another thread's by then: it goes no
 * further there. */
static bool work_on(work *w, int me, void *scratch) {
    const fc_task *task = w->task;
    const uint32_t generation = atomic_load_explicit(&pool.generation, memory_order_relaxed);
    int64_t asked = me == 0 && task->stop ? fc_now() : INT64_MAX - STOP_EVERY;
    bool fetched = me > 0 || w->threads == 1;
    for (fc_range r; fc_shares_take(&w->shares, me, &r);) {
        task->run(task->context, r.begin, r.end, scratch);
        if (!fetched) fetch_late(w);
        fetched = true;
        keep_apart(w, me);
        if (me == 0 && task->stop && fc_now() >= asked + STOP_EVERY) {
            const bool stopped = task->stop();
            if (w == &pool.work && atomic_load(&pool.generation) != generation) return stopped;
            if (stopped) atomic_store_explicit(&w->stopped, true, memory_order_relaxed);
            asked = fc_now();
        }
        if (atomic_load_explicit(&w->stopped, memory_order_relaxed)) return true;
    }
    return false;
}

static fc_status run_alone(const fc_task *task, void *scratch) {
    if (!task->stop || task->nanoseconds < (double)STOP_EVERY / 2) {
        task->run(task->context, 0, task->items, scratch);
        return FC_OK;
    }
    fc_span all;
    work w = prepare(task, 1, &all);
    return work_on(&w, 0, scratch) ? FC_STOPPED : FC_OK;
}

static void help(int me) {
    work *w = &pool.work;
    if (me >= w->threads) return;
    void *scratch = NULL;
    /* Without memory for it the others do this thread's share. */
    if (w->task->scratch_bytes && !(scratch = fc_workspace_acquire(w->task->scratch_bytes))) return;
    fc_set_float_mode(w->mode);
    keep_apart(w, me);
    work_on(w, me, scratch);
    if (scratch) fc_workspace_release(scratch);
}

static uint32_t await_task(bed *b, uint32_t seen) {
    const bool crowded = atomic_load_explicit(&pool.crowded, memory_order_relaxed);
    uint32_t epoch = spin(&pool.epoch, seen, crowded ? 0 : SPIN_FOR_TASK);
    while (epoch == seen) {
        atomic_store(&b->asleep, 1);
        /* After the store, and the caller looks for sleepers after the epoch: one sees the other.
         */
        epoch = atomic_load(&pool.epoch);
        if (epoch == seen) futex_wait(&b->asleep, 1);
        atomic_store(&b->asleep, 0);
        epoch = atomic_load(&pool.epoch);
    }
    return epoch;
}

static void *worker(void *place) {
    bed *b = place;
    const int me = (int)(b - pool.beds) + 1;
    uint32_t seen = atomic_load(&b->epoch);
    atomic_store(&b->thread, (pid_t)syscall(SYS_gettid));
    for (;;) {
        seen = await_task(b, seen);
        atomic_store_explicit(&b->epoch, seen, memory_order_relaxed);
        uint32_t door = atomic_load_explicit(&pool.door, memory_order_relaxed);
        while ((door & OPEN) && !atomic_compare_exchange_weak(&pool.door, &door, door + 1)) {
        }
        if (!(door & OPEN)) continue;
        help(me);
        if (atomic_fetch_sub(&pool.door, 1) == 1) futex_wake(&pool.door);
    }
    return NULL;
}

/* In the child of a fork, which has none of the threads. */
static void forget_workers(void) {
    pool.workers = 0;
    for (int i = 0; i < FC_THREADS_MOST; i++) {
        atomic_store(&pool.beds[i].asleep, 0);
        atomic_store(&pool.beds[i].thread, 0);
    }
    atomic_store(&pool.door, 0);
    atomic_fetch_add(&pool.generation, 1);
    atomic_store(&pool.busy, false);
}

/* As many as can be had; they take no signals. */
static void start_workers(int count) {
    if (!pool.handles_forks && pthread_atfork(NULL, NULL, forget_workers)) return;
    pool.handles_forks = true;
    sigset_t all, before;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (pthread_t id; pool.workers < count; pool.workers++) {
        bed *b = &pool.beds[pool.workers];
        atomic_store(&b->epoch, atomic_load(&pool.epoch));
        if (pthread_create(&id, &attributes, worker, b)) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

/* By the owner of the pool, which it gives back. */
static fc_status run_shared(const fc_task *task, int threads, void *scratch) {
    const uint32_t generation = atomic_load(&pool.generation);
    if (pool.workers < threads - 1) start_workers(threads - 1);
    threads = (int)fc_min(threads, pool.workers + 1);
    pool.work = prepare(task, threads, pool.spans);
    atomic_store(&pool.door, OPEN);
    atomic_fetch_add(&pool.epoch, 1);
    for (int i = 0; i < threads - 1; i++)
        if (atomic_exchange(&pool.beds[i].asleep, 0)) futex_wake(&pool.beds[i].asleep);
    const bool stopped = work_on(&pool.work, 0, scratch);
    if (atomic_load(&pool.generation) != generation)
        return stopped ? FC_STOPPED : run_alone(task, scratch);
    uint32_t inside = atomic_fetch_and(&pool.door, ~OPEN) & ~OPEN;
    while (inside) {
        inside = spin(&pool.door, inside, SPIN_FOR_END);
        if (inside) futex_wait(&pool.door, inside);
        inside = atomic_load(&pool.door);
    }
    atomic_store(&pool.busy, false);
    return stopped ? FC_STOPPED : FC_OK;
}

static int threads_worth(const fc_task *task, double nanoseconds) {
    const double worth = task->nanoseconds / nanoseconds;
    int64_t threads = fc_min(fc_min(task->threads, FC_THREADS_MOST), task->items);
    if (worth < (double)threads) threads = (int64_t)worth;
    return (int)fc_max(threads, 1);
}

int fc_task_threads(const fc_task *task) {
    return threads_worth(task, WORTH_WAKING);
}

/* Whether tasks follow each other so closely, for a third of the time or more, that helpers who
 * are woken for the first few find the next ones while they spin; all by one caller, for helpers
 * that spin would be in the way of another. */
static bool is_one_of_many(const fc_task *task) {
    static _Thread_local char mark;
    const uintptr_t me = (uintptr_t)&mark;
    const int64_t rest = fc_now() - atomic_load_explicit(&pool.last_end, memory_order_relaxed);
    return atomic_exchange_explicit(&pool.last_caller, me, memory_order_relaxed) == me &&
           rest < SPIN_FOR_TASK && (double)rest < 2 * task->nanoseconds &&
           !atomic_load_explicit(&pool.crowded, memory_order_relaxed);
}

fc_status fc_task_run(const fc_task *task) {
    if (task->items <= 0) return FC_OK;
    void *acquired = NULL;
    if (task->scratch_bytes && !task->scratch &&
        !(acquired = fc_workspace_acquire(task->scratch_bytes)))
        return FC_NO_MEMORY;
    void *scratch = acquired ? acquired : task->scratch;
    int threads = threads_worth(task, WORTH_SPINNING);
    const bool several = threads > 1;
    if (several && !is_one_of_many(task)) threads = fc_task_threads(task);
    const fc_status status = threads > 1 && !atomic_exchange(&pool.busy, true)
                                 ? run_shared(task, threads, scratch)
                                 : run_alone(task, scratch);
    if (several) atomic_store_explicit(&pool.last_end, fc_now(), memory_order_relaxed);
    if (acquired) fc_workspace_release(acquired);
    return status;
}
