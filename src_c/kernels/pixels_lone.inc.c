/* A part of pixels, for an image or strip of a single pixel, as of a fully connected layer: the
 * sums of one panel are too few to be under way at once, so that each waits for itself. Those of
 * several panels are as many as a tile has. */
enum { FC_NAME(LONE_PANELS) = 8 / PIXEL_NV };

/* PANELS whole panels from `first` on. */
FC_INLINE void FC_NAME(lone_tile)(const int PANELS, const fc_pixels_args *a, int64_t first) {
    enum { NR = PIXEL_NV * VL, VECTORS = FC_NAME(LONE_PANELS) * PIXEL_NV };
    real *const out = (real *)a->out + first * NR;
    const real *const start = a->bias ? (const real *)a->bias + first * NR : out;
    const int64_t apart = a->panel;
    vec acc[VECTORS];
    FC_UNROLL for (int v = 0; v < PANELS * PIXEL_NV; v++) acc[v] = v_load(start + v * VL);
    for (int64_t t = 0; t < a->taps; t++) {
        const real *x = (const real *)a->x + a->tap[t].x;
        const real *w = (const real *)a->w + first * apart + a->tap[t].w * NR;
        for (int64_t i = 0; i < a->run; i++, x++, w += NR) {
            const vec xv = v_set1(*x);
            FC_UNROLL for (int p = 0; p < PANELS; p++) {
                FC_UNROLL for (int v = 0; v < PIXEL_NV; v++)
                    acc[p * PIXEL_NV + v] += xv * v_load(w + p * apart + v * VL);
            }
        }
    }
    const bool clips = fc_clips(a->lo, a->hi);
    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    FC_UNROLL for (int v = 0; v < PANELS * PIXEL_NV; v++) {
        if (clips) acc[v] = v_min(hi, v_max(lo, acc[v]));
        v_store(out + v * VL, acc[v]);
    }
}

static __attribute__((noinline)) void FC_NAME(pixels_lone)(const fc_pixels_args *a) {
    int64_t p = 0;
    for (; p + FC_NAME(LONE_PANELS) <= a->panels; p += FC_NAME(LONE_PANELS))
        FC_NAME(lone_tile)(FC_NAME(LONE_PANELS), a, p);
    for (; p < a->panels; p++) FC_NAME(lone_tile)(1, a, p);
}
