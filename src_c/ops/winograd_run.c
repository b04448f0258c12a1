/* Running Winograd: the output is cut into chunks of tiles, of one plane or, where
 * planes are small, of several, so that the filters are streamed as rarely as the
 * second-level cache allows. An item is one panel of one group of one chunk. */
#include "../base/integers.h"
#include "winograd.h"

/* Transformed input of a chunk, and its tiles: more of them stream the filters less
 * often, but their products leave the second-level cache. */
enum { V_BYTES = 2560 * 1024, TILES = 64 };
/* Unfinished products of the panels that one visit of a chunk serves. */
enum { VISIT_BYTES = 2048 * 1024 };

/* Elements of the parts of the scratch, for a chunk of g->out tiles. */
typedef struct {
    int64_t strip, v, z, out;
} parts;

static parts parts_of(const fc_conv_job *job, const fc_winograd_form *f) {
    const fc_geometry *g = &job->geometry;
    const fc_kernels *k = job->kernels;
    const int64_t together = fc_winograd_gathers(&job->spec, f, k)
                                 ? g->channels
                                 : fc_min(g->channels, fc_group_in(&job->spec));
    const int64_t pitch = fc_round_up(g->channels, k->vl);
    const int64_t count = g->out[0] * g->out[1] * g->out[2];
    return (parts){
        .strip = fc_winograd_odd_lines(fc_winograd_extent(f, 0, g->out[FC_Y]) *
                                           fc_winograd_extent(f, 1, g->out[FC_X]) * together,
                                       k),
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
    /* Planes of a dilation that are apart in memory only by pixels are better left to one thread.
     */
    g->transforms = job->y.channel == 1 || f.planes[FC_Y] * f.planes[FC_X] == 1;
    g->items = g->strips[0] * g->strips[1] * g->strips[2] * job->spec.groups * g->panels;
    job->scratch_bytes = g->strip_bytes + g->out_bytes * (g->blocks > 1 ? g->per_visit : 1);
}

/* The chunk that holds an item; returns the item's panel. */
static int64_t locate(fc_winograd_chunk *c, int64_t item) {
    const fc_conv_job *job = c->job;
    const fc_geometry *g = &job->geometry;
    const int64_t all[FC_AXES] = {all_planes(job, &c->form), c->form.tiles[0], c->form.tiles[1]};
    int64_t begin[FC_AXES], size[FC_AXES];
    const int64_t panel = item % g->panels;
    item =
        fc_by_group(job, item / g->panels, g->strips[0] * g->strips[1] * g->strips[2], &c->group);
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

/* One panel's products with the block of input channels at hand, then, after the
 * last block, its outputs. */
static void run_panel(const fc_winograd_chunk *c, int64_t panel, void *z) {
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
        fc_winograd_store(c, c->plane + i, panel, fc_at(z, i * tiles * lanes, k));
}

/* Panels [begin, end) of one chunk, block by block of input channels. */
static void run_visit(fc_winograd_chunk *c, int64_t begin, int64_t end, bool loaded) {
    const fc_geometry *g = &c->job->geometry;
    const fc_kernels *k = c->job->kernels;
    for (int64_t block = 0; block < g->blocks; block++) {
        c->c_begin = block * g->channels;
        c->c_size = fc_min(g->channels, c->form.channels - c->c_begin);
        c->pitch = fc_round_up(c->c_size, k->vl);
        c->v_step = fc_winograd_odd_lines(c->count * c->pitch, k);
        c->z_step = fc_winograd_odd_lines(c->count * c->form.lanes, k);
        if (!loaded || g->blocks > 1)
            for (int64_t i = 0; i < c->planes; i++) fc_winograd_load(c, c->plane + i);
        for (int64_t panel = begin; panel < end; panel++)
            run_panel(c, panel, c->z + (g->blocks > 1 ? panel - begin : 0) * g->out_bytes);
    }
}

void fc_winograd_run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch, int64_t t) {
    const fc_geometry *g = &job->geometry;
    const fc_kernels *k = job->kernels;
    fc_winograd_chunk c = {
        .job = job, .form = fc_winograd_form_of(&job->spec, k, t), .strip = scratch};
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
