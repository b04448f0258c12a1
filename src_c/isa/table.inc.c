/* One instruction set's table: every kernel compiled for float and for double.
 * The unit that includes this sets FC_ISA_NAME, FC_ISA_RUNS_HERE,
 * FC_VECTOR_BYTES and the tile sizes; tiles must fit the registers:
 * rows * vectors + vectors + 1 <= number of vector registers. */
#include "../base/cpu.h"
#include "../base/simd.h"
#include "../dispatch.h"

#define REAL_NAME f32
#include "kernels.inc.c"
#undef REAL_NAME
#define REAL_NAME f64
#include "kernels.inc.c"
#undef REAL_NAME

#define FC_TABLE_(name) fc_isa_##name
#define FC_TABLE(name) FC_TABLE_(name)
#define FC_STRING_(name) #name
#define FC_STRING(name) FC_STRING_(name)
const fc_isa FC_TABLE(FC_ISA_NAME) = {
    .name = FC_STRING(FC_ISA_NAME),
    .runs_here = FC_ISA_RUNS_HERE,
    .kernels = {&f32_kernels, &f64_kernels},
};
