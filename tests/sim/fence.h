/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fence.h - one fence over N nodes that all enter at the same moment, on the
 * simulated network, by our collective code and by the stock plugin's two
 * algorithms.
 */
#ifndef SIM_FENCE_H
#define SIM_FENCE_H

#include <stdint.h>

#include "net.h"

typedef struct {
	net_model_t net;
	double local_us; /* of a node's processor, before and after: from the
			    ranks to the server and back */
	double bytes;	 /* that each node contributes */
	uint32_t width;	 /* of the stock plugin's tree */
} fence_model_t;

typedef struct {
	double us;	 /* until the last node has left */
	uint32_t rounds; /* messages one after the other, at most */
	uint64_t messages;
	double bytes;	   /* in all */
	double most_bytes; /* sent by one node */
} fence_result_t;

/* By mpi_plugin/pmixd/coll.c, the code that psec-pmixd runs. */
fence_result_t fence_ours(uint32_t nodes, const fence_model_t *model);
/* As Slurm's mpi/pmix does it, read in its sources; headers not counted. */
fence_result_t fence_stock_ring(uint32_t nodes, const fence_model_t *model);
fence_result_t fence_stock_tree(uint32_t nodes, const fence_model_t *model);

#endif
