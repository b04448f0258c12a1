/* A clock that only goes forward. */
#ifndef FC_BASE_CLOCK_H
#define FC_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since some moment. */
int64_t fc_now(void);

#endif
