/* Packs the weights of NR output channels for `pixels`. Each filter is one
 * contiguous row of C * taps values; VL filters are transposed at a time. */
static void FC_NAME(pack)(const fc_pack_args *a) {
    const int64_t filter = a->in_channels * a->taps;
    const int64_t block = a->c_end - a->c_begin, length = block * a->taps;
    const real *w = (const real *)a->w + a->c_begin * a->taps;
    real *out = a->out;
    for (int64_t k = 0; k < PIXEL_NV * VL; k += VL) {
        const int64_t filters = a->channels - k;
        int64_t c = 0, tap = 0; /* position j of the filter is channel c, tap `tap` */
        for (int64_t j = 0; j < length; j += VL) {
            const int64_t nj = length - j < VL ? length - j : VL;
            vec r[VL];
            if (filters >= VL && nj == VL) {
                FC_UNROLL for (int i = 0; i < VL; i++) r[i] = v_load(w + (k + i) * filter + j);
            } else {
                for (int i = 0; i < VL; i++)
                    r[i] = i < filters ? v_load_first(w + (k + i) * filter + j, nj) : v_set1(0);
            }
            v_transpose(r);
            for (int i = 0; i < nj; i++) {
                v_store(out + (tap * block + c) * (PIXEL_NV * VL) + k, r[i]);
                if (++tap == a->taps) {
                    tap = 0;
                    c++;
                }
            }
        }
    }
}
