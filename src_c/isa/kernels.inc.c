/* Includes every kernel for one type and fills its half of the table.
 * REAL_NAME is f32 or f64. */
#include "../kernels/copy.inc.c"
#include "../kernels/pack.inc.c"
#include "../kernels/scale.inc.c"
#include "../kernels/pixels.inc.c"
#include "../kernels/planes.inc.c"
#include "../kernels/depthwise.inc.c"
#include "../kernels/depthwise_strip.inc.c"
#include "../kernels/depthwise_pixels.inc.c"
#include "../kernels/depthwise_slides.inc.c"
#include "../kernels/grouped.inc.c"
#include "../kernels/gemm.inc.c"
#include "../kernels/winograd.inc.c"
#include "../kernels/max_pool.inc.c"
#include "../kernels/max_pool_pixels.inc.c"
#include "../kernels/max_pool_any.inc.c"
#include "../kernels/col2im.inc.c"

static const fc_kernels FC_NAME(kernels) = {
    .element = sizeof(real),
    .vl = VL,
    .pixel_rows = PIXEL_MR,
    .pixel_channels = PIXEL_NV * VL,
    .plane_channels = PLANE_M,
    .plane_vectors = PLANE_NV,
#define FC_KERNEL(stem, name) .name = FC_NAME(name),
#include "../kernels.def"
#undef FC_KERNEL
};
