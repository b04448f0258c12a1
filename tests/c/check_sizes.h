/* Sizes of any magnitude through everything that computes with sizes alone: validation, costs,
 * packed sizes, strips and scratch. No array is touched; an overflow is the sanitizer's to find,
 * a nonsensical result is found here. */
#ifndef FC_TESTS_CHECK_SIZES_H
#define FC_TESTS_CHECK_SIZES_H

#include "check_pool.h"

/* Three bytes: a magnitude, and something near it; at least 1, as callers ensure. */
static int64_t size_from(const uint8_t **data, size_t *left, int64_t least) {
    uint8_t b[3] = {0};
    for (int i = 0; i < 3 && *left; i++, (*left)--) b[i] = *(*data)++;
    const int64_t value = ((int64_t)1 << b[0] % 34) + (int64_t)(int8_t)b[1] * (b[2] % 4);
    return value < least ? least : value;
}

static void check_sizes(const uint8_t *data, size_t left) {
    form f = plain_form;
    if (left) {
        f.dtype = *data & 1 ? FC_F64 : FC_F32;
        f.channels_last = *data & 2;
        data++, left--;
    }
    problem p = {.batch = size_from(&data, &left, 0), .groups = size_from(&data, &left, 1)};
    bool overflow = false;
    const int64_t in = size_from(&data, &left, 1), out = size_from(&data, &left, 1);
    overflow |= __builtin_mul_overflow(p.groups, in, &p.channels);
    overflow |= __builtin_mul_overflow(p.groups, out, &p.filters);
    if (overflow) return; /* of an array's dimension: no caller has it */
    p.height = size_from(&data, &left, 0);
    p.width = size_from(&data, &left, 0);
    for (int a = 0; a < 2; a++) {
        p.kernel[a] = size_from(&data, &left, 1);
        p.stride[a] = size_from(&data, &left, 1);
        p.dilation[a] = size_from(&data, &left, 1);
        p.pad[2 * a] = size_from(&data, &left, 0) & ~1;
        p.pad[2 * a + 1] = size_from(&data, &left, 0) & ~1;
    }
    const fc_isa *isa = fc_isa_best();
    fc_conv_spec spec = spec_of(&p, f.dtype, f.channels_last);
    fc_conv_plan plan;
    fc_conv_job job;
    for (int exact = 0; exact < 2; exact++) {
        spec.exact = exact;
        if (fc_conv_validate(&spec) != FC_OK) break;
        const fc_tensor x = {.channel = 1}, y = {.channel = 1};
        const fc_conv_algorithm *row;
        for (int i = 0; (row = fc_conv_algorithm_at(i)); i++) {
            if (fc_conv_plan_make(&plan, &spec, isa, row->name, exact) != FC_OK) continue;
            if (plan.packed_bytes <= 0 || !(row->cost(&spec, plan.kernels) >= 0))
                fail(isa, &f, &p, row->name, "packed size or cost", 0, (double)plan.packed_bytes,
                     row->cost(&spec, plan.kernels));
            if (fc_conv_job_make(&job, &plan, NULL, p.batch, &x, &y) != FC_OK) continue;
            checks++;
            if (job.scratch_bytes < 0 || job.geometry.items < 0)
                fail(isa, &f, &p, row->name, "scratch or items", 0, (double)job.scratch_bytes,
                     (double)job.geometry.items);
        }
    }
    for (int i = 0; i < 4; i++) /* what is refused tells nothing */
        if (p.pad[i] > p.kernel[i / 2] / 2) p.pad[i] = p.kernel[i / 2] / 2;
    fc_max_pool_spec pool = pool_of(&p, f.dtype, f.channels_last);
    if (fc_max_pool_validate(&pool) == FC_OK) {
        const fc_tensor x = {.channel = 1}, y = {.channel = 1};
        fc_max_pool_job pooling;
        fc_max_pool_job_make(&pooling, &pool, isa, &x, &y, NULL);
        if (pooling.scratch_bytes < 0 || pooling.items < 0)
            fail(isa, &f, &p, "max_pool", "scratch or items", 0, (double)pooling.scratch_bytes,
                 (double)pooling.items);
    }
}

#endif
