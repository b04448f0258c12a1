/* Packs the weights of NR output channels for `pixels`. Each filter is one
 * contiguous row of C * taps values; VL filters are transposed at a time. */

/* `n` weights of each of the filters of one vector, the first of which is at `w` and belongs to
 * channel c of the block. */
FC_INLINE void FC_NAME(pack_square)(const fc_pack_args *a, const real *w, real *out,
                                    int64_t filters, int64_t n, int64_t c, int64_t tap) {
    const int64_t filter = a->in_channels * a->taps, block = a->c_end - a->c_begin;
    vec r[VL];
    if (filters >= VL && n == VL) {
        FC_UNROLL for (int i = 0; i < VL; i++) r[i] = v_load(w + i * filter);
    } else {
        for (int i = 0; i < VL; i++)
            r[i] = i < filters ? v_load_first(w + i * filter, n) : v_set1(0);
    }
    v_transpose(r);
    for (int i = 0; i < n; i++) {
        v_store(out + (tap * block + c) * (PIXEL_NV * VL), r[i]);
        if (++tap == a->taps) {
            tap = 0;
            c++;
        }
    }
}

static void FC_NAME(pack)(const fc_pack_args *a) {
    const int64_t filter = a->in_channels * a->taps, length = (a->c_end - a->c_begin) * a->taps;
    const real *w = (const real *)a->w + a->c_begin * a->taps;
    real *out = a->out;
    if (a->taps == 1) {
        for (int64_t k = 0; k < a->channels; k += VL)
            for (int64_t c = 0; c < length; c += VL) {
                const int64_t n = length - c < VL ? length - c : VL;
                FC_NAME(pack_square)(a, w + k * filter + c, out + k, a->channels - k, n, c, 0);
            }
        return;
    }
    /* The taps' rows are far apart, often by a way of the caches, which hold few of them at a time:
     * each is written whole. */
    int64_t c = 0, tap = 0;
    for (int64_t j = 0; j < length; j += VL) {
        const int64_t n = length - j < VL ? length - j : VL;
        for (int64_t k = 0; k < a->channels; k += VL)
            FC_NAME(pack_square)(a, w + k * filter + j, out + k, a->channels - k, n, c, tap);
        for (tap += VL; tap >= a->taps; tap -= a->taps) c++;
    }
}
