#include "plane_strip.h"

#include "../base/checked.h"
#include "../base/integers.h"

#include <string.h>

/* Whether planes along one axis are one for each tap rather than one for each phase of the stride:
 * where that is less, because large strides and dilations leave holes in a phase. */
static bool by_tap(const fc_conv_spec *s, int axis, int64_t count) {
    const int64_t taps = s->kernel[axis], dilation = s->dilation[axis], stride = s->stride[axis];
    const int64_t phases = fc_min(stride, (taps - 1) * dilation + 1);
    return taps * count < phases * (count + (taps - 1) * dilation / stride);
}

static void split_axis(const fc_conv_spec *s, int axis, int64_t count, bool tap, int64_t *planes,
                       int64_t *size) {
    const int64_t reach = (s->kernel[axis] - 1) * s->dilation[axis];
    *planes = tap ? s->kernel[axis] : fc_min(s->stride[axis], reach + 1);
    *size = tap ? count : count + reach / s->stride[axis];
}

/* A strip of rows x columns, where the largest has `most` of them. */
static fc_plane_shape shape_of(const fc_conv_spec *s, const fc_kernels *k, const int64_t most[2],
                               int64_t rows, int64_t columns) {
    fc_plane_shape p = {.by_tap_y = by_tap(s, FC_Y, most[0]), .by_tap_x = by_tap(s, FC_X, most[1])};
    split_axis(s, FC_Y, rows, p.by_tap_y, &p.planes_y, &p.height);
    split_axis(s, FC_X, columns, p.by_tap_x, &p.planes_x, &p.pitch);
    const int64_t line = FC_SCRATCH_ALIGNMENT / k->element, page = 4096 / k->element;
    /* Rows about a page apart would fall on the same L1 sets. (Those of a pointwise kernel are
     * one.) As the largest strip has them, or a smaller one would need more scratch. */
    int64_t planes, longest;
    split_axis(s, FC_X, most[1], p.by_tap_x, &planes, &longest);
    if (fc_kernel_size(s) > 1 && longest >= page - line && (longest + line) % page < 2 * line)
        p.pitch += line;
    /* An odd number of cache lines, or planes would fall on the same L1 sets. */
    p.plane = (fc_ceil_div(p.height * p.pitch, line) | 1) * line;
    return p;
}

fc_plane_shape fc_plane_shape_of(const fc_conv_job *job, const fc_strip *s) {
    /* As the largest strip has its planes: in another way a smaller one may need more. */
    const int64_t most[2] = {job->geometry.out[FC_Y], job->geometry.out[FC_X]};
    return shape_of(&job->spec, job->kernels, most, s->size[FC_Y], s->size[FC_X]);
}

int64_t fc_plane_strip_bytes(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                             const fc_kernels *k) {
    const fc_plane_shape p = shape_of(s, k, (const int64_t[]){rows, columns}, rows, columns);
    bool overflow = false;
    int64_t bytes = fc_mul(channels * s->kernel[FC_Z], p.planes_y, &overflow);
    bytes = fc_mul(fc_mul(bytes, p.planes_x, &overflow), p.plane, &overflow);
    /* The kernel's last vector reads on beyond the last plane. */
    bytes = fc_add(bytes, k->plane_vectors * k->vl, &overflow);
    bytes = fc_mul(bytes, k->element, &overflow);
    return fc_strip_bounded(bytes, overflow);
}

/* What of a plane that begins `dy`, `dx` after the strip's origin lies inside the image: rows
 * [top, bottom) and columns [lo, hi), from pixel (y, x) on. */
typedef struct {
    int64_t top, bottom, lo, hi, y, x;
} inside;

static inside inside_of(const fc_conv_job *job, const fc_strip *s, const fc_plane_shape *p,
                        int64_t z, int64_t dy, int64_t dx) {
    const fc_conv_spec *spec = &job->spec;
    const int64_t sy = spec->stride[FC_Y], sx = spec->stride[FC_X];
    const int64_t y0 = fc_strip_origin(job, s, FC_Y) + dy;
    const int64_t x0 = fc_strip_origin(job, s, FC_X) + dx;
    inside in;
    in.top = fc_clamp(y0 < 0 ? fc_ceil_div(-y0, sy) : 0, 0, p->height);
    in.bottom = fc_clamp(fc_ceil_div(spec->in[FC_Y] - y0, sy), in.top, p->height);
    in.lo = fc_clamp(x0 < 0 ? fc_ceil_div(-x0, sx) : 0, 0, p->pitch);
    in.hi = fc_clamp(fc_ceil_div(spec->in[FC_X] - x0, sx), in.lo, p->pitch);
    if (z < 0 || z >= spec->in[FC_Z] || in.lo == in.hi) in.top = in.bottom = p->height;
    in.y = y0 + in.top * sy;
    in.x = x0 + in.lo * sx;
    return in;
}

