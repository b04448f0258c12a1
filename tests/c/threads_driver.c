/* The thread pool without Python, for ThreadSanitizer and by itself: every item
 * is done once whoever asks, stops or forks meanwhile, and one plan shared by
 * many threads gives the bits that it gives to one.
 *
 * Items count themselves in plain memory, so two threads with one item are a
 * race that the sanitizer sees. Prints a line a failure; the exit code is 1 if any. */
#define _GNU_SOURCE /* cpu_set_t */
#include "base/threads.h"

#include "base/places.h"
#include "base/workspace.h"
#include "ops/subnormals.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ /* as gcc says it */
#endif
#endif
#if defined(__SANITIZE_THREAD__)
enum { ROUNDS = 200, FORKS = 0 }; /* which it does not support with threads */
#else
enum { ROUNDS = 2000, FORKS = 200 };
#endif
enum { CALLERS = 4, ITEMS = 3000, SCRATCH = 1000 };

static _Atomic int wrong;

static void expect(bool condition, const char *what) {
    if (condition) return;
    wrong++;
    printf("%s\n", what);
}

static void *block(int64_t bytes) {
    void *p = aligned_alloc(64, ((size_t)bytes + 63) / 64 * 64 + 64);
    if (!p) exit(2);
    return p;
}

static float *values(int64_t count) {
    float *p = block(count * 4);
    for (int64_t i = 0; i < count; i++) p[i] = (float)(i * 7919 % 1009) / 503 - 1;
    return p;
}

typedef struct {
    int done[ITEMS];
} counts;

static void count(const void *context, int64_t begin, int64_t end, void *scratch) {
    counts *c = (counts *)(uintptr_t)context;
    memset(scratch, (int)begin, SCRATCH);
    for (int64_t i = begin; i < end; i++) c->done[i]++;
    for (int i = 0; i < SCRATCH; i++)
        if (((char *)scratch)[i] != (char)begin) wrong++;
}

static fc_task counting(counts *c, int64_t items, int64_t visit, double nanoseconds, int threads) {
    memset(c, 0, sizeof *c);
    return (fc_task){
        .run = count,
        .context = c,
        .items = items,
        .visit = visit,
        .nanoseconds = nanoseconds,
        .scratch_bytes = SCRATCH,
        .threads = threads,
    };
}

static void expect_each_once(const counts *c, int64_t items, const char *what) {
    for (int64_t i = 0; i < ITEMS; i++)
        if (c->done[i] != (i < items)) {
            expect(false, what);
            return;
        }
}

static uint64_t next(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Tasks of all sizes, one after the other, as fast as they go. */
static void *call(void *seed) {
    uint64_t state = (uint64_t)(uintptr_t)seed;
    counts *c = malloc(sizeof *c);
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t items = (int64_t)(next(&state) % (ITEMS + 1));
        const int64_t visit = (int64_t)(next(&state) % 20);
        const double nanoseconds = (double)(1000 << next(&state) % 20);
        const fc_task t = counting(c, items, visit, nanoseconds, (int)(next(&state) % 9) + 1);
        expect(fc_task_run(&t) == FC_OK, "a task failed");
        expect_each_once(c, items, "an item was not done once");
    }
    free(c);
    return NULL;
}

static void check_limits(void) {
    fc_task t = {.items = 10000, .nanoseconds = 1e12, .threads = 1000};
    expect(fc_task_threads(&t) == FC_THREADS_MOST, "more threads than there is room for");
    t.items = 3;
    expect(fc_task_threads(&t) == 3, "more threads than items");
    t.nanoseconds = 60e3;
    expect(fc_task_threads(&t) == 2, "a thread with next to nothing to do");
    t.nanoseconds = 0;
    expect(fc_task_threads(&t) == 1, "the caller itself");
}

