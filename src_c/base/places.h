/* Threads that work together belong on processors of their own. */
#ifndef FC_BASE_PLACES_H
#define FC_BASE_PLACES_H

#include <stdbool.h>
#include <sys/types.h>

/* The processor that the calling thread is on, or -1. */
int fc_place(void);

/* Moves a thread of this process, 0 for the calling one, to another processor if it is on this one;
 * false if it may not use another. What it may use stays as it is. */
bool fc_place_elsewhere(pid_t thread, int cpu);

#endif