/* Elements of zeros: mostly so few that a call of memset takes too long. */
static void clear(char *to, size_t bytes) {
    if (bytes > 32) {
        memset(to, 0, bytes);
    } else if (bytes >= 16) {
        memset(to, 0, 16);
        memset(to + bytes - 16, 0, 16);
    } else if (bytes >= 8) {
        memset(to, 0, 8);
        memset(to + bytes - 8, 0, 8);
    } else if (bytes) {
        memset(to, 0, 4);
    }
}

/* Zeros around what lies inside. */
static void clear_borders(const inside *in, const fc_plane_shape *p, void *plane,
                          const fc_kernels *k) {
    memset(plane, 0, (size_t)(in->top * p->pitch * k->element));
    memset(fc_at_mut(plane, in->bottom * p->pitch, k), 0,
           (size_t)((p->plane - in->bottom * p->pitch) * k->element));
    if (in->lo == 0 && in->hi == p->pitch) return;
    char *row = fc_at_mut(plane, in->top * p->pitch, k);
    const size_t before = (size_t)(in->lo * k->element);
    const size_t from = (size_t)(in->hi * k->element), pitch = (size_t)(p->pitch * k->element);
    for (int64_t y = in->top; y < in->bottom; y++, row += pitch) {
        clear(row, before);
        clear(row + from, pitch - from);
    }
}

/* One plane of each channel, `apart` elements from one to the next: a plane at a time or, where
 * several channels lie together, transposed a row at a time. */
static void load_planes(const fc_conv_job *job, const fc_strip *s, const fc_plane_shape *p,
                        const inside *in, int64_t z, void *planes, int64_t apart) {
    enum { FEW = 4 };
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const fc_tensor *x = &job->x;
    if (in->top == in->bottom) return;
    const void *from = fc_strip_in(job, s, z, in->y, in->x);
    void *to = fc_at_mut(planes, in->top * p->pitch + in->lo, k);
    const bool together = x->channel == 1 && s->c_size >= FEW;
    const int64_t row = x->axis[FC_Y] * spec->stride[FC_Y];
    const int64_t column = x->axis[FC_X] * spec->stride[FC_X];
    for (int64_t y = in->top; together && y < in->bottom; y++)
        k->copy(&(fc_copy_args){
            .from = fc_at(from, (y - in->top) * row, k),
            .to = fc_at_mut(to, (y - in->top) * p->pitch, k),
            .rows = in->hi - in->lo,
            .columns = s->c_size,
            .from_row = column,
            .from_column = 1,
            .to_row = 1,
            .to_column = apart,
        });
    /* Planes of one row are copied together. */
    const bool one_row = in->bottom - in->top == 1;
    for (int64_t c = 0; !together && c < (one_row ? 1 : s->c_size); c++)
        k->copy(&(fc_copy_args){
            .from = fc_at(from, c * x->channel, k),
            .to = fc_at_mut(to, c * apart, k),
            .rows = one_row ? s->c_size : in->bottom - in->top,
            .columns = in->hi - in->lo,
            .from_row = one_row ? x->channel : row,
            .from_column = column,
            .to_row = one_row ? apart : p->pitch,
            .to_column = 1,
        });
}

/* Whether any kernel position falls on this phase of the stride. */
static bool phase_used(const fc_conv_spec *s, int axis, int64_t phase) {
    if (s->dilation[axis] == 1) return phase < s->kernel[axis];
    for (int64_t r = 0; r < fc_min(s->kernel[axis], s->stride[axis]); r++)
        if (r * s->dilation[axis] % s->stride[axis] == phase) return true;
    return false;
}

/* Whether the four planes of a stride of 2 are split at once, which reads each element once, in
 * the order of memory. */
static bool splits(const fc_conv_job *job, const fc_plane_shape *p) {
    const fc_conv_spec *s = &job->spec;
    return s->stride[FC_Y] == 2 && s->stride[FC_X] == 2 && s->dilation[FC_Y] == 1 &&
           s->dilation[FC_X] == 1 && s->kernel[FC_Y] > 1 && s->kernel[FC_X] > 1 && !p->by_tap_y &&
           !p->by_tap_x && job->x.axis[FC_X] == 1;
}

