/* The kernels and operators without Python: every instruction set that runs
 * here, both types, both layouts, every algorithm that accepts, against a plain
 * sum in a wider type within the bound gamma_n * sum |x||w|; max pooling and the
 * im2col matrix (copies, transposes) exactly.
 *
 * Prints one line a failure and a summary; the exit code is 1 if any failed. */
#include "arrays.h"
#include "ops/columns.h"
#include "ops/conv.h"
#include "ops/max_pool.h"
#include "problems.h"

#include <float.h>

/* One output element: its value, and the sum of magnitudes that bounds its error. */
static long double sum(const problem *p, const fc_tensor *t, const void *w, const void *bias,
                       fc_dtype dtype, int64_t n, int64_t k, int64_t y, int64_t x,
                       long double *size) {
    const int64_t in = p->channels / p->groups, first = k / (p->filters / p->groups) * in;
    long double value = get(bias, k, dtype);
    *size = fabsl(value);
    for (int64_t c = 0; c < in; c++)
        for (int64_t r = 0; r < p->kernel[0]; r++)
            for (int64_t s = 0; s < p->kernel[1]; s++) {
                const int64_t row = y * p->stride[0] + r * p->dilation[0] - p->pad[0];
                const int64_t column = x * p->stride[1] + s * p->dilation[1] - p->pad[2];
                if (row < 0 || row >= p->height || column < 0 || column >= p->width) continue;
                const long double term =
                    (long double)get(t->data, at(t, n, first + c, row, column), dtype) *
                    get(w, ((k * in + c) * p->kernel[0] + r) * p->kernel[1] + s, dtype);
                value += term;
                *size += fabsl(term);
            }
    return value;
}

static double gamma_of(int64_t n, double u) {
    return (double)n * u / (1 - (double)n * u);
}

/* Two images, run in one go and item by item: the same bits, within the bound. */
static void check_algorithm(const fc_isa *isa, const problem *p, int number, fc_dtype dtype,
                            bool channels_last, const char *family) {
    fc_conv_spec spec = spec_of(p, dtype, channels_last);
    fc_conv_plan plan;
    if (fc_conv_validate(&spec) != FC_OK) {
        fail(isa, dtype, "validate", number, 0, 1);
        return;
    }
    if (fc_conv_plan_make(&plan, &spec, isa, family, false) != FC_OK) return;
    const char *what = family ? family : "auto";
    const int64_t height = out_size(p, 0), width = out_size(p, 1), batch = 2;
    const int64_t in = p->channels * p->height * p->width, out = p->filters * height * width;
    const int64_t taps = p->channels / p->groups * p->kernel[0] * p->kernel[1];
    void *x = random_block(batch * in, dtype), *w = random_block(p->filters * taps, dtype);
    void *bias = random_block(p->filters, dtype), *y = block(batch * out),
         *again = block(batch * out);
    void *packed = block(plan.packed_bytes / (dtype == FC_F32 ? 4 : 8));
    const fc_tensor xt = tensor(x, p->channels, p->height, p->width, channels_last);
    fc_tensor yt = tensor(y, p->filters, height, width, channels_last);
    fc_conv_job job;
    fc_conv_pack(&plan, w, bias, packed);
    fc_conv_job_make(&job, &plan, packed, batch, &xt, &yt);
    void *scratch = block(job.scratch_bytes / 4); /* in floats: no promise beyond them */
    fc_conv_run(&job, 0, job.geometry.items, scratch);
    if (overrun(scratch, job.scratch_bytes / 4, FC_F32))
        fail(isa, dtype, "written beyond the scratch", number, 0, 0);
    if (overrun(y, batch * out, dtype) ||
        overrun(packed, plan.packed_bytes / (dtype == FC_F32 ? 4 : 8), dtype))
        fail(isa, dtype, "written beyond the output or the packed weights", number, 0, 0);

    yt.data = again;
    fc_conv_job_make(&job, &plan, packed, batch, &xt, &yt);
    for (int64_t item = job.geometry.items; item-- > 0;) fc_conv_run(&job, item, item + 1, scratch);
    if (memcmp(y, again, (size_t)(batch * out) * (dtype == FC_F32 ? 4 : 8)))
        fail(isa, dtype, "items in another order", number, 0, 0);

    /* The sum in long double rounds too; where that is a double, its bound is as large. */
    const double u = dtype == FC_F32 ? 0x1p-24 : 0x1p-53, oracle = LDBL_EPSILON / 2;
    const double gamma = gamma_of(taps + 1, u) + gamma_of(taps + 1, oracle);
    for (int64_t i = 0; i < batch * out; i++) {
        const int64_t n = i / out, k = i / (height * width) % p->filters;
        const int64_t row = i / width % height, column = i % width;
        long double size, wanted = sum(p, &xt, w, bias, dtype, n, k, row, column, &size);
        const double got = get(y, at(&yt, n, k, row, column), dtype);
        checks++;
        if (!(fabsl(got - wanted) <= gamma * size)) {
            fail(isa, dtype, what, number, got, (double)wanted);
            break;
        }
    }
    free(x), free(w), free(bias), free(y), free(again), free(packed), free(scratch);
}

