#define FC_ISA_NAME neon
#define FC_ISA_RUNS_HERE fc_cpu_has_baseline
#define FC_VECTOR_BYTES 16
#define PIXEL_MR 6
#define PIXEL_NV 4
#define PLANE_M 6
#define PLANE_NV 4
#define PLANE_FEW_NV 4
#define DEPTHWISE_ROWS 8
#define DEPTHWISE_PIXEL_ROWS 4
#define GROUPED_PIXELS 8
#define POOL_VECTORS 4
#include "table.inc.c"