static void split_planes(const fc_conv_job *job, const fc_strip *s, const fc_plane_shape *p,
                         int64_t z, void *planes, int64_t apart, bool borders) {
    const fc_kernels *k = job->kernels;
    const fc_tensor *x = &job->x;
    inside in[2][2];
    for (int i = 0; i < 4; i++) {
        in[i / 2][i % 2] = inside_of(job, s, p, z, i / 2, i % 2);
        for (int64_t c = 0; borders && c < s->c_size; c++)
            clear_borders(&in[i / 2][i % 2], p, fc_at_mut(planes, c * apart + i * p->plane, k), k);
    }
    /* Of which phase the first row and column are. */
    const inside *of = in[0];
    const int64_t columns = of[0].hi - of[0].lo + of[1].hi - of[1].lo;
    const int px = of[0].hi > of[0].lo && (of[1].hi == of[1].lo || of[0].x < of[1].x) ? 0 : 1;
    const int64_t height[2] = {in[0][px].bottom - in[0][px].top, in[1][px].bottom - in[1][px].top};
    const int py = height[0] && (!height[1] || in[0][px].y < in[1][px].y) ? 0 : 1;
    if (!columns || height[0] + height[1] == 0) return;
    fc_split_args a = {
        .rows = height[0] + height[1],
        .columns = columns,
        .from_row = x->axis[FC_Y],
        .to_row = p->pitch,
    };
    const void *from = fc_strip_in(job, s, z, in[py][px].y, in[py][px].x);
    for (int64_t c = 0; c < s->c_size; c++) {
        a.from = fc_at(from, c * x->channel, k);
        for (int i = 0; i < 4; i++) {
            const int y = i / 2 ^ py, w = i % 2 ^ px;
            a.to[i / 2][i % 2] = fc_at_mut(
                planes, c * apart + (2 * y + w) * p->plane + in[y][w].top * p->pitch + in[y][w].lo,
                k);
        }
        k->split(&a);
    }
}

void fc_plane_strip_load(const fc_conv_job *job, const fc_strip *s, bool borders) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const fc_plane_shape p = fc_plane_shape_of(job, s);
    const int64_t taps_z = spec->kernel[FC_Z], z0 = fc_strip_origin(job, s, FC_Z);
    const int64_t apart = taps_z * p.planes_y * p.planes_x * p.plane;
    int64_t plane = 0; /* of the first channel */
    for (int64_t q = 0; q < taps_z; q++) {
        if (splits(job, &p)) {
            split_planes(job, s, &p, z0 + q * spec->dilation[FC_Z],
                         fc_at_mut(s->strip, plane * p.plane, k), apart, borders);
            plane += 4;
            continue;
        }
        for (int64_t py = 0; py < p.planes_y; py++) {
            const bool used = p.by_tap_y || phase_used(spec, FC_Y, py);
            for (int64_t px = 0; px < p.planes_x; px++, plane++) {
                if (!used || (!p.by_tap_x && !phase_used(spec, FC_X, px))) continue;
                const int64_t z = z0 + q * spec->dilation[FC_Z];
                const inside in = inside_of(job, s, &p, z,
                                            p.by_tap_y ? py * spec->dilation[FC_Y] : py,
                                            p.by_tap_x ? px * spec->dilation[FC_X] : px);
                void *planes = fc_at_mut(s->strip, plane * p.plane, k);
                for (int64_t c = 0; borders && c < s->c_size; c++)
                    clear_borders(&in, &p, fc_at_mut(planes, c * apart, k), k);
                load_planes(job, s, &p, &in, z, planes, apart);
            }
        }
    }
}

void fc_plane_strip_taps(const fc_conv_job *job, const fc_strip *s) {
    const fc_conv_spec *spec = &job->spec;
    const fc_plane_shape p = fc_plane_shape_of(job, s);
    const int64_t sy = spec->stride[FC_Y], sx = spec->stride[FC_X];
    int64_t *tap = s->taps;
    for (int64_t cq = 0; cq < s->c_size * spec->kernel[FC_Z]; cq++)
        for (int64_t r = 0; r < spec->kernel[FC_Y]; r++)
            for (int64_t t = 0; t < spec->kernel[FC_X]; t++) {
                const int64_t y = r * spec->dilation[FC_Y], x = t * spec->dilation[FC_X];
                const int64_t py = p.by_tap_y ? r : y % sy, px = p.by_tap_x ? t : x % sx;
                const int64_t plane = (cq * p.planes_y + py) * p.planes_x + px;
                *tap++ = plane * p.plane + (p.by_tap_y ? 0 : y / sy * p.pitch) +
                         (p.by_tap_x ? 0 : x / sx);
            }
}

void fc_plane_strip_store(const fc_conv_job *job, const fc_strip *s, int64_t first,
                          int64_t channels, const void *from) {
    const fc_kernels *k = job->kernels;
    const int64_t width = s->size[FC_X], pixels = s->size[FC_Y] * width;
    char *out = fc_at_mut(fc_strip_out(job, s), first * job->y.channel, k);
    const bool joined = job->y.axis[FC_Y] == width * job->y.axis[FC_X];
    for (int64_t y = 0; y < (joined ? 1 : s->size[FC_Y]); y++)
        k->copy(&(fc_copy_args){
            .from = fc_at(from, y * width, k),
            .to = fc_at_mut(out, y * job->y.axis[FC_Y], k),
            .rows = channels,
            .columns = joined ? pixels : width,
            .from_row = pixels,
            .from_column = 1,
            .to_row = job->y.channel,
            .to_column = job->y.axis[FC_X],
        });
}
