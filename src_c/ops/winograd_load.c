/* From the input to transformed tiles: one plane of a chunk of Winograd tiles. Channels-last
 * pixels are transformed where they lie. Others are transposed first, whole rows of a few channels
 * at a time, which then serve every phase of a stride and every plane of a dilation along the row.
 */
#include "../base/integers.h"
#include "winograd.h"

#include <string.h>

/* The strip's pixels: they are transformed out of the first-level cache. */
enum { STRIP_BYTES = 24 * 1024 };

bool fc_winograd_gathers(const fc_conv_spec *s, const fc_winograd_form *f, const fc_kernels *k) {
    return f->channels > fc_group_in(s) && fc_group_in(s) % k->vl;
}

int64_t fc_winograd_extent(const fc_winograd_form *f, int axis, int64_t tiles) {
    return tiles * f->outputs[axis] + f->taps[axis] - 1;
}

/* Input columns from the first to the last that so many columns of tiles of so many planes read. */
static int64_t reach(const fc_winograd_form *f, int64_t tiles, int64_t planes) {
    return f->in_step[FC_X] * (fc_winograd_extent(f, 1, tiles) - 1) + f->phases[FC_X] + planes - 1;
}

/* Channels that are transposed at a time. */
static int64_t together(const fc_conv_spec *s, const fc_kernels *k, int64_t pixels) {
    const int64_t most = STRIP_BYTES / (fc_max(pixels, 1) * k->element) / k->vl * k->vl;
    return fc_min(fc_group_in(s), fc_max(most, k->vl));
}

static int64_t strip_pixels(const fc_conv_spec *s, const fc_winograd_form *f,
                            const int64_t tiles[2]) {
    return fc_winograd_extent(f, 0, tiles[0]) * fc_min(reach(f, tiles[1], f->across), s->in[FC_X]);
}

int64_t fc_winograd_strip_elements(const fc_conv_spec *s, const fc_winograd_form *f,
                                   const fc_kernels *k, const int64_t tiles[2]) {
    if (fc_winograd_gathers(s, f, k))
        return fc_winograd_extent(f, 0, tiles[0]) * fc_winograd_extent(f, 1, tiles[1]) * f->block;
    /* Smaller chunks may take more channels at a time. */
    const int64_t pixels = strip_pixels(s, f, tiles);
    return fc_min(pixels * fc_group_in(s), fc_max(pixels * k->vl, STRIP_BYTES / k->element));
}

/* What a chunk reads along one axis: positions origin + i * in_step, of which those with
 * begin <= i < end exist. */
typedef struct {
    int64_t origin, begin, end;
} reads;

static reads reads_of(const fc_winograd_chunk *c, int axis, int64_t plane, int64_t phase) {
    const fc_winograd_form *f = &c->form;
    const int a = FC_Y + axis;
    const int64_t in = c->job->spec.in[a], step = f->in_step[a];
    const int64_t all = fc_winograd_extent(f, axis, c->tiles[axis]);
    reads r = {.origin = c->tile[axis] * f->outputs[axis] * step + plane + phase -
                         c->job->spec.pad_lo[a]};
    r.begin = fc_clamp(r.origin < 0 ? fc_ceil_div(-r.origin, step) : 0, 0, all);
    r.end = fc_clamp(r.origin < in ? fc_ceil_div(in - r.origin, step) : 0, r.begin, all);
    return r;
}

/* Channels-last pixels: of the first of the rows that are read, and of column 0 of the input. */
typedef struct {
    const void *data;
    int64_t row, column;
} pixels;

