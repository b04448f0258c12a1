/* Running Winograd: the output is cut into chunks of tiles, of one plane or, where
 * planes are small, of several, so that the filters are streamed as rarely as the
 * second-level cache allows. An item is one panel of one group of one chunk. */
#include "../base/integers.h"
#include "winograd.h"

/* Unfinished products of the panels that one visit of a chunk serves. */
enum { VISIT_BYTES = 2048 * 1024 };
/* Tiles that are not worth two chunks. */
enum { SMALL = 32 };

/* Elements of the parts of the scratch, for a chunk of g->out tiles. */
typedef struct {
    int64_t strip, v, z, out;
} parts;

static parts parts_of(const fc_conv_job *job, const fc_winograd_form *f) {
    const fc_geometry *g = &job->geometry;
    const fc_kernels *k = job->kernels;
    const int64_t pitch = fc_round_up(g->channels, k->vl);
    const int64_t tiles[2] = {g->out[FC_Y], g->out[FC_X]};
    const int64_t count = g->out[FC_Z] * tiles[0] * tiles[1] * f->across;
    return (parts){
        .strip = fc_winograd_odd_lines(fc_winograd_strip_elements(&job->spec, f, k, tiles), k),
        .v = f->elements * fc_winograd_odd_lines(count * pitch, k),
        .z = f->elements * fc_winograd_odd_lines(count * f->lanes, k),
        .out = fc_winograd_odd_lines(fc_winograd_out_elements(&job->spec, f, k, tiles), k),
    };
}

static int64_t all_planes(const fc_conv_job *job, const fc_winograd_form *f) {
    return job->batch * f->planes[FC_Z] * f->planes[FC_Y];
}

/* Parts into which the planes along x fall. */
static int64_t sides(const fc_winograd_form *f) {
    return fc_ceil_div(f->planes[FC_X], f->across);
}

void fc_winograd_cut(fc_conv_job *job, int64_t t) {
    const fc_kernels *k = job->kernels;
    const fc_winograd_form f = fc_winograd_form_of(&job->spec, k, t);
    fc_geometry *g = &job->geometry;
    g->channels = f.block;
    g->blocks = fc_ceil_div(f.channels, f.block);
    g->panels = f.panels;
    const int64_t all[FC_AXES] = {all_planes(job, &f), f.tiles[0], f.tiles[1]};
    /* Wide first (long runs), then high (shared halo rows), then several planes. */
    int64_t left = f.together / f.across;
    for (int a = FC_X; a >= FC_Z; a--) {
        g->strips[a] = fc_ceil_div(all[a], fc_clamp(left, 1, fc_max(all[a], 1)));
        g->out[a] = g->strips[a] ? fc_ceil_div(all[a], g->strips[a]) : 1;
        left = g->strips[a] > 1 ? 1 : left / g->out[a];
    }
    /* An only chunk becomes two equal ones, if they are not small: one for each of two threads. */
    const bool only = g->strips[0] * g->strips[1] * g->strips[2] == 1;
    const int halved = all[FC_Z] % 2 == 0 ? FC_Z : FC_Y;
    if (only && all[halved] % 2 == 0 && all[0] * all[1] * all[2] * f.across >= SMALL) {
        g->strips[halved] = 2;
        g->out[halved] /= 2;
    }
    bool alike = true;
    for (int a = FC_Z; a <= FC_X; a++) alike &= g->strips[a] == 0 || all[a] % g->strips[a] == 0;
    g->strips[FC_X] *= sides(&f);
    const parts p = parts_of(job, &f);
    g->strip_bytes = (p.strip + p.v + p.out) * k->element;
    g->out_bytes = p.z * k->element;
    g->per_visit = g->blocks > 1 ? fc_clamp(VISIT_BYTES / g->out_bytes, 1, g->panels) : g->panels;
    g->visit = g->panels;
    /* Planes of a dilation that are apart in memory only by rows are better left to one thread, and
     * of chunks that are not alike one thread would have more than another. */
    g->transforms = alike && (job->y.channel == 1 || f.planes[FC_Y] == 1);
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
    const int64_t parts = sides(&c->form), part = item % parts;
    item /= parts;
    c->column = fc_share(c->form.planes[FC_X], parts, part);
    c->columns = fc_share(c->form.planes[FC_X], parts, part + 1) - c->column;
    for (int a = FC_X; a >= FC_Z; a--) {
        const int64_t strips = a == FC_X ? g->strips[a] / parts : g->strips[a];
        const int64_t i = item % strips;
        begin[a] = fc_share(all[a], strips, i);
        size[a] = fc_share(all[a], strips, i + 1) - begin[a];
        item /= strips;
    }
    c->plane = begin[0];
    c->planes = size[0];
    c->count = size[0] * size[1] * size[2] * c->columns;
    for (int i = 0; i < 2; i++) {
        c->tile[i] = begin[FC_Y + i];
        c->tiles[i] = size[FC_Y + i];
    }
    return panel;
}

fc_winograd_place fc_winograd_place_of(const fc_winograd_chunk *c, int64_t index) {
    const fc_winograd_form *f = &c->form;
    const int64_t plane = c->plane + index, by_z = plane / f->planes[FC_Y];
    return (fc_winograd_place){
        .index = index,
        .image = by_z / f->planes[FC_Z],
        .plane = {by_z % f->planes[FC_Z], plane % f->planes[FC_Y], 0},
    };
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
    for (int64_t i = 0; i < c->planes; i++) fc_winograd_store(c, i, panel, z);
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
            for (int64_t i = 0; i < c->planes; i++) fc_winograd_load(c, i);
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
