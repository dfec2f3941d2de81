/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.h - slurmstepd's side of psec-pmixd: start it, get its environment
 * blocks, end it.
 */
#ifndef PSEC_SERVER_H
#define PSEC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "step.h"

typedef struct server server_t;

/*
 * Make the step directory, start psec-pmixd as STEP's user and wait until it
 * is ready.  ENV is the step's environment; its SLURM_* entries are passed
 * on as they are.  LOST is called on a thread of its own if psec-pmixd ends
 * while tasks run.  STEP must outlive the server.
 * NULL: a sentence is in TEXT (SIZE bytes).
 */
server_t *server_start(const psec_step_t *step, char *const *env,
		       void (*lost)(void), char *text, size_t size);

/*
 * The variables for local task LOCAL: LEN bytes of "NAME=VALUE" strings,
 * each with its NUL, as psec-pmixd sent them (the last byte is a NUL).
 * They are the user's words: use them as the user.  NULL: none.
 */
const char *server_block(const server_t *server, uint32_t local, size_t *len);

/*
 * Tell psec-pmixd the processes of the local tasks, which are forked and
 * bound to CPUs, and wait (for some seconds at most) until it has taken note
 * of what the kernel says about them.
 */
void server_tasks_forked(server_t *server);

/* Tell psec-pmixd that a task has ended, with waitpid()'s STATUS. */
void server_task_exited(server_t *server, uint32_t local, int status);

/*
 * The tasks have ended, ALL_KILLED: each by a signal; psec-pmixd may go.
 * Where it went before them and they were not killed with it, it was lost.
 */
void server_tasks_over(server_t *server, bool all_killed);

/* End psec-pmixd (bounded), remove the step directory.  NULL is allowed. */
void server_end(server_t *server);

#endif