/* Input rows of one phase of a plane, from channel `channel` of the chunk's group on. */
static pixels rows_of(const fc_winograd_chunk *c, const fc_winograd_place *p, int64_t phase_z,
                      int64_t phase_y, int64_t channel, reads *rows) {
    const fc_conv_spec *s = &c->job->spec;
    const fc_tensor *x = &c->job->x;
    const int64_t z = p->plane[FC_Z] * c->form.in_step[FC_Z] + phase_z * s->dilation[FC_Z] -
                      s->pad_lo[FC_Z];
    *rows = reads_of(c, 0, p->plane[FC_Y], phase_y);
    if (z < 0 || z >= s->in[FC_Z]) rows->end = rows->begin;
    const int64_t first = p->image * x->batch + z * x->axis[FC_Z] + rows->origin * x->axis[FC_Y] +
                          (c->group * fc_group_in(s) + channel) * x->channel;
    return (pixels){.data = fc_at(x->data, first, c->job->kernels),
                    .row = c->form.in_step[FC_Y] * x->axis[FC_Y],
                    .column = x->axis[FC_X]};
}

static void copy_pixels(const fc_kernels *k, const void *from, int64_t channel, int64_t step,
                        int64_t n, int64_t count, void *to, int64_t pitch) {
    k->copy(&(fc_copy_args){
        .from = from,
        .to = to,
        .rows = n,
        .columns = count,
        .from_row = channel,
        .from_column = step,
        .to_row = 1,
        .to_column = pitch,
    });
}

/* The same pixels, n channels of them, in the strip, where rows that do not exist are zeros. */
static pixels transposed(const fc_winograd_chunk *c, const pixels *from, reads *rows, int64_t n) {
    const fc_conv_spec *s = &c->job->spec;
    const fc_kernels *k = c->job->kernels;
    const fc_winograd_form *f = &c->form;
    const int64_t first = c->tile[1] * f->outputs[1] * f->in_step[FC_X] + c->column -
                          s->pad_lo[FC_X];
    const int64_t begin = fc_max(first, 0);
    const int64_t width = fc_min(first + reach(f, c->tiles[1], c->columns), s->in[FC_X]) - begin;
    const pixels to = {.data = fc_at(c->strip, -begin * n, k), .row = width * n, .column = n};
    if (width < 1) return to;
    /* Rows that follow each other in memory are one. */
    const bool joined = from->row == width * from->column;
    const int64_t last = joined ? fc_min(rows->begin + 1, rows->end) : rows->end;
    const int64_t count = joined ? (rows->end - rows->begin) * width : width;
    for (int64_t i = rows->begin; i < last; i++)
        copy_pixels(k, fc_at(from->data, i * from->row + begin * from->column, k),
                    c->job->x.channel, from->column, n, count,
                    fc_at_mut(c->strip, i * width * n, k), n);
    const int64_t all = fc_winograd_extent(f, 0, c->tiles[0]), row = width * n * k->element;
    memset(c->strip, 0, (size_t)(rows->begin * row));
    memset(c->strip + rows->end * row, 0, (size_t)((all - rows->end) * row));
    *rows = (reads){.end = all};
    return to;
}

/* n channels of one plane, to channel `at` of the block in v. */
static void transform(const fc_winograd_chunk *c, const fc_winograd_place *p, const pixels *from,
                      int64_t x_step, const reads *rows, const reads *columns, int64_t n,
                      int64_t at) {
    const fc_winograd_form *f = &c->form;
    const fc_kernels *k = c->job->kernels;
    const int64_t tiles = c->tiles[0] * c->tiles[1];
    const int64_t place = p->index * c->columns + p->plane[FC_X] - c->column;
    k->winograd_input(&(fc_winograd_input_args){
        .x = fc_at(from->data, columns->origin * from->column, k),
        .v = fc_at_mut(c->v, place * tiles * c->pitch + at, k),
        .tile = {f->tile[0], f->tile[1]},
        .outputs = {f->outputs[0], f->outputs[1]},
        .tiles_y = c->tiles[0],
        .tiles_x = c->tiles[1],
        .channels = n,
        .begin = {rows->begin, columns->begin},
        .end = {rows->end, columns->end},
        .x_row = from->row,
        .x_column = x_step * from->column,
        .v_step = c->v_step,
        .v_column = c->pitch,
    });
}

