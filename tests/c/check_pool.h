/* Max pooling with and without indices on every instruction set, exactly. */
#ifndef FC_TESTS_CHECK_POOL_H
#define FC_TESTS_CHECK_POOL_H

#include "check.h"
#include "ops/max_pool.h"

/* The first maximum of a window, the first NaN where there is one; -1 if it lies in padding. */
static double pool_at(const problem *p, const double *plane, int64_t y, int64_t x, int64_t *where) {
    double top = -INFINITY;
    *where = -1;
    for (int64_t r = 0; r < p->kernel[0]; r++)
        for (int64_t t = 0; t < p->kernel[1]; t++) {
            const int64_t row = y * p->stride[0] + r * p->dilation[0] - p->pad[0];
            const int64_t column = x * p->stride[1] + t * p->dilation[1] - p->pad[2];
            if (row < 0 || row >= p->height || column < 0 || column >= p->width) continue;
            const double value = plane[row * p->width + column];
            if (*where < 0 || value > top || (isnan(value) && !isnan(top))) {
                top = value;
                *where = row * p->width + column;
            }
        }
    return top;
}

static void check_pool_on(const fc_isa *isa, const problem *p, const form *f,
                          const fc_max_pool_spec *s, const array *x, const double *x_values,
                          bool with_index) {
    const int64_t size[4] = {s->batch, s->channels, s->out[0], s->out[1]};
    const int64_t planes = s->batch * s->channels, each = s->out[0] * s->out[1];
    const array y = array_in(Y, f->y_view, size, f->dtype, bytes_of(f->dtype), f->channels_last);
    const array index =
        array_in(INDEX, f->x_view & ~BROADCAST_C, size, FC_F64, sizeof(int64_t), f->channels_last);
    fc_max_pool_job job;
    fc_max_pool_job_make(&job, s, isa, &x->t, &y.t, with_index ? &index.t : NULL);
    void *scratch = array_of(SCRATCH, job.scratch_bytes, 1, FC_SCRATCH_ALIGNMENT);
    const int64_t half = job.items / 2; /* any split of the items */
    fc_max_pool_run(&job, half, job.items, scratch);
    fc_max_pool_run(&job, 0, half, scratch);
    double *got = malloc((size_t)(planes * each) * sizeof *got);
    double *found = malloc((size_t)(planes * each) * sizeof *found);
    if (!got || !found) exit(2);
    /* As doubles indices are bit patterns, of which none is a NaN. */
    if (!take(&y, got) || (with_index && !take(&index, found)))
        fail(isa, f, p, "max_pool", "written beside y", 0, 0, 0);
    for (int64_t i = 0; i < planes * each; i++) {
        int64_t where, at;
        const double wanted = pool_at(p, x_values + i / each * s->in[0] * s->in[1],
                                      i % each / s->out[1], i % s->out[1], &where);
        checks++;
        if (with_index) memcpy(&at, &found[i], sizeof at);
        if (same(got[i], wanted) && (!with_index || at == where)) continue;
        fail(isa, f, p, "max_pool", with_index ? "with index" : "without", i, got[i], wanted);
        break;
    }
    free(got), free(found);
}

static bool wide_padding(const problem *p) {
    for (int i = 0; i < 4; i++)
        if (p->pad[i] > p->kernel[i / 2] / 2) return true;
    return false;
}

/* Whether there is a window: in ceil_mode one that hangs over the end by less than a stride. */
static bool has_window(const problem *p, bool ceil_mode) {
    const int64_t in[2] = {p->height, p->width};
    for (int a = 0; a < 2; a++) {
        const int64_t window = (p->kernel[a] - 1) * p->dilation[a] + 1;
        const int64_t begins = in[a] + p->pad[2 * a], ends = begins + p->pad[2 * a + 1];
        if (window > ends && (!ceil_mode || window >= ends + p->stride[a] || !begins)) return false;
    }
    return true;
}

static fc_max_pool_spec pool_of(const problem *p, fc_dtype dtype, bool ceil_mode) {
    return (fc_max_pool_spec){
        .dtype = dtype,
        .ceil_mode = ceil_mode,
        .batch = p->batch,
        .channels = p->channels,
        .in = {p->height, p->width},
        .kernel = {p->kernel[0], p->kernel[1]},
        .stride = {p->stride[0], p->stride[1]},
        .dilation = {p->dilation[0], p->dilation[1]},
        .pad_lo = {p->pad[0], p->pad[2]},
        .pad_hi = {p->pad[1], p->pad[3]},
    };
}

static void check_pool(const problem *given, const form *f, const fc_isa *only, bool ceil_mode) {
    problem half = *given, *p = &half;
    fc_max_pool_spec s = pool_of(p, f->dtype, ceil_mode);
    const fc_status status = fc_max_pool_validate(&s);
    if (wide_padding(p) != (status == FC_WIDE_PADDING))
        fail(NULL, f, p, "max_pool", "padding beyond half of the kernel", 0, (double)status,
             FC_WIDE_PADDING);
    for (int i = 0; i < 4; i++)
        if (p->pad[i] > p->kernel[i / 2] / 2) p->pad[i] = p->kernel[i / 2] / 2;
    s = pool_of(p, f->dtype, ceil_mode);
    const bool can = has_window(p, ceil_mode);
    if ((fc_max_pool_validate(&s) == FC_OK) != can)
        fail(NULL, f, p, "max_pool", "took what cannot be, or refused what can", 0, !can, can);
    if (!can) return;
    flush_start = f->flush_start;
    random_state = f->seed;
    const int64_t size[4] = {p->batch, p->channels, p->height, p->width};
    double *values =
        random_values(p->batch * p->channels * p->height * p->width, f->values, f->dtype);
    const array x = array_in(X, f->x_view, size, f->dtype, bytes_of(f->dtype), f->channels_last);
    fill(&x, values);
    const fc_isa *isa;
    for (int i = 0; (isa = fc_isa_at(i)); i++) {
        if (!isa->runs_here() || (only && only != isa)) continue;
        check_pool_on(isa, p, f, &s, &x, values, false);
        check_pool_on(isa, p, f, &s, &x, values, true);
    }
    free(values);
}

#endif
