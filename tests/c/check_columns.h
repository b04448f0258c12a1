/* The im2col matrix, a copy, exactly; and col2im, its adjoint, within the bound of its sums. */
#ifndef FC_TESTS_CHECK_COLUMNS_H
#define FC_TESTS_CHECK_COLUMNS_H

#include "check.h"
#include "ops/columns.h"
#include "reference.h"

/* Position in the image of an element [channel][tap][y][x] of the matrix, or -1 for padding. */
static int64_t source_of(const problem *p, int64_t i) {
    const int64_t height = out_size(p, 0), width = out_size(p, 1), each = height * width;
    const int64_t taps = p->kernel[0] * p->kernel[1], tap = i / each % taps, c = i / each / taps;
    const int64_t y = i % each / width * p->stride[0] + tap / p->kernel[1] * p->dilation[0] -
                      p->pad[0];
    const int64_t x = i % width * p->stride[1] + tap % p->kernel[1] * p->dilation[1] - p->pad[2];
    if (y < 0 || y >= p->height || x < 0 || x >= p->width) return -1;
    return (c * p->height + y) * p->width + x;
}

static void check_im2col(const fc_isa *isa, const problem *p, const form *f,
                         const fc_conv_spec *spec) {
    const int64_t size[4] = {p->batch, p->channels, p->height, p->width};
    const int64_t in = p->channels * p->height * p->width;
    const int64_t items = p->batch * p->channels * p->kernel[0] * p->kernel[1];
    const int64_t count = items * spec->out[FC_Y] * spec->out[FC_X];
    const int64_t columns_size[4] = {1, 1, 1, count};
    double *values = random_values(p->batch * in, f->values, f->dtype), *got = doubles(count);
    const array image =
        array_in(X, f->x_view, size, f->dtype, bytes_of(f->dtype), f->channels_last);
    const array columns = array_in(Y, 0, columns_size, f->dtype, bytes_of(f->dtype), false);
    fill(&image, values);
    fc_im2col(spec, isa, &image.t, columns.data, items / 2, items);
    fc_im2col(spec, isa, &image.t, columns.data, 0, items / 2);
    if (!take(&columns, got)) fail(isa, f, p, "im2col", "written beside", 0, 0, 0);
    for (int64_t i = 0; i < count; i++) {
        const int64_t each = count / p->batch, source = source_of(p, i % each);
        const double wanted = source < 0 ? 0 : values[i / each * in + source];
        checks++;
        if (same(got[i], wanted)) continue;
        fail(isa, f, p, "im2col", "", i, got[i], wanted);
        break;
    }
    free(values), free(got);
}

static void check_col2im(const fc_isa *isa, const problem *p, const form *f,
                         const fc_conv_spec *spec) {
    const int64_t size[4] = {p->batch, p->channels, p->height, p->width};
    const int64_t in = p->channels * p->height * p->width, items = p->batch * p->channels;
    const int64_t count = items * p->kernel[0] * p->kernel[1] * spec->out[FC_Y] * spec->out[FC_X];
    const int64_t columns_size[4] = {1, 1, 1, count};
    double *values = random_values(count, f->values, f->dtype), *got = doubles(p->batch * in);
    double *wanted = doubles(p->batch * in), *bound = doubles(p->batch * in);
    const array columns = array_in(X, 0, columns_size, f->dtype, bytes_of(f->dtype), false);
    const array image = array_in(Y, 0, size, f->dtype, bytes_of(f->dtype), false);
    fill(&columns, values);
    fill(&image, got); /* zeros, to add to */
    const int64_t positions = spec->out[FC_Y] * spec->out[FC_X];
    const fc_tensor rows = {columns.data, count / p->batch, positions, {0, 0, 1}};
    fc_col2im(spec, isa, &image.t, &rows, 0, items);
    if (!take(&image, got)) fail(isa, f, p, "col2im", "written beside", 0, 0, 0);
    /* An element meets each tap once at most. */
    const double gamma = gamma_of(p->kernel[0] * p->kernel[1] + 1, roundoff_of(f->dtype)) * 2;
    for (int64_t i = 0; i < count; i++) {
        const int64_t each = count / p->batch, source = source_of(p, i % each);
        if (source < 0) continue;
        wanted[i / each * in + source] += values[i];
        bound[i / each * in + source] += gamma * fabs(values[i]);
    }
    for (int64_t i = 0; i < p->batch * in; i++) {
        checks++;
        if (isfinite(wanted[i]) ? fabs(got[i] - wanted[i]) <= bound[i] : same(got[i], wanted[i]))
            continue;
        fail(isa, f, p, "col2im", "", i, got[i], wanted[i]);
        break;
    }
    free(values), free(got), free(wanted), free(bound);
}

static void check_columns(const problem *p, const form *f, const fc_isa *only) {
    fc_conv_spec spec = spec_of(p, f->dtype, f->channels_last);
    spec.out_channels = spec.groups = 1;
    if (fc_conv_validate(&spec) != FC_OK) return;
    flush_start = f->flush_start;
    random_state = f->seed;
    const fc_isa *isa;
    for (int i = 0; (isa = fc_isa_at(i)); i++) {
        if (!isa->runs_here() || (only && only != isa)) continue;
        check_im2col(isa, p, f, &spec);
        check_col2im(isa, p, f, &spec);
    }
}

#endif
