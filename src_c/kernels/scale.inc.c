/* Times powers of two, up and down, by operations on integers and normal numbers alone: some
 * processors take a hundred cycles over each vector with a subnormal number in it.
 *
 * A normal number is scaled by its exponent. A subnormal one is a count of units, the least number
 * of all: added to the bits of a power of two whose last place is as large as the unit is when
 * scaled, it is that power and the count; taking the power away leaves the count as a normal
 * number. The way down adds the power, which rounds to whole units by the caller's mode, and takes
 * its bits away. Of the two ways the wrong one always gives the larger bits on the way up, and the
 * smaller ones on the way down: the functions x / 2 + 1 / 2 and x meet at 1, where numbers become
 * normal.
 *
 * One number at a time: compilers make vectors of these loops. */

#define SCALE_MANTISSA (sizeof(real) == 4 ? 23 : 52)
#define SCALE_BIAS (sizeof(real) == 4 ? 127 : 1023)
#define SCALE_SIGN ((real_bits)1 << (8 * sizeof(real) - 1))
#define SCALE_BITS(exponent) ((real_bits)(exponent) << SCALE_MANTISSA)

FC_INLINE real FC_NAME(scale_real)(real_bits bits) {
    real x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

FC_INLINE real_bits FC_NAME(scale_bits)(real x) {
    real_bits bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* With the sign of another; in a form that AVX-512 has as one instruction. */
FC_INLINE real_bits FC_NAME(scale_signed)(real_bits size, real_bits like) {
    return size ^ ((size ^ like) & SCALE_SIGN);
}

FC_INLINE real_bits FC_NAME(scale_raised)(real_bits bits, int power) {
    const real_bits size = bits & ~SCALE_SIGN, unit = SCALE_BITS(power + 1);
    const real count = FC_NAME(scale_real)(size + unit) - FC_NAME(scale_real)(unit);
    const v_lane counted = (v_lane)FC_NAME(scale_bits)(count);
    const v_lane shifted = (v_lane)(size + SCALE_BITS(power));
    const real_bits raised = (real_bits)(counted < shifted ? counted : shifted);
    return FC_NAME(scale_signed)(raised, bits);
}

/* With its sign all the way: of two negative numbers the larger size has the larger bits. */
FC_INLINE real_bits FC_NAME(scale_lowered)(real_bits bits, int power) {
    const real_bits unit = SCALE_BITS(power + 1);
    const real signed_unit = FC_NAME(scale_real)(unit | (bits & SCALE_SIGN));
    const v_lane counted = (v_lane)FC_NAME(scale_bits)(FC_NAME(scale_real)(bits) + signed_unit);
    const v_lane shifted = (v_lane)(bits + SCALE_BITS(1));
    return (real_bits)(counted > shifted ? counted : shifted) - unit;
}

FC_INLINE double FC_NAME(scale_larger)(double other, real_bits size) {
    const bool finite = size < SCALE_BITS(2 * SCALE_BIAS + 1);
    const double magnitude = finite ? FC_NAME(scale_real)(size) : INFINITY;
    return magnitude > other ? magnitude : other;
}

/* So few that their number fits into the bits of one. */
enum { FC_NAME(SCALE_STRETCH) = 4096 };

FC_INLINE void FC_NAME(extent_of)(const real_bits *from, int64_t step, int64_t n, int power,
                                  fc_extent *extent) {
    real_bits small = 0, largest = 0, least = ~(real_bits)0;
    for (int64_t i = 0; i < n; i++) {
        const real_bits size = from[i * step] & ~SCALE_SIGN;
        const real_bits beyond = size - 1; /* 0 becomes the largest */
        small += beyond < SCALE_BITS(SCALE_BIAS - power) - 1;
        least = beyond < least ? beyond : least;
        largest = size > largest ? size : largest;
    }
    extent->small += (int64_t)small;
    extent->subnormal |= least < SCALE_BITS(1) - 1;
    extent->largest = FC_NAME(scale_larger)(extent->largest, largest);
}

static void FC_NAME(extent)(const fc_extent_args *a) {
    const real_bits *from = a->from;
    for (int64_t i = 0; i < a->count; i += FC_NAME(SCALE_STRETCH)) {
        const int64_t left = a->count - i;
        const int64_t n = left < FC_NAME(SCALE_STRETCH) ? left : FC_NAME(SCALE_STRETCH);
        if (a->step == 1)
            FC_NAME(extent_of)(from + i, 1, n, a->power, a->extent);
        else
            FC_NAME(extent_of)(from + i * a->step, a->step, n, a->power, a->extent);
    }
}

FC_INLINE real_bits FC_NAME(scale_up_all)(const real_bits *restrict from, int64_t step,
                                          real_bits *restrict to, int64_t n, int power) {
    real_bits largest = 0;
    for (int64_t i = 0; i < n; i++) {
        const real_bits bits = from[i * step], size = bits & ~SCALE_SIGN;
        largest = size > largest ? size : largest;
        to[i] = FC_NAME(scale_raised)(bits, power);
    }
    return largest;
}

static void FC_NAME(scale_up)(const fc_scale_up_args *a) {
    const real_bits largest =
        a->step == 1 ? FC_NAME(scale_up_all)(a->from, 1, a->to, a->count, a->power)
                     : FC_NAME(scale_up_all)(a->from, a->step, a->to, a->count, a->power);
    *a->largest = FC_NAME(scale_larger)(*a->largest, largest);
}

static void FC_NAME(scale_down)(const fc_scale_down_args *a) {
    real_bits *to = a->to;
    const int64_t count = a->count, step = a->step;
    const int power = a->power;
    if (step == 1)
        for (int64_t i = 0; i < count; i++) to[i] = FC_NAME(scale_lowered)(to[i], power);
    else
        for (int64_t i = 0; i < count; i++)
            to[i * step] = FC_NAME(scale_lowered)(to[i * step], power);
}
