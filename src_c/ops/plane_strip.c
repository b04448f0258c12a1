#include "plane_strip.h"

#include "../base/checked.h"
#include "../base/integers.h"

#include <string.h>

fc_plane_shape fc_plane_shape_of(const fc_conv_spec *s, int64_t rows, int64_t columns,
                                 const fc_kernels *k) {
    fc_plane_shape p = {
        .phase_y = fc_min(s->stride[FC_Y], (s->kernel[FC_Y] - 1) * s->dilation[FC_Y] + 1),
        .phase_x = fc_min(s->stride[FC_X], (s->kernel[FC_X] - 1) * s->dilation[FC_X] + 1),
        .height = rows + (s->kernel[FC_Y] - 1) * s->dilation[FC_Y] / s->stride[FC_Y],
        .pitch = columns + (s->kernel[FC_X] - 1) * s->dilation[FC_X] / s->stride[FC_X],
    };
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
    int64_t bytes = fc_mul(channels * s->kernel[FC_Z], p.phase_y, &overflow);
    bytes = fc_mul(fc_mul(bytes, p.phase_x, &overflow), p.plane, &overflow);
    /* The kernel's last vector reads on beyond the last plane. */
    bytes = fc_add(bytes, k->plane_vectors * k->vl, &overflow);
    bytes = fc_mul(bytes, k->element, &overflow);
    return overflow || bytes > beyond_any_memory ? beyond_any_memory : bytes;
}

/* Copies one phase of one channel's plane, zeros around it. */
static void load_plane(const fc_conv_job *job, const fc_strip *s, const fc_plane_shape *p,
                       int64_t c, int64_t z, int64_t phase_y, int64_t phase_x, void *plane,
                       bool borders) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const int64_t sy = spec->stride[FC_Y], sx = spec->stride[FC_X];
    const int64_t y0 = fc_strip_origin(job, s, FC_Y) + phase_y;
    const int64_t x0 = fc_strip_origin(job, s, FC_X) + phase_x;
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
    for (int64_t c = 0; c < s->c_size; c++)
        for (int64_t q = 0; q < spec->kernel[FC_Z]; q++)
            for (int64_t py = 0; py < p.phase_y; py++)
                for (int64_t px = 0; px < p.phase_x; px++, plane++)
                    if (phase_used(spec, FC_Y, py) && phase_used(spec, FC_X, px))
                        load_plane(job, s, &p, c, z0 + q * spec->dilation[FC_Z], py, px,
                                   fc_at_mut(s->strip, plane * p.plane, job->kernels), borders);
}

void fc_plane_strip_taps(const fc_conv_job *job, const fc_strip *s) {
    const fc_conv_spec *spec = &job->spec;
    const fc_plane_shape p = fc_plane_shape_of(spec, s->size[FC_Y], s->size[FC_X], job->kernels);
    const int64_t sy = spec->stride[FC_Y], sx = spec->stride[FC_X];
    int64_t *tap = s->taps;
    for (int64_t c = 0; c < s->c_size; c++)
        for (int64_t q = 0; q < spec->kernel[FC_Z]; q++)
            for (int64_t r = 0; r < spec->kernel[FC_Y]; r++)
                for (int64_t t = 0; t < spec->kernel[FC_X]; t++) {
                    const int64_t y = r * spec->dilation[FC_Y], x = t * spec->dilation[FC_X];
                    const int64_t plane =
                        ((c * spec->kernel[FC_Z] + q) * p.phase_y + y % sy) * p.phase_x + x % sx;
                    *tap++ = plane * p.plane + y / sy * p.pitch + x / sx;
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
