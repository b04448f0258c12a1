#ifndef FC_BASE_STATUS_H
#define FC_BASE_STATUS_H

typedef enum {
#define FC_STATUS(name, exception, text) FC_##name,
#include "status.def"
#undef FC_STATUS
} fc_status;

/* A sentence for people; never NULL. */
const char *fc_status_text(fc_status status);
/* The name of the Python exception that reports it; "None" for FC_OK. */
const char *fc_status_exception(fc_status status);

#endif
