/* Running Winograd: the output is cut into chunks of tiles, of one plane or, where
 * planes are small, of several, so that the filters are streamed as rarely as the
 * second-level cache allows. An item is one panel of one group of one chunk. */
#include "../base/integers.h"
#include "winograd.h"

#include <string.h>

/* Transformed input of a chunk, and its tiles: more of them stream the filters less
 * often, but their products leave the second-level cache. */
enum { V_BYTES = 2560 * 1024, TILES = 64 };
/* Unfinished products of the panels that one visit of a chunk serves. */
enum { VISIT_BYTES = 2048 * 1024 };

typedef struct {
    const fc_conv_job *job;
    fc_winograd_form form;
    int64_t plane, planes;            /* the chunk: first one and number */
    int64_t tile[2], tiles[2], count; /* within each plane; count: all of them */
    int64_t group, c_begin, c_size;   /* of the input channels */
    int64_t pitch, v_step, z_step;    /* elements */
    int64_t out_pixels, slot;         /* elements */
    char *strip, *v, *z, *out;
} chunk;

/* Whether the phases of the stride have to be put side by side before the transform. */
static bool gathers(const fc_conv_spec *s, const fc_winograd_form *f, const fc_kernels *k) {
    return f->channels > fc_group_in(s) && fc_group_in(s) % k->vl;
}

static int64_t extent(const fc_winograd_form *f, int axis, int64_t tiles) {
    return tiles * f->outputs[axis] + f->taps[axis] - 1;
}

/* Elements of the parts of the scratch, for a chunk of g->out tiles. */
typedef struct {
    int64_t strip, v, z, out;
} parts;

static parts parts_of(const fc_conv_job *job, const fc_winograd_form *f) {
    const fc_geometry *g = &job->geometry;
    const fc_kernels *k = job->kernels;
    const int64_t together =
        gathers(&job->spec, f, k) ? g->channels : fc_min(g->channels, fc_group_in(&job->spec));
    const int64_t pitch = fc_round_up(g->channels, k->vl);
    const int64_t count = g->out[0] * g->out[1] * g->out[2];
    return (parts){
        .strip = fc_winograd_odd_lines(
            extent(f, 0, g->out[FC_Y]) * extent(f, 1, g->out[FC_X]) * together, k),
        .v = f->elements * fc_winograd_odd_lines(count * pitch, k),
        .z = f->elements * fc_winograd_odd_lines(count * f->lanes, k),
        .out = fc_winograd_odd_lines(
            g->out[FC_Y] * f->outputs[0] * g->out[FC_X] * f->outputs[1] * k->vl, k),
    };
}

static int64_t all_planes(const fc_conv_job *job, const fc_winograd_form *f) {
    return job->batch * f->planes[FC_Z] * f->planes[FC_Y] * f->planes[FC_X];
}

void fc_winograd_cut(fc_conv_job *job, int64_t t) {
    const fc_kernels *k = job->kernels;
    const fc_winograd_form f = fc_winograd_form_of(&job->spec, k, t);
    fc_geometry *g = &job->geometry;
    g->channels = f.block;
    g->blocks = fc_ceil_div(f.channels, f.block);
    g->panels = f.panels;
    const int64_t bytes = f.elements * fc_round_up(f.block, k->vl) * k->element;
    const int64_t most = fc_clamp(V_BYTES / bytes, 1, TILES);
    const int64_t all[FC_AXES] = {all_planes(job, &f), f.tiles[0], f.tiles[1]};
    /* Wide first (long runs), then high (shared halo rows), then several planes. */
    int64_t left = most;
    for (int a = FC_X; a >= FC_Z; a--) {
        g->strips[a] = fc_ceil_div(all[a], fc_clamp(left, 1, fc_max(all[a], 1)));
        g->out[a] = g->strips[a] ? fc_ceil_div(all[a], g->strips[a]) : 1;
        left = g->strips[a] > 1 ? 1 : left / g->out[a];
    }
    /* An only chunk becomes two equal ones, if they are not small: one for each of two threads. */
    const bool only = g->strips[0] * g->strips[1] * g->strips[2] == 1;
    const int halved = all[FC_Z] % 2 == 0 ? FC_Z : FC_Y;
    if (only && all[halved] % 2 == 0 && all[0] * all[1] * all[2] >= TILES / 2) {
        g->strips[halved] = 2;
        g->out[halved] /= 2;
    }
    const parts p = parts_of(job, &f);
    g->strip_bytes = (p.strip + p.v + p.out) * k->element;
    g->out_bytes = p.z * k->element;
    g->per_visit = g->blocks > 1 ? fc_clamp(VISIT_BYTES / g->out_bytes, 1, g->panels) : g->panels;
    g->visit = g->panels;
    g->items = g->strips[0] * g->strips[1] * g->strips[2] * job->spec.groups * g->panels;
    job->scratch_bytes = g->strip_bytes + g->out_bytes * (g->blocks > 1 ? g->per_visit : 1);
}

/* The chunk that holds an item; returns the item's panel. */
static int64_t locate(chunk *c, int64_t item) {
    const fc_conv_job *job = c->job;
    const fc_geometry *g = &job->geometry;
    const int64_t all[FC_AXES] = {all_planes(job, &c->form), c->form.tiles[0], c->form.tiles[1]};
    int64_t begin[FC_AXES], size[FC_AXES];
    const int64_t panel = item % g->panels;
    item /= g->panels;
    c->group = item % job->spec.groups;
    item /= job->spec.groups;
    for (int a = FC_X; a >= FC_Z; a--) {
        const int64_t i = item % g->strips[a];
        begin[a] = fc_share(all[a], g->strips[a], i);
        size[a] = fc_share(all[a], g->strips[a], i + 1) - begin[a];
        item /= g->strips[a];
    }
    c->plane = begin[0];
    c->planes = size[0];
    c->count = size[0] * size[1] * size[2];
    for (int i = 0; i < 2; i++) {
        c->tile[i] = begin[FC_Y + i];
        c->tiles[i] = size[FC_Y + i];
    }
    return panel;
}

