/* Winograd's derived bound (docs/numbers.md), tile by tile: what tests/winograd_bound.py has in
 * Python, for the C drivers. */
#ifndef FC_TESTS_WINOGRAD_BOUND_H
#define FC_TESTS_WINOGRAD_BOUND_H

#include "reference.h"

enum { TILE = 6 };

typedef double matrix[TILE][TILE];

/* F(m, r) of one axis: the magnitudes of B^T and A^T, and G. */
typedef struct {
    int64_t t, m, r, window;
    matrix b, g, a;
    double b_sum, g_sum, a_sum; /* the largest sum of a row's magnitudes */
} transforms;

/* By Toom-Cook interpolation: row i of B^T is the polynomial prod_{j != i} (x - p_j). */
static void interpolate(transforms *f, const double *p) {
    const int64_t last = f->t - 1;
    for (int64_t i = 0; i < last; i++) {
        double polynomial[TILE] = {1}, product = 1, power = 1;
        for (int64_t j = 0, degree = 0; j <= last; j++) {
            if (j == i || j == last) continue;
            product *= p[i] - p[j];
            for (int64_t k = ++degree; k >= 0; k--)
                polynomial[k] = (k ? polynomial[k - 1] : 0) - p[j] * polynomial[k];
        }
        for (int64_t k = 0; k < last; k++) f->b[i][k] = polynomial[k];
        for (int64_t k = 0; k < f->r || k < f->m; k++, power *= p[i]) {
            if (k < f->r) f->g[i][k] = power / product;
            if (k < f->m) f->a[k][i] = power;
        }
    }
    double all[TILE] = {1};
    for (int64_t j = 0; j < last; j++)
        for (int64_t k = j + 1; k >= 0; k--) all[k] = (k ? all[k - 1] : 0) - p[j] * all[k];
    for (int64_t k = 0; k <= last; k++) f->b[last][k] = all[k];
    f->g[last][f->r - 1] = f->a[f->m - 1][last] = 1;
}

static void magnitudes(matrix m) {
    for (int i = 0; i < TILE * TILE; i++) m[i / TILE][i % TILE] = fabs(m[i / TILE][i % TILE]);
}

static double largest_row(matrix m) {
    double largest = 0;
    for (int i = 0; i < TILE; i++) {
        double sum = 0;
        for (int j = 0; j < TILE; j++) sum += fabs(m[i][j]);
        largest = fmax(largest, sum);
    }
    return largest;
}

static transforms transforms_of(int64_t t, int64_t taps) {
    /* The points of tiles of 4, 5 and 6, infinity left out. */
    static const double points[3][TILE] = {
        {0, 1, -1}, {0, 3. / 4, -3. / 4, 2}, {0, 5. / 8, -5. / 8, 3. / 2, -3. / 2}};
    transforms f = {.t = t, .m = t - taps + 1, .r = taps, .window = t};
    if (taps == 1) {
        f.t = f.m = f.window = 1;
        f.b[0][0] = f.g[0][0] = f.a[0][0] = 1;
    } else if (t == 3) { /* F(2, 3) of tiles whose first and last inputs are zeros */
        f = (transforms){.t = 3,
                         .m = 2,
                         .r = 3,
                         .window = 4,
                         .b = {{0, 1, 1}, {0, 0, 1}, {0, 1}},
                         .g = {{0, 1}, {0, -1, 1}, {1, -1}},
                         .a = {{1, 1, 0}, {1, 0, 1}}};
    } else {
        interpolate(&f, points[t - 4]);
    }
    magnitudes(f.b);
    magnitudes(f.a);
    f.b_sum = largest_row(f.b);
    f.g_sum = largest_row(f.g);
    f.a_sum = largest_row(f.a);
    return f;
}

/* How outputs and taps of one axis fall into undilated convolutions of stride 1: with g =
 * gcd(stride, dilation), output o * (dilation / g) + f and tap r * (stride / g) + q meet at input
 * (o + r) * step + q * dilation + f * stride - pad. */
