#include "plane_strip.h"

#include "../base/checked.h"
#include "../base/integers.h"

#include <string.h>

/* Planes along one axis: one for each phase of the stride or, where that is less,
 * one for each tap, because large strides and dilations leave holes in a phase. */
static void split_axis(const fc_conv_spec *s, int axis, int64_t count, int64_t *planes,
                       int64_t *size, bool *by_tap) {
    const int64_t taps = s->kernel[axis], dilation = s->dilation[axis], stride = s->stride[axis];
    const int64_t phases = fc_min(stride, (taps - 1) * dilation + 1);
    const int64_t length = count + (taps - 1) * dilation / stride;
    *by_tap = taps * count < phases * length;
    *planes = *by_tap ? taps : phases;
    *size = *by_tap ? count : length;
}

fc_plane_shape fc_plane_shape_of(const fc_conv_spec *s, int64_t rows, int64_t columns,
                                 const fc_kernels *k) {
    fc_plane_shape p;
    split_axis(s, FC_Y, rows, &p.planes_y, &p.height, &p.by_tap_y);
    split_axis(s, FC_X, columns, &p.planes_x, &p.pitch, &p.by_tap_x);
    /* An odd number of cache lines, or planes would fall on the same L1 sets. */
    const int64_t line = FC_SCRATCH_ALIGNMENT / k->element;
    p.plane = (fc_ceil_div(p.height * p.pitch, line) | 1) * line;
    return p;
}

int64_t fc_plane_strip_bytes(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                             const fc_kernels *k) {
    const fc_plane_shape p = fc_plane_shape_of(s, rows, columns, k);
    /* Planes are rounded up to cache lines: many phases of next to nothing can be
     * more than fc_conv_validate foresaw, and more than any memory. */
    static const int64_t beyond_any_memory = (int64_t)1 << 60;
    bool overflow = false;
    int64_t bytes = fc_mul(channels * s->kernel[FC_Z], p.planes_y, &overflow);
    bytes = fc_mul(fc_mul(bytes, p.planes_x, &overflow), p.plane, &overflow);
    /* The kernel's last vector reads on beyond the last plane. */
    bytes = fc_add(bytes, k->plane_vectors * k->vl, &overflow);
    bytes = fc_mul(bytes, k->element, &overflow);
    return overflow || bytes > beyond_any_memory ? beyond_any_memory : bytes;
}

/* Copies one plane of one channel, which begins `dy`, `dx` after the strip's origin,
 * zeros around it. */
static void load_plane(const fc_conv_job *job, const fc_strip *s, const fc_plane_shape *p,
                       int64_t c, int64_t z, int64_t dy, int64_t dx, void *plane, bool borders) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const int64_t sy = spec->stride[FC_Y], sx = spec->stride[FC_X];
    const int64_t y0 = fc_strip_origin(job, s, FC_Y) + dy;
    const int64_t x0 = fc_strip_origin(job, s, FC_X) + dx;
    /* Rows [top, bottom) and columns [lo, hi) of the plane lie inside the image. */
    int64_t top = fc_clamp(y0 < 0 ? fc_ceil_div(-y0, sy) : 0, 0, p->height);
    int64_t bottom = fc_clamp(fc_ceil_div(spec->in[FC_Y] - y0, sy), top, p->height);
    const int64_t lo = fc_clamp(x0 < 0 ? fc_ceil_div(-x0, sx) : 0, 0, p->pitch);
    const int64_t hi = fc_clamp(fc_ceil_div(spec->in[FC_X] - x0, sx), lo, p->pitch);
    if (z < 0 || z >= spec->in[FC_Z] || lo == hi) top = bottom = p->height;
    if (borders) {
        memset(plane, 0, (size_t)(top * p->pitch * k->element));
        memset(fc_at_mut(plane, bottom * p->pitch, k), 0,
               (size_t)((p->plane - bottom * p->pitch) * k->element));
    }
    if (top == bottom) return;
    if (borders && (lo > 0 || hi < p->pitch))
        for (int64_t y = top; y < bottom; y++) {
            memset(fc_at_mut(plane, y * p->pitch, k), 0, (size_t)(lo * k->element));
            memset(fc_at_mut(plane, y * p->pitch + hi, k), 0,
                   (size_t)((p->pitch - hi) * k->element));
        }
    k->copy(&(fc_copy_args){
        .from = fc_at(fc_strip_in(job, s, z, y0 + top * sy, x0 + lo * sx), c * job->x.channel, k),
        .to = fc_at_mut(plane, top * p->pitch + lo, k),
        .rows = bottom - top,
        .columns = hi - lo,
        .from_row = job->x.axis[FC_Y] * sy,
        .from_column = job->x.axis[FC_X] * sx,
        .to_row = p->pitch,
        .to_column = 1,
    });
}

/* Whether any kernel position falls on this phase of the stride. */
static bool phase_used(const fc_conv_spec *s, int axis, int64_t phase) {
    for (int64_t r = 0; r < s->kernel[axis]; r++)
        if (r * s->dilation[axis] % s->stride[axis] == phase) return true;
    return false;
}

void fc_plane_strip_load(const fc_conv_job *job, const fc_strip *s, bool borders) {
    const fc_conv_spec *spec = &job->spec;
    const fc_plane_shape p = fc_plane_shape_of(spec, s->size[FC_Y], s->size[FC_X], job->kernels);
    const int64_t z0 = fc_strip_origin(job, s, FC_Z);
    int64_t plane = 0;
    for (int64_t cq = 0; cq < s->c_size * spec->kernel[FC_Z]; cq++) {
        const int64_t c = cq / spec->kernel[FC_Z], q = cq % spec->kernel[FC_Z];
        for (int64_t py = 0; py < p.planes_y; py++)
            for (int64_t px = 0; px < p.planes_x; px++, plane++) {
                if (!p.by_tap_y && !phase_used(spec, FC_Y, py)) continue;
                if (!p.by_tap_x && !phase_used(spec, FC_X, px)) continue;
                load_plane(job, s, &p, c, z0 + q * spec->dilation[FC_Z],
                           p.by_tap_y ? py * spec->dilation[FC_Y] : py,
                           p.by_tap_x ? px * spec->dilation[FC_X] : px,
                           fc_at_mut(s->strip, plane * p.plane, job->kernels), borders);
            }
    }
}

void fc_plane_strip_taps(const fc_conv_job *job, const fc_strip *s) {
    const fc_conv_spec *spec = &job->spec;
    const fc_plane_shape p = fc_plane_shape_of(spec, s->size[FC_Y], s->size[FC_X], job->kernels);
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
    for (int64_t y = 0; y < s->size[FC_Y]; y++)
        k->copy(&(fc_copy_args){
            .from = fc_at(from, y * width, k),
            .to = fc_at_mut(out, y * job->y.axis[FC_Y], k),
            .rows = channels,
            .columns = width,
            .from_row = pixels,
            .from_column = 1,
            .to_row = job->y.channel,
            .to_column = job->y.axis[FC_X],
        });
}
