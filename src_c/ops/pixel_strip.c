#include "pixel_strip.h"

#include "../base/checked.h"
#include "../base/integers.h"

#include <string.h>

int64_t fc_pixel_strip_bytes(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                             const fc_kernels *k) {
    bool overflow = false;
    int64_t bytes = fc_mul(s->kernel[FC_Z], fc_strip_axis_of(s, FC_Y, rows).size, &overflow);
    bytes = fc_mul(bytes, fc_strip_axis_of(s, FC_X, columns).size, &overflow);
    bytes = fc_mul(bytes, channels, &overflow);
    bytes = fc_mul(bytes, k->element, &overflow);
    return fc_strip_bounded(bytes, overflow);
}

int64_t fc_pixel_strip_row(const fc_conv_job *job, const fc_strip *s, int64_t pitch) {
    return fc_strip_axis_of(&job->spec, FC_X, s->size[FC_X]).size * pitch;
}

/* Pixels of a row that follow each other in the strip and are `step` apart in the input, from
 * column x0 on: [lo, hi) of `width` lie inside it. */
typedef struct {
    int64_t x0, step, width, lo, hi;
} pixel_run;

static pixel_run run_of(const fc_conv_spec *s, int64_t x0, int64_t step, int64_t width) {
    pixel_run r = {.x0 = x0, .step = step, .width = width};
    r.lo = fc_clamp(x0 < 0 ? fc_ceil_div(-x0, step) : 0, 0, width);
    r.hi = fc_clamp(fc_ceil_div(s->in[FC_X] - x0, step), r.lo, width);
    return r;
}

/* Zeros where that is outside. */
static void load_run(const fc_conv_job *job, const fc_strip *s, const pixel_run *r, int64_t z,
                     int64_t y, int64_t channels, int64_t pitch, void *to) {
    const fc_kernels *k = job->kernels;
    if (r->lo) memset(to, 0, (size_t)(r->lo * pitch * k->element));
    if (r->hi < r->width)
        memset(fc_at_mut(to, r->hi * pitch, k), 0,
               (size_t)((r->width - r->hi) * pitch * k->element));
    if (r->lo == r->hi) return;
    k->copy(&(fc_copy_args){
        .from = fc_strip_in(job, s, z, y, r->x0 + r->lo * r->step),
        .to = fc_at_mut(to, r->lo * pitch, k),
        .rows = channels,
        .columns = r->hi - r->lo,
        .from_row = job->x.channel,
        .from_column = job->x.axis[FC_X] * r->step,
        .to_row = 1,
        .to_column = pitch,
    });
}

/* One row of the strip: a run, or several of neighbours between which something is left out. */
typedef struct {
    int64_t size, run;
    pixel_run whole; /* where it is one */
} pixel_row;

static pixel_row row_of(const fc_conv_job *job, const fc_strip *s) {
    const fc_conv_spec *spec = &job->spec;
    const int64_t stride = spec->stride[FC_X], x0 = fc_strip_origin(job, s, FC_X);
    const fc_strip_axis x = fc_strip_axis_of(spec, FC_X, s->size[FC_X]);
    const bool pointwise = spec->kernel[FC_X] == 1;
    pixel_row r = {.size = x.size, .run = x.size};
    if (!pointwise && x.apart < spec->dilation[FC_X])
        r.run = x.apart;
    else if (!pointwise && x.step < stride)
        r.run = x.step;
    r.whole = run_of(spec, x0, pointwise ? stride : 1, x.size);
    return r;
}

static void load_row(const fc_conv_job *job, const fc_strip *s, const pixel_row *r, int64_t z,
                     int64_t y, int64_t c, int64_t pitch, void *row) {
    const fc_conv_spec *spec = &job->spec;
    if (z < 0 || z >= spec->in[FC_Z] || y < 0 || y >= spec->in[FC_Y]) {
        memset(row, 0, (size_t)(r->size * pitch * job->kernels->element));
        return;
    }
    if (r->run == r->size) {
        load_run(job, s, &r->whole, z, y, c, pitch, row);
        return;
    }
    for (int64_t at = 0; at < r->size; at += r->run) {
        const int64_t source = fc_strip_source(spec, FC_X, s->size[FC_X], at);
        const pixel_run part = run_of(spec, r->whole.x0 + source, 1, r->run);
        load_run(job, s, &part, z, y, c, pitch, fc_at_mut(row, at * pitch, job->kernels));
    }
}

void fc_pixel_strip_load(const fc_conv_job *job, const fc_strip *s, int64_t channels,
                         int64_t pitch) {
    const fc_conv_spec *spec = &job->spec;
    const int64_t rows = fc_strip_axis_of(spec, FC_Y, s->size[FC_Y]).size;
    const pixel_row r = row_of(job, s);
    const int64_t z0 = fc_strip_origin(job, s, FC_Z), y0 = fc_strip_origin(job, s, FC_Y);
    for (int64_t q = 0; q < spec->kernel[FC_Z]; q++)
        for (int64_t i = 0; i < rows; i++)
            load_row(job, s, &r, z0 + q * spec->dilation[FC_Z],
                     y0 + fc_strip_source(spec, FC_Y, s->size[FC_Y], i), channels, pitch,
                     fc_at_mut(s->strip, (q * rows + i) * r.size * pitch, job->kernels));
}

bool fc_pixel_strip_stores_directly(const fc_conv_job *job) {
    return job->y.channel == 1;
}

void fc_pixel_strip_store(const fc_conv_job *job, const fc_strip *s, int64_t first,
                          int64_t channels, const void *from, int64_t pitch) {
    const fc_kernels *k = job->kernels;
    const int64_t width = s->size[FC_X];
    const bool joined = job->y.axis[FC_Y] == width * job->y.axis[FC_X];
    const int64_t rows = joined ? 1 : s->size[FC_Y];
    const int64_t columns = joined ? s->size[FC_Y] * width : width;
    char *out = fc_at_mut(fc_strip_out(job, s), first * job->y.channel, k);
    for (int64_t y = 0; y < rows; y++)
        k->copy(&(fc_copy_args){
            .from = fc_at(from, y * width * pitch, k),
            .to = fc_at_mut(out, y * job->y.axis[FC_Y], k),
            .rows = columns,
            .columns = channels,
            .from_row = pitch,
            .from_column = 1,
            .to_row = job->y.axis[FC_X],
            .to_column = job->y.channel,
        });
}
