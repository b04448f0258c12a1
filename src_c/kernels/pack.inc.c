/* Packs the weights of NR output channels for `pixels`. Each filter is one
 * contiguous row of C * taps values; VL filters are transposed at a time. */

/* Weights [begin, end) of the filters of one vector, which begin at `w`. */
FC_INLINE void FC_NAME(pack_vector)(const fc_pack_args *a, const real *w, real *out,
                                    int64_t filters, int64_t begin, int64_t end) {
    const int64_t filter = a->in_channels * a->taps, block = a->c_end - a->c_begin;
    int64_t c = begin / a->taps, tap = begin % a->taps; /* of weight j */
    for (int64_t j = begin; j < end; j += VL) {
        const int64_t nj = end - j < VL ? end - j : VL;
        vec r[VL];
        if (filters >= VL && nj == VL) {
            FC_UNROLL for (int i = 0; i < VL; i++) r[i] = v_load(w + i * filter + j);
        } else {
            for (int i = 0; i < VL; i++)
                r[i] = i < filters ? v_load_first(w + i * filter + j, nj) : v_set1(0);
        }
        v_transpose(r);
        for (int i = 0; i < nj; i++) {
            v_store(out + (tap * block + c) * (PIXEL_NV * VL), r[i]);
            if (++tap == a->taps) {
                tap = 0;
                c++;
            }
        }
    }
}

static void FC_NAME(pack)(const fc_pack_args *a) {
    /* The taps' rows are far apart: each is written whole while its lines are at hand. */
    enum { STRETCH = 1024 / sizeof(real) };
    const int64_t filter = a->in_channels * a->taps, length = (a->c_end - a->c_begin) * a->taps;
    const int64_t stretch = a->taps == 1 ? length : STRETCH;
    const real *w = (const real *)a->w + a->c_begin * a->taps;
    real *out = a->out;
    for (int64_t begin = 0; begin < length; begin += stretch) {
        const int64_t end = begin + stretch < length ? begin + stretch : length;
        for (int64_t k = 0; k < a->channels; k += VL)
            FC_NAME(pack_vector)(a, w + k * filter, out + k, a->channels - k, begin, end);
    }
}
