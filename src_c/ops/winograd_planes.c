/* One plane of a chunk of Winograd tiles, in and out: from the input to transformed
 * tiles, from products to the output. */
#include "../base/integers.h"
#include "winograd.h"

#include <string.h>

bool fc_winograd_gathers(const fc_conv_spec *s, const fc_winograd_form *f, const fc_kernels *k) {
    return f->channels > fc_group_in(s) && fc_group_in(s) % k->vl;
}

int64_t fc_winograd_extent(const fc_winograd_form *f, int axis, int64_t tiles) {
    return tiles * f->outputs[axis] + f->taps[axis] - 1;
}

/* A plane by its number: the image, and where in it. */
static int64_t image_of(const fc_winograd_chunk *c, int64_t plane, int64_t at[FC_AXES]) {
    for (int a = FC_X; a >= FC_Z; a--) {
        at[a] = plane % c->form.planes[a];
        plane /= c->form.planes[a];
    }
    return plane;
}

/* What a plane has of one phase of the input: the pixel at which the chunk's first tile
 * begins, which may lie in the padding, and the rows and columns from there that exist. */
typedef struct {
    int64_t first; /* element of the input */
    int64_t begin[2], end[2];
} window;

static window window_of(const fc_winograd_chunk *c, int64_t index, const int64_t phase[FC_AXES]) {
    const fc_conv_spec *s = &c->job->spec;
    const fc_winograd_form *f = &c->form;
    const fc_tensor *x = &c->job->x;
    int64_t plane[FC_AXES];
    const int64_t image = image_of(c, index, plane);
    const int64_t z = plane[FC_Z] * f->in_step[FC_Z] + phase[FC_Z] * s->dilation[FC_Z] -
                      s->pad_lo[FC_Z];
    const bool exists = z >= 0 && z < s->in[FC_Z];
    window w = {.first = image * x->batch + z * x->axis[FC_Z] +
                         c->group * fc_group_in(s) * x->channel};
    for (int i = 0; i < 2; i++) {
        const int a = FC_Y + i;
        const int64_t step = f->in_step[a];
        const int64_t origin = c->tile[i] * f->outputs[i] * step + plane[a] + phase[a] -
                               s->pad_lo[a];
        const int64_t all = fc_winograd_extent(f, i, c->tiles[i]);
        w.first += origin * x->axis[a];
        w.begin[i] = fc_clamp(origin < 0 ? fc_ceil_div(-origin, step) : 0, 0, all);
        w.end[i] = origin < s->in[a] ? fc_ceil_div(s->in[a] - origin, step) : 0;
        w.end[i] = exists ? fc_clamp(w.end[i], w.begin[i], all) : w.begin[i];
    }
    return w;
}

/* Channels [begin, begin + n) of the window into the strip, channels last. */
static void load_strip(const fc_winograd_chunk *c, const window *w, int64_t begin, int64_t n,
                       void *strip, int64_t pitch) {
    const fc_kernels *k = c->job->kernels;
    const fc_tensor *x = &c->job->x;
    const int64_t width = fc_winograd_extent(&c->form, 1, c->tiles[1]);
    const int64_t row = x->axis[FC_Y] * c->form.in_step[FC_Y];
    const int64_t column = x->axis[FC_X] * c->form.in_step[FC_X];
    if (w->begin[1] == w->end[1]) return;
    for (int64_t i = w->begin[0]; i < w->end[0]; i++)
        k->copy(&(fc_copy_args){
            .from =
                fc_at(x->data, w->first + begin * x->channel + i * row + w->begin[1] * column, k),
            .to = fc_at_mut(strip, (i * width + w->begin[1]) * pitch, k),
            .rows = n,
            .columns = w->end[1] - w->begin[1],
            .from_row = x->channel,
            .from_column = column,
            .to_row = 1,
            .to_column = pitch,
        });
}

/* The transform of n channels of one plane, from x to channel `at` of the block in v. */
static void transform(const fc_winograd_chunk *c, int64_t index, const window *w, const void *x,
                      int64_t x_row, int64_t x_column, int64_t n, int64_t at) {
    const fc_winograd_form *f = &c->form;
    const fc_kernels *k = c->job->kernels;
    const int64_t tiles = c->tiles[0] * c->tiles[1];
    k->winograd_input(&(fc_winograd_input_args){
        .x = x,
        .v = fc_at_mut(c->v, (index - c->plane) * tiles * c->pitch + at, k),
        .tile = {f->tile[0], f->tile[1]},
        .outputs = {f->outputs[0], f->outputs[1]},
        .tiles_y = c->tiles[0],
        .tiles_x = c->tiles[1],
        .channels = n,
        .begin = {w->begin[0], w->begin[1]},
        .end = {w->end[0], w->end[1]},
        .x_row = x_row,
        .x_column = x_column,
        .v_step = c->v_step,
        .v_column = c->pitch,
    });
}

/* Every phase of a plane that has channels in the block. Phases of odd numbers of channels
 * are put side by side first, as one image. */