typedef struct {
    transforms f;
    int64_t planes, phases, every, apart, step;
} winograd_axis;

static winograd_axis axis_of(const problem *p, int axis, int64_t t) {
    int64_t g = p->stride[axis], d = p->kernel[axis] > 1 ? p->dilation[axis] : 1;
    for (int64_t b = d, rest; b; g = b, b = rest) rest = g % b;
    const int64_t every = p->stride[axis] / g, taps = (p->kernel[axis] + every - 1) / every;
    return (winograd_axis){.f = transforms_of(t, taps),
                           .planes = d / g,
                           .phases = every < p->kernel[axis] ? every : p->kernel[axis],
                           .every = every,
                           .apart = d,
                           .step = d * every};
}

/* to = left from right^T, where `from` is rows x columns. */
static void both_sides(const matrix left, const matrix right, int64_t ty, int64_t tx, int64_t rows,
                       int64_t columns, const matrix from, matrix to) {
    for (int64_t i = 0; i < ty; i++) {
        double half[TILE] = {0};
        for (int64_t s = 0; s < columns; s++)
            for (int64_t r = 0; r < rows; r++) half[s] += left[i][r] * from[r][s];
        for (int64_t j = 0; j < tx; j++) {
            to[i][j] = 0;
            for (int64_t s = 0; s < columns; s++) to[i][j] += right[j][s] * half[s];
        }
    }
}

typedef struct {
    const problem *p;
    fc_dtype dtype;
    const double *x, *w;
    winograd_axis axis[2];
    double u_least, v_least; /* what underflow adds to a transformed filter, and input */
} winograd_case;

/* The filter of one channel, plane of the kernel and phase, transformed: in double and rounded
 * once, unless double is the type itself. */
static void filter_size(const winograd_case *c, int64_t k, int64_t channel, int64_t plane,
                        const int64_t phase[2], matrix u) {
    const winograd_axis *y = &c->axis[0], *x = &c->axis[1];
    const int64_t *kernel = c->p->kernel, in = c->p->channels / c->p->groups;
    const double *w = c->w +
                      ((k * in + channel) * depth_of(c->p).kernel + plane) * kernel[0] * kernel[1];
    matrix taps = {{0}}, gy, gx;
    memcpy(gy, y->f.g, sizeof gy);
    memcpy(gx, x->f.g, sizeof gx);
    for (int64_t r = 0, row = phase[0]; row < kernel[0]; r++, row += y->every)
        for (int64_t s = 0, column = phase[1]; column < kernel[1]; s++, column += x->every)
            taps[r][s] = w[row * kernel[1] + column];
    if (c->dtype == FC_F64) magnitudes(taps), magnitudes(gy), magnitudes(gx);
    both_sides(gy, gx, y->f.t, x->f.t, y->f.r, x->f.r, taps, u);
    magnitudes(u);
}

/* The tile whose first window begins at plane, row and column `at` of channel 0 and phase 0. Of the
 * bound, what grows with the operands and what is left of underflow. Planes of the kernel are
 * channels to it. */
