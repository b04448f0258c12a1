#include "dispatch.h"

#include <stddef.h>
#include <string.h>

#define FC_ISA(name) extern const fc_isa fc_isa_##name;
#include "isa/isa.def"
#undef FC_ISA

static const fc_isa *const isas[] = {
#define FC_ISA(name) &fc_isa_##name,
#include "isa/isa.def"
#undef FC_ISA
};

const fc_isa *fc_isa_at(int i) {
    return i >= 0 && i < (int)(sizeof isas / sizeof *isas) ? isas[i] : NULL;
}

const fc_isa *fc_isa_find(const char *name) {
    const fc_isa *isa;
    for (int i = 0; (isa = fc_isa_at(i)); i++)
        if (strcmp(isa->name, name) == 0) return isa;
    return NULL;
}

const fc_isa *fc_isa_best(void) {
    const fc_isa *isa, *best = NULL;
    for (int i = 0; (isa = fc_isa_at(i)); i++)
        if (isa->runs_here()) best = isa;
    return best;
}