void fc_winograd_load(const fc_winograd_chunk *c, int64_t index) {
    const fc_conv_job *job = c->job;
    const fc_winograd_form *f = &c->form;
    const fc_kernels *k = job->kernels;
    const fc_tensor *x = &job->x;
    const bool gather = fc_winograd_gathers(&job->spec, f, k);
    const int64_t channels = fc_group_in(&job->spec), end = c->c_begin + c->c_size;
    const int64_t size[2] = {fc_winograd_extent(f, 0, c->tiles[0]),
                             fc_winograd_extent(f, 1, c->tiles[1])};
    if (gather) memset(c->strip, 0, (size_t)(size[0] * size[1] * c->c_size * k->element));
    for (int64_t at = c->c_begin, n; at < end; at += n) {
        const int64_t number = at / channels, within = at % channels;
        const int64_t phase[FC_AXES] = {number / f->phases[FC_X] / f->phases[FC_Y],
                                        number / f->phases[FC_X] % f->phases[FC_Y],
                                        number % f->phases[FC_X]};
        const window w = window_of(c, index, phase);
        n = fc_min(channels - within, end - at);
        if (gather) {
            load_strip(c, &w, within, n, fc_at_mut(c->strip, at - c->c_begin, k), c->c_size);
        } else if (x->channel == 1) {
            transform(c, index, &w, fc_at(x->data, w.first + within, k),
                      x->axis[FC_Y] * f->in_step[FC_Y], x->axis[FC_X] * f->in_step[FC_X], n,
                      at - c->c_begin);
        } else {
            load_strip(c, &w, within, n, c->strip, n);
            transform(c, index, &w, c->strip, size[1] * n, n, n, at - c->c_begin);
        }
    }
    const window whole = {.end = {size[0], size[1]}};
    if (gather) transform(c, index, &whole, c->strip, size[1] * c->c_size, c->c_size, c->c_size, 0);
}

/* The outputs of one plane: straight into a channels-last result; into any other
 * through a transposed vector of channels at a time. */
void fc_winograd_store(const fc_winograd_chunk *c, int64_t index, int64_t panel, const void *z) {
    const fc_conv_job *job = c->job;
    const fc_conv_spec *s = &job->spec;
    const fc_winograd_form *f = &c->form;
    const fc_kernels *k = job->kernels;
    const int64_t first = panel * f->lanes;
    const int64_t channels = fc_min(f->lanes, fc_group_out(s) - first);
    const int64_t lanes = fc_winograd_lanes(s, k, f, panel);
    int64_t plane[FC_AXES], size[2], step[2];
    int64_t at = image_of(c, index, plane) * job->y.batch +
                 (c->group * fc_group_out(s) + first) * job->y.channel +
                 plane[FC_Z] * job->y.axis[FC_Z];
    for (int i = 0; i < 2; i++) {
        const int a = FC_Y + i;
        const int64_t begin = c->tile[i] * f->outputs[i];
        const int64_t end = fc_ceil_div(s->out[a] - plane[a], f->out_step[a]);
        size[i] = fc_min(c->tiles[i] * f->outputs[i], end - begin);
        step[i] = job->y.axis[a] * f->out_step[a];
        at += plane[a] * job->y.axis[a] + begin * step[i];
    }
    if (size[0] < 1 || size[1] < 1) return; /* a plane that ends before the chunk */
    fc_winograd_output_args args = {
        .z = z,
        .bias = fc_at(job->packed, (c->group * f->panels + panel) * f->lanes, k),
        .out = fc_at_mut(job->y.data, at, k),
        .tile = {f->tile[0], f->tile[1]},
        .outputs = {f->outputs[0], f->outputs[1]},
        .tiles_x = c->tiles[1],
        .rows = size[0],
        .columns = size[1],
        .channels = channels,
        .z_step = c->z_step,
        .z_tile = lanes,
        .out_row = step[0],
        .out_column = step[1],
        .lo = s->clip_lo,
        .hi = s->clip_hi,
    };
    if (job->y.channel == 1) {
        k->winograd_output(&args);
        return;
    }
    const bool joined = step[0] == size[1] * step[1];
    const int64_t rows = joined ? 1 : size[0], columns = joined ? size[0] * size[1] : size[1];
    args.out = c->out;
    args.out_row = size[1] * k->vl;
    args.out_column = k->vl;
    for (int64_t lane = 0; lane < channels; lane += k->vl) {
        args.z = fc_at(z, lane, k);
        args.bias = fc_at(job->packed, (c->group * f->panels + panel) * f->lanes + lane, k);
        args.channels = k->vl;
        k->winograd_output(&args);
        for (int64_t y = 0; y < rows; y++)
            k->copy(&(fc_copy_args){
                .from = fc_at(c->out, y * size[1] * k->vl, k),
                .to = fc_at_mut(job->y.data, at + lane * job->y.channel + y * step[0], k),
                .rows = columns,
                .columns = fc_min(k->vl, channels - lane),
                .from_row = k->vl,
                .from_column = 1,
                .to_row = step[1],
                .to_column = job->y.channel,
            });
    }
}
