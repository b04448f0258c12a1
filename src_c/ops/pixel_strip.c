#include "pixel_strip.h"

#include "../base/integers.h"

#include <string.h>

int64_t fc_pixel_strip_bytes(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                             const fc_kernels *k) {
    return s->kernel[FC_Z] * fc_strip_axis_of(s, FC_Y, rows).size *
           fc_strip_axis_of(s, FC_X, columns).size * channels * k->element;
}

int64_t fc_pixel_strip_row(const fc_conv_job *job, const fc_strip *s, int64_t pitch) {
    return fc_strip_axis_of(&job->spec, FC_X, s->size[FC_X]).size * pitch;
}

/* Pixels [0, width) of a row, which begin at column x0 of the input and are
 * `step` apart there; zeros where that is outside. */
static void load_run(const fc_conv_job *job, const fc_strip *s, int64_t z, int64_t y, int64_t x0,
                     int64_t step, int64_t width, int64_t channels, int64_t pitch, void *run) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const int64_t lo = fc_clamp(x0 < 0 ? fc_ceil_div(-x0, step) : 0, 0, width);
    const int64_t hi = fc_clamp(fc_ceil_div(spec->in[FC_X] - x0, step), lo, width);
    memset(run, 0, (size_t)(lo * pitch * k->element));
    memset(fc_at_mut(run, hi * pitch, k), 0, (size_t)((width - hi) * pitch * k->element));
    if (lo == hi) return;
    k->copy(&(fc_copy_args){
        .from = fc_strip_in(job, s, z, y, x0 + lo * step),
        .to = fc_at_mut(run, lo * pitch, k),
        .rows = channels,
        .columns = hi - lo,
        .from_row = job->x.channel,
        .from_column = job->x.axis[FC_X] * step,
        .to_row = 1,
        .to_column = pitch,
    });
}

static void load_row(const fc_conv_job *job, const fc_strip *s, int64_t z, int64_t y, int64_t c,
                     int64_t pitch, void *row) {
    const fc_conv_spec *spec = &job->spec;
    const int64_t count = s->size[FC_X], stride = spec->stride[FC_X];
    const fc_strip_axis x = fc_strip_axis_of(spec, FC_X, count);
    const int64_t x0 = fc_strip_origin(job, s, FC_X);
    if (z < 0 || z >= spec->in[FC_Z] || y < 0 || y >= spec->in[FC_Y]) {
        memset(row, 0, (size_t)(x.size * pitch * job->kernels->element));
        return;
    }
    if (spec->kernel[FC_X] == 1) {
        load_run(job, s, z, y, x0, stride, count, c, pitch, row);
        return;
    }
    /* Runs of neighbours, between which the strip leaves something out. */
    const int64_t run = x.apart < spec->dilation[FC_X] ? x.apart
                        : x.step < stride              ? x.step
                                                       : x.size;
    for (int64_t at = 0; at < x.size; at += run)
        load_run(job, s, z, y, x0 + fc_strip_source(spec, FC_X, count, at), 1, run, c, pitch,
                 fc_at_mut(row, at * pitch, job->kernels));
}

void fc_pixel_strip_load(const fc_conv_job *job, const fc_strip *s, int64_t channels,
                         int64_t pitch) {
    const fc_conv_spec *spec = &job->spec;
    const int64_t rows = fc_strip_axis_of(spec, FC_Y, s->size[FC_Y]).size;
    const int64_t row = fc_pixel_strip_row(job, s, pitch);
    const int64_t z0 = fc_strip_origin(job, s, FC_Z), y0 = fc_strip_origin(job, s, FC_Y);
    for (int64_t q = 0; q < spec->kernel[FC_Z]; q++)
        for (int64_t i = 0; i < rows; i++)
            load_row(job, s, z0 + q * spec->dilation[FC_Z],
                     y0 + fc_strip_source(spec, FC_Y, s->size[FC_Y], i), channels, pitch,
                     fc_at_mut(s->strip, (q * rows + i) * row, job->kernels));
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
