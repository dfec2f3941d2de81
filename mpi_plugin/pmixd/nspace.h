/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nspace.h - tell libpmix about the step: its namespace, nodes, processes
 * and local clients.  Keys as in the PMIx standard, "Job-specific data".
 */
#ifndef PMIXD_NSPACE_H
#define PMIXD_NSPACE_H

#include "pmixd.h"

/* Before libpmix starts and there are threads: its environment.  0, or -1: no
 * memory. */
int nspace_environment(const pmixd_t *d);

/* Register everything; blocks.  0, or -1 with a sentence. */
int nspace_register(const pmixd_t *d, psec_error_t *err);

/* Where libpmix listens, as its clients are told.  0, or -1. */
int nspace_uri(const pmixd_t *d, char *uri, size_t size);

/*
 * The variables of libpmix's for the task LOCAL, which the caller frees, also
 * after an error.  Any thread.
 */
pmix_status_t nspace_task_env(const pmixd_t *d, uint32_t local, char ***env);
void nspace_free_env(char **env);

/* Send slurmstepd the environment block of each local task. */
int nspace_send_blocks(const pmixd_t *d, psec_error_t *err);

#endif