static void tile_bound(const winograd_case *c, int64_t n, int64_t k, const int64_t at[3],
                       matrix size, matrix least) {
    const problem *p = c->p;
    const depth_axis z = depth_of(p);
    const winograd_axis *y = &c->axis[0], *x = &c->axis[1];
    const int64_t in = p->channels / p->groups, first = k / (p->filters / p->groups) * in;
    matrix sums = {{0}}, rests, d, u, v;
    int64_t q[2];
    for (int i = 0; i < TILE * TILE; i++)
        rests[i / TILE][i % TILE] = (double)(in * z.kernel * y->phases * x->phases + 1) *
                                    tiny_of(c->dtype);
    for (int64_t each = 0; each < in * z.kernel; each++) {
        const int64_t channel = each / z.kernel, plane = each % z.kernel;
        for (q[0] = 0; q[0] < y->phases; q[0]++)
            for (q[1] = 0; q[1] < x->phases; q[1]++) {
                for (int64_t i = 0; i < y->f.window; i++)
                    for (int64_t j = 0; j < x->f.window; j++)
                        d[i][j] =
                            fabs(padded_at(p, c->x, n, first + channel, at[0] + plane * z.dilation,
                                           at[1] + q[0] * y->apart + i * y->step,
                                           at[2] + q[1] * x->apart + j * x->step));
                both_sides(y->f.b, x->f.b, y->f.t, x->f.t, y->f.window, x->f.window, d, v);
                filter_size(c, k, channel, plane, q, u);
                for (int64_t i = 0; i < y->f.t; i++)
                    for (int64_t j = 0; j < x->f.t; j++) {
                        sums[i][j] += u[i][j] * v[i][j];
                        rests[i][j] += u[i][j] * c->v_least + v[i][j] * c->u_least;
                    }
            }
    }
    both_sides(y->f.a, x->f.a, y->f.m, x->f.m, y->f.t, x->f.t, sums, size);
    both_sides(y->f.a, x->f.a, y->f.m, x->f.m, y->f.t, x->f.t, rests, least);
}

/* The bound of every output with tiles of t, in the order [n][k][z][y][x]. */
static double *winograd_bound(const problem *p, fc_dtype dtype, int64_t t, const double *x,
                              const double *w, const double *bias) {
    winograd_case c = {p, dtype, x, w, {axis_of(p, 0, t), axis_of(p, 1, t)}, 0, 0};
    const winograd_axis *ay = &c.axis[0], *ax = &c.axis[1];
    const depth_axis az = depth_of(p);
    const int64_t sums = p->channels / p->groups * az.kernel * ay->phases * ax->phases;
    const int64_t roundings = 19 + (dtype == FC_F64 ? ay->f.r + ax->f.r : 0);
    const double gamma = gamma_of(sums + roundings, roundoff_of(dtype)), tiny = tiny_of(dtype);
    /* A line of B^T errs by at most 4 of the least, one of A^T by 2, one of G by its taps. */
    c.v_least = 4 * (1 + ax->f.b_sum) * tiny;
    c.u_least = dtype == FC_F32 ? tiny : (double)(ay->f.r + ax->f.r) * (1 + ax->f.g_sum) * tiny;
    const double out_least = 2 * (1 + ax->f.a_sum) * tiny;
    const int64_t depth = out_depth(p), height = out_size(p, 0), width = out_size(p, 1);
    double *bound = doubles(p->batch * p->filters * depth * height * width), *plane = bound;
    for (int64_t n = 0; n < p->batch; n++)
        for (int64_t kz = 0; kz < p->filters * depth; kz++, plane += height * width) {
            const int64_t k = kz / depth, z = kz % depth;
            for (int64_t row = 0; row < height; row++)
                for (int64_t column = 0; column < width; column++) {
                    /* Tiles begin at multiples of m in their plane; each is done once. */
                    if (row / ay->planes % ay->f.m || column / ax->planes % ax->f.m) continue;
                    matrix size, least;
                    const int64_t at[3] = {z * az.stride - az.pad[0],
                                           row * p->stride[0] - p->pad[0],
                                           column * p->stride[1] - p->pad[2]};
                    tile_bound(&c, n, k, at, size, least);
                    for (int64_t i = 0; i < ay->f.m; i++)
                        for (int64_t j = 0; j < ax->f.m; j++) {
                            const int64_t r = row + i * ay->planes, s = column + j * ax->planes;
                            if (r < height && s < width)
                                plane[r * width + s] =
                                    gamma * (size[i][j] + (bias ? fabs(bias[k]) : 0)) +
                                    least[i][j] + out_least;
                        }
                }
        }
    return bound;
}

#endif