/* The matrix is a copy: rows with a step, and transposed where channels come last. */
static void check_columns(const fc_isa *isa, const problem *p, int number, fc_dtype dtype,
                          bool channels_last) {
    fc_conv_spec spec = spec_of(p, dtype, channels_last);
    spec.out_channels = spec.groups = 1;
    fc_conv_validate(&spec);
    const int64_t height = spec.out[FC_Y], width = spec.out[FC_X], in = p->height * p->width;
    const int64_t taps = p->kernel[0] * p->kernel[1], count = p->channels * taps * height * width;
    void *x = random_block(p->channels * in, dtype), *columns = block(count);
    fc_tensor t = tensor(x, p->channels, p->height, p->width, channels_last);
    fc_im2col(&spec, isa, &t, columns, 0, p->channels);
    if (overrun(columns, count, dtype)) fail(isa, dtype, "im2col overrun", number, 0, 0);
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = i / (taps * height * width), tap = i / (height * width) % taps;
        const int64_t y = i / width % height * p->stride[0] + tap / p->kernel[1] * p->dilation[0] -
                          p->pad[0];
        const int64_t z = i % width * p->stride[1] + tap % p->kernel[1] * p->dilation[1] -
                          p->pad[2];
        const bool inside = y >= 0 && y < p->height && z >= 0 && z < p->width;
        const double wanted = inside ? get(x, at(&t, 0, c, y, z), dtype) : 0;
        checks++;
        if (get(columns, i, dtype) != wanted) {
            fail(isa, dtype, "im2col", number, get(columns, i, dtype), wanted);
            break;
        }
    }
    free(x), free(columns);
}

static void check_pool(const fc_isa *isa, const problem *p, int number, fc_dtype dtype,
                       bool channels_last, bool ceil_mode) {
    fc_max_pool_spec s = {
        .dtype = dtype,
        .ceil_mode = ceil_mode,
        .batch = 1,
        .channels = p->channels,
        .in = {p->height, p->width},
        .kernel = {p->kernel[0], p->kernel[1]},
        .stride = {p->stride[0], p->stride[1]},
        .dilation = {p->dilation[0], p->dilation[1]},
        .pad_lo = {p->kernel[0] / 2, p->kernel[1] / 2},
        .pad_hi = {p->kernel[0] / 2, 0},
    };
    if (fc_max_pool_validate(&s) != FC_OK) return;
    const int64_t in = p->channels * p->height * p->width;
    const int64_t out = p->channels * s.out[0] * s.out[1];
    void *x = random_block(in, dtype), *y = block(out);
    int64_t *index = block(out);
    set(x, in / 2, NAN, dtype);
    const fc_tensor xt = tensor(x, p->channels, p->height, p->width, channels_last);
    const fc_tensor yt = tensor(y, p->channels, s.out[0], s.out[1], channels_last);
    const fc_tensor it = tensor(index, p->channels, s.out[0], s.out[1], channels_last);
    for (int with_index = 0; with_index < 2; with_index++) {
        fc_max_pool_job job;
        fc_max_pool_job_make(&job, &s, isa, &xt, &yt, with_index ? &it : NULL);
        void *scratch = block(job.scratch_bytes / 4);
        fc_max_pool_run(&job, 0, job.items, scratch);
        if (overrun(y, out, dtype) || overrun(scratch, job.scratch_bytes / 4, FC_F32))
            fail(isa, dtype, "max_pool overrun", number, 0, 0);
        for (int64_t i = 0; i < out; i++) {
            const int64_t c = i / (s.out[0] * s.out[1]), row = i / s.out[1] % s.out[0];
            const int64_t column = i % s.out[1];
            double top = -INFINITY;
            int64_t where = -1;
            for (int64_t tap = 0; tap < s.kernel[0] * s.kernel[1]; tap++) {
                const int64_t r = row * s.stride[0] + tap / s.kernel[1] * s.dilation[0] -
                                  s.pad_lo[0];
                const int64_t t = column * s.stride[1] + tap % s.kernel[1] * s.dilation[1] -
                                  s.pad_lo[1];
                if (r < 0 || r >= s.in[0] || t < 0 || t >= s.in[1]) continue;
                const double value = get(x, at(&xt, 0, c, r, t), dtype);
                if (where < 0 || value > top || (isnan(value) && !isnan(top))) {
                    top = value;
                    where = r * s.in[1] + t;
                }
            }
            const int64_t place = at(&yt, 0, c, row, column);
            const double got = get(y, place, dtype);
            checks++;
            if (!(got == top || (isnan(got) && isnan(top))) ||
                (with_index && index[place] != where)) {
                fail(isa, dtype, with_index ? "max_pool index" : "max_pool", number, got, top);
                break;
            }
        }
        free(scratch);
    }
    free(x), free(y), free(index);
}

int main(void) {
    const fc_isa *isa;
    for (int i = 0; (isa = fc_isa_at(i)); i++) {
        if (!isa->runs_here()) {
            printf("%s: not on this processor\n", isa->name);
            continue;
        }
        for (int number = 0; number < (int)(sizeof problems / sizeof *problems); number++)
            for (int form = 0; form < 4; form++) {
                const fc_dtype dtype = form & 1 ? FC_F64 : FC_F32;
                const bool last = form >> 1;
                const problem *p = &problems[number];
                const fc_conv_algorithm *row;
                check_algorithm(isa, p, number, dtype, last, NULL);
                for (int a = 0; (row = fc_conv_algorithm_at(a)); a++)
                    check_algorithm(isa, p, number, dtype, last, row->family);
                check_columns(isa, p, number, dtype, last);
                check_pool(isa, p, number, dtype, last, false);
                check_pool(isa, p, number, dtype, last, true);
            }
        printf("%s: done\n", isa->name);
    }
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
