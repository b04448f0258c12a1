/* Scratch memory that outlives a call: one block a thread, grown as needed and
 * kept for the next call, so that running the same problem again touches no
 * fresh page. A block beyond FC_WORKSPACE_KEEP is given back at once. */
#ifndef FC_BASE_WORKSPACE_H
#define FC_BASE_WORKSPACE_H

#include <stddef.h>

enum { FC_WORKSPACE_KEEP = 64 << 20, FC_WORKSPACE_ALIGNMENT = 64 };

/* The calling thread's block of at least `bytes`, or NULL if there is no memory.
 * Its contents are undefined. While it is in use (a signal handler may convolve
 * in the middle of a convolution) further calls get blocks of their own. */
void *fc_workspace_acquire(size_t bytes);
void fc_workspace_release(void *block);

#endif