static void check_scratch(void) {
    static counts c;
    const fc_task t = counting(&c, 10, 1, 1e3, 1);
    void *before = fc_workspace_acquire(1);
    fc_workspace_release(before);
    expect(fc_task_run(&t) == FC_OK, "a small task failed");
    void *after = fc_workspace_acquire(1);
    expect(before == after, "scratch was not given back");
    fc_workspace_release(after);
}

static void from_many_threads(void *(*function)(void *), void *argument) {
    pthread_t id[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        if (pthread_create(&id[i], NULL, function,
                           argument ? argument : (void *)(uintptr_t)(i + 1)))
            exit(2);
    for (int i = 0; i < CALLERS; i++) pthread_join(id[i], NULL);
}

/* A thread that shares a processor leaves it, and may use afterwards what it might before. */
static void check_places(void) {
    enum { TRIES = 100 }; /* the kernel may bring it back at once */
    cpu_set_t all, one, after;
    bool left = false;
    if (sched_getaffinity(0, sizeof all, &all) || CPU_COUNT(&all) < 2) return;
    for (int try = 0; try < TRIES && !left; try++) {
        const int here = fc_place();
        CPU_ZERO(&one);
        CPU_SET(here, &one);
        sched_setaffinity(0, sizeof one, &one);
        expect(!fc_place_elsewhere(0, here) && fc_place() == here,
               "a thread left the only processor that it may use");
        sched_setaffinity(0, sizeof all, &all);
        expect(fc_place_elsewhere(0, here), "a thread did not try to leave");
        left = fc_place() != here;
        expect(!sched_getaffinity(0, sizeof after, &after) && CPU_EQUAL(&all, &after),
               "a thread may use other processors than before");
    }
    expect(left, "a thread did not leave its processor");
}

static _Atomic int helped;

static void note_helper(const void *context, int64_t begin, int64_t end, void *scratch) {
    const pthread_t *caller = context;
    volatile double x = 1;
    (void)scratch;
    for (int64_t i = 0; i < (end - begin) * 200; i++) x *= 1.5;
    if (!pthread_equal(*caller, pthread_self())) helped = 1;
}

/* One small task is the caller's alone; many, one after the other, find a helper awake. */
static void check_small(void) {
    enum { TRIES = 200000 };
    const pthread_t me = pthread_self();
    const fc_task t = {
        .run = note_helper, .context = &me, .items = 64, .nanoseconds = 2e4, .threads = 2};
    cpu_set_t all;
    if (sched_getaffinity(0, sizeof all, &all) || CPU_COUNT(&all) < 2) return;
    for (int i = 0; i < 100; i++) {
        usleep(100);
        fc_task_run(&t);
    }
    expect(!helped, "a helper was woken for a small task");
    for (int i = 0; i < TRIES && !helped; i++) fc_task_run(&t);
    expect(helped, "no helper came to many small tasks");
}

/* ---- stop */

static int asked;

/* A call inside of a call, which finds the pool taken. */
static bool stop_never(void) {
    static counts c;
    const fc_task t = counting(&c, 100, 1, 1e6, 3);
    asked++;
    expect(fc_task_run(&t) == FC_OK, "the task inside failed");
    expect_each_once(&c, 100, "an item of the task inside was not done once");
    return false;
}

static bool stop_at_once(void) {
    asked++;
    return true;
}

static void count_slowly(const void *context, int64_t begin, int64_t end, void *scratch) {
    count(context, begin, end, scratch);
    usleep((unsigned)(end - begin) * 1000);
}

/* The caller has scratch of its own; for its helpers there is none, of that size. */
static void check_no_scratch(void) {
    static counts c;
    static char mine[SCRATCH];
    fc_task t = counting(&c, 100, 1, 100e6, 4);
    t.run = count_slowly; /* helpers have the time to come */
    t.scratch_bytes = SIZE_MAX;
    t.scratch = mine;
    expect(fc_task_run(&t) == FC_OK, "a task whose helpers have no memory failed");
    expect_each_once(&c, 100, "an item was not done once without helpers' memory");
}

/* A call that lasts long enough to be asked whether it goes on. */
static fc_status call_asking(counts *c, int64_t items, int threads, bool (*stop)(void)) {
    fc_task t = counting(c, items, 4, (double)items * 1e6, threads);
    t.run = count_slowly;
    t.stop = stop;
    asked = 0;
    return fc_task_run(&t);
}

static void check_stop(int threads) {
    static counts c;
    expect(call_asking(&c, 150, threads, stop_never) == FC_OK && asked > 0,
           "the task that may stop");
    expect_each_once(&c, 150, "an item was not done once beside the task inside");

    expect(call_asking(&c, 3000, threads, stop_at_once) == FC_STOPPED && asked == 1,
           "the task that stops");
    int64_t done = 0;
    for (int i = 0; i < 3000; i++) {
        expect(c.done[i] <= 1, "an item was done twice");
        done += c.done[i];
    }
    expect(done > 0 && done < 1500, "stopped too late");
}

/* ---- forks */

static bool child_is_right(void) {
    static counts c;
    const pid_t child = fork();
    if (child == 0) {
        const fc_task t = counting(&c, ITEMS, 7, 1e9, 4);
        alarm(300);
        fc_task_run(&t);
        expect_each_once(&c, ITEMS, "in the child");
        exit(wrong != 0); /* not _exit, which loses what was printed, and gcov's counters */
    }
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool stop_after_fork(void) {
    if (asked++ == 0) expect(child_is_right(), "the child of a fork in the middle of a call");
    return false;
}

static counts beside;
static pthread_t other;
static pid_t child;
static _Atomic bool begun, over;

static void count_and_wait(const void *context, int64_t begin, int64_t end, void *scratch) {
    count(context, begin, end, scratch);
    begun = true;
    while (!over) usleep(100);
}

static void *call_beside(void *unused) {
    fc_task t = counting(&beside, ITEMS, 1, 1e9, 2);
    t.run = count_and_wait;
    expect(fc_task_run(&t) == FC_OK, "the task of a child's thread failed");
    return unused;
}

/* In the child a thread has the pool by the time that the call goes on. */
static bool stop_after_fork_and_thread(void) {
    if (asked++ || (child = fork())) return false;
    alarm(300);
    if (pthread_create(&other, NULL, call_beside, NULL)) _exit(2);
    while (!begun) usleep(100);
    return false;
}

static void check_thread_of_child(int threads) {
    static counts c;
    expect(call_asking(&c, 150, threads, stop_after_fork_and_thread) == FC_OK && asked > 0,
           "a call around a fork");
    if (child == 0) {
        over = true;
        pthread_join(other, NULL);
        expect_each_once(&beside, ITEMS, "an item was not done once beside a call around a fork");
        for (int64_t i = 0; i < ITEMS; i++)
            expect((c.done[i] > 0) == (i < 150), "in the child an item of another call");
        exit(wrong != 0);
    }
    expect_each_once(&c, 150, "an item was not done once around a fork with a thread");
    int status = 1;
    expect(child > 0 && waitpid(child, &status, 0) == child && status == 0,
           "the child of a fork, with a thread of its own");
}

static void check_forks(void) {
    pthread_t id[2];
    for (uintptr_t i = 0; i < 2; i++)
        if (pthread_create(&id[i], NULL, call, (void *)(i + 100))) exit(2);
    for (int i = 0; i < FORKS; i++) expect(child_is_right(), "the child of a fork");
    for (int i = 0; i < 2; i++) pthread_join(id[i], NULL);
    for (int threads = 1; FORKS && threads < 4; threads++) {
        static counts c;
        call_asking(&c, 150, threads, stop_after_fork);
        expect_each_once(&c, 150, "an item was not done once around a fork");
    }
    for (int threads = 1; FORKS && threads < 4; threads++) check_thread_of_child(threads);
}

/* ---- a plan */

static fc_tensor tensor(void *data, int64_t channels, int64_t height, int64_t width) {
    return (fc_tensor){.data = data,
                       .batch = channels * height * width,
                       .channel = height * width,
                       .axis = {0, width, 1}};
}

typedef struct {
    fc_conv_plan plan;
    void *packed, *x, *expected;
    fc_tensor xt, yt;
    int64_t out, batch;
} shared_plan;

static void *convolve(void *argument) {
    const shared_plan *s = argument;
    const size_t bytes = (size_t)s->out * 4;
    for (int threads = 1; threads <= 5; threads++) {
        fc_tensor yt = s->yt;
        yt.data = block(s->out * 4);
        fc_conv_job job;
        expect(fc_conv_job_make(&job, &s->plan, s->packed, s->batch, &s->xt, &yt) == FC_OK, "job");
        fc_task t = fc_conv_task(&job, threads);
        t.threads = threads;
        t.nanoseconds = fmax(t.nanoseconds, 1e6);
        expect(fc_conv_task_run(&job, &t) == FC_OK, "the convolution failed");
        expect(!memcmp(yt.data, s->expected, bytes), "another result with more threads");
        free(yt.data);
    }
    return NULL;
}

static void check_plan(const char *family, int64_t groups, int64_t dilation, float scale) {
    enum { C = 32, K = 48, H = 21, W = 23, BATCH = 2 };
    fc_conv_spec spec = {
        .in_channels = C,
        .out_channels = groups == C ? C : K,
        .groups = groups,
        .in = {1, H, W},
        .kernel = {1, 3, 3},
        .stride = {1, 1, 1},
        .dilation = {1, dilation, dilation},
        .pad_lo = {0, 1, 1},
        .pad_hi = {0, 1, 1},
        .clip_lo = -INFINITY,
        .clip_hi = INFINITY,
    };
    if (groups == 8) spec.out_channels = C;
    shared_plan s = {.batch = BATCH};
    if (fc_conv_validate(&spec) != FC_OK ||
        fc_conv_plan_make(&s.plan, &spec, fc_isa_best(), family, false) != FC_OK) {
        expect(false, family);
        return;
    }
    const int64_t k = spec.out_channels, height = spec.out[FC_Y], width = spec.out[FC_X];
    s.out = BATCH * k * height * width;
    s.x = values(BATCH * C * H * W);
    for (int64_t i = 0; i < BATCH * C * H * W; i++) ((float *)s.x)[i] *= scale;
    void *w = values(k * C / groups * 9);
    s.packed = block(s.plan.packed_bytes);
    s.expected = block(s.out * 4);
    s.xt = tensor(s.x, C, H, W);
    s.yt = tensor(s.expected, k, height, width);
    fc_conv_pack(&s.plan, w, NULL, s.packed);
    fc_conv_job job;
    fc_conv_job_make(&job, &s.plan, s.packed, BATCH, &s.xt, &s.yt);
    const fc_task t = fc_conv_task(&job, 1);
    expect(fc_conv_task_run(&job, &t) == FC_OK, "the convolution of one thread failed");
    from_many_threads(convolve, &s);
    free(s.x), free(w), free(s.packed), free(s.expected);
}

int main(void) {
    check_limits();
    check_scratch();
    check_places();
    check_small();
    from_many_threads(call, NULL);
    check_no_scratch();
    for (int threads = 1; threads < 5; threads++) check_stop(threads);
    if (FORKS) check_forks();
    for (int subnormal = 0; subnormal < 2; subnormal++) {
        const float scale = subnormal ? 0x1p-130f : 1;
        check_plan("direct", 1, 1, scale);
        check_plan("im2col", 1, 1, scale);
        check_plan("winograd", 1, 1, scale);
        check_plan("dilated", 1, 2, scale);
        check_plan("depthwise", 32, 1, scale);
        check_plan("grouped", 8, 1, scale);
    }
    printf("%d failures\n", wrong);
    return wrong != 0;
}
