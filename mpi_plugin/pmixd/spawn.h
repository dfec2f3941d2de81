/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawn.h - PMIx_Spawn: a new step in the same job.
 *
 * The server of the rank that asks has the step's srun start it (see
 * spawn_io.h): so it has srun's environment and output, and is no process of
 * the node.  The new step's first server says to the one that asked when its
 * tasks have begun (PSEC_ENV_PARENT names it), and that one answers the rank.
 *
 * A spawned step ends when the one that spawned it fails, unless the caller
 * said PMIX_SPAWN_CHILD_SEP.
 */
#ifndef PMIXD_SPAWN_H
#define PMIXD_SPAWN_H

#include <pmix_server.h>

/* Host upcall spawn, PMIx standard "Server-host: spawn". */
pmix_status_t spawn_upcall(const pmix_proc_t *proc, const pmix_info_t info[],
			   size_t ninfo, const pmix_app_t apps[], size_t napps,
			   pmix_spawn_cbfunc_t cbfunc, void *cbdata);

/*
 * Who spawned this step, into pmixd.parent; before the namespace is
 * registered.
 */
void spawn_read_parent(void);

/* Register with the peers, after peers_init().  With the lock held. */
void spawn_init(void);

/* This server is ready.  Without the lock. */
void spawn_up(void);
/* Wait, for some seconds at most, until that has been told.  Without it. */
void spawn_await_up(void);

/* This step's tasks have begun their programs, or one has called PMIx_Init.
 * Without the lock. */
void spawn_tasks_begin(void);
void spawn_client_connected(void);

#endif
