/* Processors may take a hundred cycles over each operation on subnormal numbers. Where there are
 * any, images that leave room for it are convolved times a power of two (ops/scaled.c).
 *
 * Which images those are follows from their numbers and the weights; and without a subnormal sum
 * or term both ways have the same bits. So it is the same to the bit whether a call notices that
 * there are any: it looks at a few numbers, and after each part of the work at what the processor
 * has noted. */
#include "subnormals.h"

#include "../base/float_mode.h"
#include "../base/integers.h"
#include "scaled.h"
#include "scaled_power.h"

#include <stdatomic.h>

static bool sees_subnormal(const fc_conv_job *job) {
    const fc_walk images = fc_scaled_inputs(job, 0, job->images);
    return fc_walk_sees_subnormal(&images);
}

/* The work of a job, until a part of it meets subnormal numbers and scaling is worth it. */
typedef struct {
    const fc_conv_job *job;
    const fc_task *task;
    _Atomic int *verdict;
} watched;

enum { UNSEEN, LOOKING, AS_IT_IS, SCALED };

static int verdict_on(const fc_conv_job *job) {
    const fc_scaled_limits limits = fc_scaled_limits_of(job);
    for (int64_t n = 0; n < job->images; n++)
        if (fc_scaled_power(job, &limits, n)) return SCALED;
    return AS_IT_IS;
}

/* Whether it met subnormal numbers; what the mode has noted before stays. */
static bool meets_subnormal(const fc_task *task, int64_t begin, int64_t end, void *scratch) {
    const uint32_t met = FC_MODE_MET_SUBNORMAL, before = fc_float_mode();
    if (before & met) fc_set_float_mode(before & ~met);
    task->run(task->context, begin, end, scratch);
    const uint32_t after = fc_float_mode(), noted = after | (before & met);
    if (noted != after) fc_set_float_mode(noted);
    return after & met;
}

static void run_watched(const void *context, int64_t begin, int64_t end, void *scratch) {
    enum { PARTS = 16, NANOSECONDS = 100000 };
    const watched *w = context;
    const fc_task *task = w->task;
    const int64_t visit = fc_max(task->visit, 1), items = end - begin;
    const double all = task->nanoseconds * (double)items / (double)task->items;
    const int64_t parts = fc_clamp((int64_t)(all / NANOSECONDS), 1, PARTS);
    const int64_t step = fc_round_up(fc_ceil_div(items, parts), visit);
    while (begin < end) {
        int verdict = atomic_load(w->verdict);
        if (verdict == SCALED) return;
        const int64_t next = verdict == AS_IT_IS ? end : fc_min(begin / visit * visit + step, end);
        if (meets_subnormal(task, begin, next, scratch)) {
            verdict = UNSEEN;
            if (atomic_compare_exchange_strong(w->verdict, &verdict, LOOKING))
                atomic_store(w->verdict, verdict_on(w->job));
        }
        begin = next;
    }
}

fc_status fc_conv_task_run(const fc_conv_job *job, const fc_task *task) {
    if (!FC_MODE_MET_SUBNORMAL || (fc_float_mode() & FC_MODE_FLUSHES) || task->items <= 0 ||
        !fc_scaled_pays(job))
        return fc_task_run(task);
    if (!sees_subnormal(job)) {
        _Atomic int verdict = UNSEEN;
        const watched w = {job, task, &verdict};
        fc_task plain = *task;
        plain.run = run_watched;
        plain.context = &w;
        const fc_status status = fc_task_run(&plain);
        if (status != FC_OK || atomic_load(&verdict) != SCALED) return status;
    }
    return fc_scaled_run(job, task);
}