/* Phases of odd numbers of channels are put side by side, as one image. */
static void load_gathered(const fc_winograd_chunk *c, fc_winograd_place p) {
    const fc_winograd_form *f = &c->form;
    const fc_kernels *k = c->job->kernels;
    const int64_t channels = fc_group_in(&c->job->spec), end = c->c_begin + c->c_size;
    const int64_t height = fc_winograd_extent(f, 0, c->tiles[0]);
    const int64_t width = fc_winograd_extent(f, 1, c->tiles[1]), step = f->in_step[FC_X];
    const pixels image = {.data = c->strip, .row = width * c->c_size, .column = c->c_size};
    memset(c->strip, 0, (size_t)(height * width * c->c_size * k->element));
    for (int64_t at = c->c_begin, n; at < end; at += n) {
        const int64_t phase = at / channels, within = at % channels;
        const int64_t line = phase / f->phases[FC_X];
        const reads columns = reads_of(c, 1, p.plane[FC_X], phase % f->phases[FC_X]);
        reads rows;
        const pixels from =
            rows_of(c, &p, line / f->phases[FC_Y], line % f->phases[FC_Y], within, &rows);
        n = fc_min(channels - within, end - at);
        if (columns.begin < columns.end)
            for (int64_t i = rows.begin; i < rows.end; i++)
                copy_pixels(
                    k,
                    fc_at(from.data,
                          i * from.row + (columns.origin + columns.begin * step) * from.column, k),
                    c->job->x.channel, step * from.column, n, columns.end - columns.begin,
                    fc_at_mut(c->strip, (i * width + columns.begin) * c->c_size + at - c->c_begin,
                              k),
                    c->c_size);
    }
    transform(c, &p, &image, 1, &(reads){.end = height}, &(reads){.end = width}, c->c_size, 0);
}

/* Channels [begin, begin + n) of the phases that share input rows. */
static void load_rows(const fc_winograd_chunk *c, fc_winograd_place p, int64_t line, int64_t begin,
                      int64_t n) {
    const fc_winograd_form *f = &c->form;
    const int64_t channels = fc_group_in(&c->job->spec), c_end = c->c_begin + c->c_size;
    reads rows;
    pixels from = rows_of(c, &p, line / f->phases[FC_Y], line % f->phases[FC_Y], begin, &rows);
    bool ready = c->job->x.channel == 1;
    for (int64_t phase = 0; phase < f->phases[FC_X]; phase++) {
        const int64_t first = (line * f->phases[FC_X] + phase) * channels + begin;
        const int64_t at = fc_max(first, c->c_begin), end = fc_min(first + n, c_end);
        if (at >= end) continue;
        if (!ready) from = transposed(c, &from, &rows, n);
        ready = true;
        const pixels part = {.data = fc_at(from.data, at - first, c->job->kernels),
                             .row = from.row,
                             .column = from.column};
        for (int64_t i = 0; i < c->columns; i++) {
            p.plane[FC_X] = c->column + i;
            const reads columns = reads_of(c, 1, p.plane[FC_X], phase);
            transform(c, &p, &part, f->in_step[FC_X], &rows, &columns, end - at, at - c->c_begin);
        }
    }
}

void fc_winograd_load(const fc_winograd_chunk *c, int64_t index) {
    const fc_conv_spec *s = &c->job->spec;
    const fc_winograd_form *f = &c->form;
    fc_winograd_place p = fc_winograd_place_of(c, index);
    if (fc_winograd_gathers(s, f, c->job->kernels)) {
        for (int64_t i = 0; i < c->columns; i++) {
            p.plane[FC_X] = c->column + i;
            load_gathered(c, p);
        }
        return;
    }
    const int64_t channels = fc_group_in(s), line = channels * f->phases[FC_X];
    const int64_t n = c->job->x.channel == 1
                          ? channels
                          : together(s, c->job->kernels, strip_pixels(s, f, c->tiles));
    for (int64_t i = c->c_begin / line; i * line < c->c_begin + c->c_size; i++)
        for (int64_t begin = 0; begin < channels; begin += n)
            load_rows(c, p, i, begin, fc_min(n, channels - begin));
}
