/* Bytes become a problem, and the problem goes through every algorithm on every instruction set.
 *
 * libFuzzer calls LLVMFuzzerTestOneInput (make fuzz); replay.c calls it with the corpus and, where
 * there is no libFuzzer, with random bytes. A failure aborts: that is how it is told. */
#include "check_columns.h"
#include "check_conv.h"
#include "check_pool.h"
#include "check_sizes.h"

/* Multiplications that one case may take on one instruction set: thousands of cases a second. */
enum { WORK = 8000, LARGE_WORK = 200000 };

typedef struct {
    const uint8_t *data;
    size_t size;
} bytes;

static uint8_t next(bytes *b) {
    if (!b->size) return 0;
    b->size--;
    return *b->data++;
}

#define PICK(b, ...) \
    ((const int64_t[]){__VA_ARGS__})[next(b) % (sizeof((const int64_t[]){__VA_ARGS__}) / 8)]

/* Sizes around those of vectors, tiles and blocks, and small ones of any kind. */
static int64_t channels_from(bytes *b) {
    return PICK(b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 20, 24, 31, 32, 33, 40, 47,
                48, 63, 64, 65, 66, 72, 96, 127, 128, 129, 130, 192, 256, 257, 264, 320, 557);
}

static int64_t extent_from(bytes *b) {
    const uint8_t v = next(b);
    return v < 192 ? 1 + v % 72 : PICK(b, 80, 96, 97, 112, 127, 128, 129, 130, 200, 256, 300, 513);
}