/* A plane by its number: the image, and where in it. */
static int64_t image_of(const chunk *c, int64_t plane, int64_t at[FC_AXES]) {
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

static window window_of(const chunk *c, int64_t index, const int64_t phase[FC_AXES]) {
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
        const int64_t all = extent(f, i, c->tiles[i]);
        w.first += origin * x->axis[a];
        w.begin[i] = fc_clamp(origin < 0 ? fc_ceil_div(-origin, step) : 0, 0, all);
        w.end[i] = origin < s->in[a] ? fc_ceil_div(s->in[a] - origin, step) : 0;
        w.end[i] = exists ? fc_clamp(w.end[i], w.begin[i], all) : w.begin[i];
    }
    return w;
}

/* Channels [begin, begin + n) of the window into the strip, channels last. */
static void load_strip(const chunk *c, const window *w, int64_t begin, int64_t n, void *strip,
                       int64_t pitch) {
    const fc_kernels *k = c->job->kernels;
    const fc_tensor *x = &c->job->x;
    const int64_t width = extent(&c->form, 1, c->tiles[1]);
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
static void transform(const chunk *c, int64_t index, const window *w, const void *x, int64_t x_row,
                      int64_t x_column, int64_t n, int64_t at) {
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
static void load_plane(const chunk *c, int64_t index) {
    const fc_conv_job *job = c->job;
    const fc_winograd_form *f = &c->form;
    const fc_kernels *k = job->kernels;
    const fc_tensor *x = &job->x;
    const bool gather = gathers(&job->spec, f, k);
    const int64_t channels = fc_group_in(&job->spec), end = c->c_begin + c->c_size;
    const int64_t size[2] = {extent(f, 0, c->tiles[0]), extent(f, 1, c->tiles[1])};
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
static void store_plane(const chunk *c, int64_t index, int64_t panel, const void *z) {
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

/* One panel's products with the block of input channels at hand, then, after the
 * last block, its outputs. */
static void run_panel(const chunk *c, int64_t panel, void *z) {
    const fc_conv_job *job = c->job;
    const fc_conv_spec *s = &job->spec;
    const fc_winograd_form *f = &c->form;
    const fc_kernels *k = job->kernels;
    const int64_t index = c->group * f->panels + panel, lanes = fc_winograd_lanes(s, k, f, panel);
    const int64_t u = s->groups * f->panels * f->lanes +
                      index * fc_winograd_panel_elements(f, k, f->channels) +
                      fc_winograd_panel_elements(f, k, c->c_begin);
    const int64_t tiles = c->tiles[0] * c->tiles[1];
    k->gemm(&(fc_gemm_args){
        .a = c->v,
        .b = fc_at(job->packed, u, k),
        .out = z,
        .batch = f->elements,
        .rows = c->count,
        .depth = c->c_size,
        .vectors = lanes / k->vl,
        .a_step = c->v_step,
        .a_row = c->pitch,
        .b_step = fc_winograd_u_step(f, k, c->c_size),
        .out_step = c->z_step,
        .accumulate = c->c_begin > 0,
    });
    if (c->c_begin + c->c_size < f->channels) return;
    for (int64_t i = 0; i < c->planes; i++)
        store_plane(c, c->plane + i, panel, fc_at(z, i * tiles * lanes, k));
}

/* Panels [begin, end) of one chunk, block by block of input channels. */
static void run_visit(chunk *c, int64_t begin, int64_t end, bool loaded) {
    const fc_geometry *g = &c->job->geometry;
    const fc_kernels *k = c->job->kernels;
    for (int64_t block = 0; block < g->blocks; block++) {
        c->c_begin = block * g->channels;
        c->c_size = fc_min(g->channels, c->form.channels - c->c_begin);
        c->pitch = fc_round_up(c->c_size, k->vl);
        c->v_step = fc_winograd_odd_lines(c->count * c->pitch, k);
        c->z_step = fc_winograd_odd_lines(c->count * c->form.lanes, k);
        if (!loaded || g->blocks > 1)
            for (int64_t i = 0; i < c->planes; i++) load_plane(c, c->plane + i);
        for (int64_t panel = begin; panel < end; panel++)
            run_panel(c, panel, c->z + (g->blocks > 1 ? panel - begin : 0) * g->out_bytes);
    }
}

void fc_winograd_run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch, int64_t t) {
    const fc_geometry *g = &job->geometry;
    const fc_kernels *k = job->kernels;
    chunk c = {.job = job, .form = fc_winograd_form_of(&job->spec, k, t), .strip = scratch};
    const parts p = parts_of(job, &c.form);
    c.v = fc_at_mut(c.strip, p.strip, k);
    c.out = fc_at_mut(c.v, p.v, k);
    c.z = fc_at_mut(c.out, p.out, k);
    while (begin < end) {
        const int64_t panel = locate(&c, begin), stop = fc_min(g->panels, panel + (end - begin));
        for (int64_t p0 = panel; p0 < stop; p0 += g->per_visit)
            run_visit(&c, p0, fc_min(p0 + g->per_visit, stop), p0 != panel);
        begin += stop - panel;
    }
}
