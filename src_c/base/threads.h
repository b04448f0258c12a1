/* A pool of threads for work that can be split anywhere: items [0, n), of which
 * every range can be computed on its own with the same bits.
 *
 * Threads start when the first large task needs them, wait for the next one with
 * a short spin and then asleep, and are given anew to the child of a fork. Each
 * thread owns a share of the items and takes it from the front, a chunk at a
 * time; whoever has none left takes half of the largest share. Nobody works on
 * the caller's processor if others are allowed. One task has the
 * pool at a time: a second caller (another thread, or a signal handler inside
 * `stop`) does its work by itself. So does one for whom no thread can be had. */
#ifndef FC_BASE_THREADS_H
#define FC_BASE_THREADS_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FC_THREADS_MOST = 256, FC_STOP_EVERY = 20000000 /* nanoseconds */ };

typedef struct {
    /* Items [begin, end); `scratch` is the thread's own, kept from one range to the next. */
    void (*run)(const void *context, int64_t begin, int64_t end, void *scratch);
    const void *context;
    int64_t items;
    int64_t visit;        /* so many neighbours, from multiples of it, share what run prepares */
    double nanoseconds;   /* what all items take on one thread, roughly */
    size_t scratch_bytes; /* of each thread, zero for none */
    void *scratch;        /* the caller's own, or NULL: of its workspace */
    int threads;          /* at most so many, the caller among them */
    bool (*stop)(void);   /* asked by the calling thread every few milliseconds; may be NULL */
} fc_task;

/* How many threads a task is worth, by its items, its time and its limit. Small tasks that follow
 * each other closely may get more, who are awake then. */
int fc_task_threads(const fc_task *task);

/* Does all items, once each; FC_NO_MEMORY before any if the caller cannot have its scratch,
 * FC_STOPPED with some left out after `stop` returned true. In the child of a fork made
 * inside `stop` items may be done twice. */
fc_status fc_task_run(const fc_task *task);

#endif
