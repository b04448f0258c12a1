/* Which instruction sets are compiled in, which run here, which one is used. */
#ifndef FC_DISPATCH_H
#define FC_DISPATCH_H

#include "kernels/kernels.h"

#include <stdbool.h>

typedef enum { FC_F32, FC_F64 } fc_dtype;

typedef struct {
    const char *name;
    bool (*runs_here)(void);
    const fc_kernels *kernels[2]; /* by fc_dtype */
} fc_isa;

/* The i-th compiled instruction set, plainest first; NULL past the last. */
const fc_isa *fc_isa_at(int i);
/* By name, compiled in but not necessarily runnable here; NULL if unknown. */
const fc_isa *fc_isa_find(const char *name);
/* The best that runs here. */
const fc_isa *fc_isa_best(void);

#endif
