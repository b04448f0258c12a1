/* From products to outputs: one plane of a chunk of Winograd tiles. Straight into a channels-last
 * result; into any other by whole rows, to which the planes of a dilation along the row contribute,
 * one vector of channels at a time. */
#include "../base/integers.h"
#include "winograd.h"

/* Output rows and columns of the result that a chunk's tiles cover: `columns` from `first` on,
 * by all planes of the dilation together. */
typedef struct {
    int64_t rows, first, columns;
} covers;

static covers covers_of(const fc_winograd_chunk *c, const fc_winograd_place *p) {
    const fc_conv_spec *s = &c->job->spec;
    const fc_winograd_form *f = &c->form;
    const int64_t top = c->tile[0] * f->outputs[0], dilation = f->out_step[FC_X];
    const int64_t rows = fc_ceil_div(s->out[FC_Y] - p->plane[FC_Y], f->out_step[FC_Y]) - top;
    const int64_t first = c->tile[1] * f->outputs[1] * dilation;
    return (covers){
        .rows = fc_min(rows, c->tiles[0] * f->outputs[0]),
        .first = first,
        .columns = fc_min(s->out[FC_X] - first, c->tiles[1] * f->outputs[1] * dilation),
    };
}

int64_t fc_winograd_out_elements(const fc_conv_spec *s, const fc_winograd_form *f,
                                 const fc_kernels *k, const int64_t tiles[2]) {
    return tiles[0] * f->outputs[0] *
           fc_min(tiles[1] * f->outputs[1] * f->out_step[FC_X], s->out[FC_X]) * k->vl;
}

/* `channels` of the products of each plane along the row, from lane `lane` on, to `out`: of the
 * covered part's first row and column. */
static void transform(const fc_winograd_chunk *c, const fc_winograd_place *p, const covers *o,
                      const void *z, int64_t panel, int64_t lane, int64_t channels, void *out,
                      int64_t out_row, int64_t out_column) {
    const fc_conv_job *job = c->job;
    const fc_winograd_form *f = &c->form;
    const fc_kernels *k = job->kernels;
    const int64_t lanes = fc_winograd_lanes(&job->spec, k, f, panel);
    const int64_t tiles = c->tiles[0] * c->tiles[1], dilation = f->out_step[FC_X];
    for (int64_t i = 0; i < c->columns; i++) {
        const int64_t plane = c->column + i, left = o->columns - plane;
        if (left < 1) break; /* planes that end before the chunk */
        k->winograd_output(&(fc_winograd_output_args){
            .z = fc_at(z, (p->index * c->columns + i) * tiles * lanes + lane, k),
            .bias = fc_conv_bias_at(job, (c->group * f->panels + panel) * f->lanes + lane),
            .out = fc_at_mut(out, plane * out_column, k),
            .tile = {f->tile[0], f->tile[1]},
            .outputs = {f->outputs[0], f->outputs[1]},
            .tiles_x = c->tiles[1],
            .rows = o->rows,
            .columns = fc_ceil_div(left, dilation),
            .channels = channels,
            .z_step = c->z_step,
            .z_tile = lanes,
            .out_row = out_row,
            .out_column = out_column * dilation,
            .lo = job->spec.clip_lo,
            .hi = job->spec.clip_hi,
        });
    }
}

/* The covered part of `channels` planes of the result, from channels-last rows in c->out. Of a
 * dilation with more planes than the chunk has, only their columns. */
static void put(const fc_winograd_chunk *c, const covers *o, int64_t at, int64_t row,
                int64_t channels) {
    const fc_tensor *y = &c->job->y;
    const fc_kernels *k = c->job->kernels;
    const int64_t dilation = c->form.out_step[FC_X];
    const bool all = c->columns == c->form.planes[FC_X];
    const bool joined = all && row == o->columns * y->axis[FC_X];
    const int64_t run = joined ? o->rows * o->columns : all ? o->columns : c->columns;
    for (int64_t i = 0; i < (joined ? 1 : o->rows); i++)
        for (int64_t first = all ? 0 : c->column; first < o->columns; first += all ? run : dilation)
            k->copy(&(fc_copy_args){
                .from = fc_at(c->out, (i * o->columns + first) * k->vl, k),
                .to = fc_at_mut(y->data, at + i * row + first * y->axis[FC_X], k),
                .rows = joined ? run : fc_min(run, o->columns - first),
                .columns = channels,
                .from_row = k->vl,
                .from_column = 1,
                .to_row = y->axis[FC_X],
                .to_column = y->channel,
            });
}

void fc_winograd_store(const fc_winograd_chunk *c, int64_t index, int64_t panel, const void *z) {
    const fc_conv_job *job = c->job;
    const fc_conv_spec *s = &job->spec;
    const fc_winograd_form *f = &c->form;
    const fc_kernels *k = job->kernels;
    const fc_tensor *y = &job->y;
    const fc_winograd_place p = fc_winograd_place_of(c, index);
    const covers o = covers_of(c, &p);
    if (o.rows < 1 || o.columns < 1) return; /* a plane that ends before the chunk */
    const int64_t first = panel * f->lanes, row = y->axis[FC_Y] * f->out_step[FC_Y];
    const int64_t channels = fc_min(f->lanes, fc_group_out(s) - first);
    const int64_t at = p.image * y->batch + (c->group * fc_group_out(s) + first) * y->channel +
                       p.plane[FC_Z] * y->axis[FC_Z] + p.plane[FC_Y] * y->axis[FC_Y] +
                       c->tile[0] * f->outputs[0] * row + o.first * y->axis[FC_X];
    if (y->channel == 1) {
        transform(c, &p, &o, z, panel, 0, channels, fc_at_mut(y->data, at, k), row, y->axis[FC_X]);
        return;
    }
    for (int64_t lane = 0; lane < channels; lane += k->vl) {
        transform(c, &p, &o, z, panel, lane, k->vl, c->out, o.columns * k->vl, k->vl);
        put(c, &o, at + lane * y->channel, row, fc_min(k->vl, channels - lane));
    }
}