static int64_t work_of(const problem *p) {
    if (!fits(p)) return 0;
    const depth_axis z = depth_of(p);
    const int64_t taps = p->channels / p->groups * z.kernel * p->kernel[0] * p->kernel[1];
    const int64_t pixels = out_depth(p) * out_size(p, 0) * out_size(p, 1);
    const int64_t dense = p->filters * taps * (pixels * p->batch + 4);
    /* Copies in and out count, too. */
    return dense + p->batch * p->channels * (z.in + z.pad[0] + z.pad[1]) *
                       (p->height + p->pad[0] + p->pad[1]) * (p->width + p->pad[2] + p->pad[3]);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Whatever is largest is halved until the rest is little enough. */
static void shrink(problem *p, int64_t work) {
    while (work_of(p) > work) {
        int64_t *sizes[] = {&p->height, &p->width};
        const int64_t each_in = p->channels / p->groups, each_out = p->filters / p->groups;
        const int64_t largest =
            larger(larger(p->height, p->width), larger(p->groups, larger(each_in, each_out)));
        if (p->batch > 1)
            p->batch--;
        else if (largest <= 1)
            break;
        else if (largest == p->height || largest == p->width)
            *sizes[largest == p->width] = (largest + 1) / 2;
        else {
            const int64_t groups = largest == p->groups ? (p->groups + 1) / 2 : p->groups;
            p->channels = groups * (largest == each_in ? each_in / 2 : each_in);
            p->filters = groups * (largest == each_out ? each_out / 2 : each_out);
            p->groups = groups;
        }
        for (int a = 0; a < 2; a++) /* a larger kernel or padding than the rest deserves */
            if (largest <= p->kernel[a]) p->kernel[a] = (p->kernel[a] + 1) / 2;
        for (int i = 0; i < 4; i++)
            if (largest <= p->pad[i]) p->pad[i] /= 2;
    }
}

static problem problem_from(bytes *b) {
    problem p = {.batch = PICK(b, 1, 5, 1, 2, 2, 3)};
    const uint8_t grouping = next(b);
    const int64_t in = channels_from(b), out = channels_from(b);
    switch (grouping % 8) {
    case 0: /* depthwise */
        p.groups = in;
        p.channels = in;
        p.filters = in * (grouping & 64 ? 2 : 1);
        break;
    case 1: /* small groups */
        p.groups = 1 + out % 9;
        p.channels = p.filters = p.groups * ((int64_t)1 << in % 5);
        break;
    case 2: /* a few groups of any kind */
        p.groups = 2 + (grouping >> 3) % 3;
        p.channels = p.groups * in;
        p.filters = p.groups * out;
        break;
    default:
        p.groups = 1;
        p.channels = in;
        p.filters = out;
    }
    p.height = extent_from(b);
    p.width = extent_from(b);
    const uint8_t square = next(b);
    p.kernel[0] = PICK(b, 3, 3, 3, 1, 5, 7, 2, 4, 6, 9, 11, 3, 1);
    p.kernel[1] = PICK(b, 3, 3, 3, 1, 5, 7, 2, 4, 6, 9, 11, 3, 1);
    p.stride[0] = PICK(b, 1, 1, 1, 2, 2, 3, 4, 5, 7);
    p.stride[1] = PICK(b, 1, 1, 1, 2, 2, 3, 4, 5, 7);
    p.dilation[0] = PICK(b, 1, 1, 1, 1, 2, 2, 3, 4, 5, 12);
    p.dilation[1] = PICK(b, 1, 1, 1, 1, 2, 2, 3, 4, 5, 12);
    if (square & 1) p.kernel[1] = p.kernel[0];
    if (square & 2) p.stride[1] = p.stride[0];
    if (square & 4) p.dilation[1] = p.dilation[0];
    for (int i = 0; i < 4; i++) {
        const int a = i / 2;
        if (square & 8)
            p.pad[i] = (p.kernel[a] - 1) * p.dilation[a] / 2;
        else if (square & 16)
            p.pad[i] = PICK(b, 0, 0, 1, 2, 3, 5, 8, 13);
    }
    if (next(b) % 4 == 1) {
        p.depth = (depth_axis){
            1 + next(b) % 7, PICK(b, 1, 2, 3), PICK(b, 1, 1, 2, 3), PICK(b, 1, 1, 2, 3), {0, 0}};
        for (int i = 0; i < 2; i++) p.depth.pad[i] = PICK(b, 0, 1, 1, 2, 4);
    }
    if (square & 32) /* a reduction long enough to be cut */
        p.channels = p.channels / p.groups < 300 ? p.channels + 256 * p.groups : p.channels;
    return p;
}

static form form_from(bytes *b) {
    form f = plain_form;
    const uint8_t flags = next(b);
    f.dtype = flags & 1 ? FC_F64 : FC_F32;
    f.channels_last = flags & 2;
    f.flush_start = flags & 4;
    f.bias = flags & 8;
    if (flags & 16) f.clip_lo = 0;
    if (flags & 32) f.clip_hi = 0.25;
    if (flags & 64) f.x_view = next(b);
    if (flags & 128) f.y_view = next(b) & ~BROADCAST_C;
    static const value_kind kinds[] = {UNIFORM, PARTLY_SUBNORMAL, SUBNORMAL, INTEGERS, OUTLIERS,
                                       TINY,    SPECIALS,         SPECIALS};
    f.values = kinds[next(b) % 8];
    f.seed = 1 + next(b);
    return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes b = {data, size};
    const uint8_t what = next(&b);
    if (what % 8 == 7) {
        check_sizes(b.data, b.size);
    } else {
        const form f = form_from(&b);
        problem p = problem_from(&b);
        if (what % 8 == 5 || what % 8 == 6) p.depth = (depth_axis){0}; /* of convolutions only */
        shrink(&p, what >= 240 ? LARGE_WORK : WORK);
        if (what % 8 == 6) {
            if (p.kernel[0] * p.kernel[1] * work_of(&p) < LARGE_WORK) check_columns(&p, &f, NULL);
        } else if (what % 8 == 5) {
            check_pool(&p, &f, NULL, what & 64);
        } else {
            check_conv(&p, &f, NULL);
        }
    }
    if (failures) {
        fflush(stdout);
        abort();
    }
    return 0;
}
