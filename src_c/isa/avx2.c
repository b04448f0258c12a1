#define FC_ISA_NAME avx2
#define FC_ISA_RUNS_HERE fc_cpu_has_avx2_fma
#define FC_VECTOR_BYTES 32
#define PIXEL_MR 6
#define PIXEL_NV 2
#define PLANE_M 6
#define PLANE_NV 2
#define PLANE_FEW_NV 3
#define DEPTHWISE_ROWS 4
#define DEPTHWISE_PIXEL_ROWS 2
#define GROUPED_PIXELS 6
#define POOL_VECTORS 2
#include "table.inc.c"
