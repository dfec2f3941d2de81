/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * taskmap.h - which rank runs on which node of a step, as a short text, for
 * any distribution of tasks.
 *
 * Ranks are listed in ascending order as segments separated by commas:
 *
 *     A[-B]:C[*K]   node A (or each of the nodes A, A+1, … B in turn) takes
 *                   the next C ranks; the whole segment K times
 *
 * Block, 4 nodes with 2 tasks: "0-3:2".  Cyclic: "0-3:1*2".  srun writes the
 * text, psec-pmixd reads it; no code that runs as root does.
 */
#ifndef PSEC_TASKMAP_H
#define PSEC_TASKMAP_H

#include <stdint.h>

/*
 * NODES[r] is rank r's node, 0 <= r < NTASKS.  Returns a malloc()ed text, or
 * NULL without memory.
 */
char *taskmap_encode(const uint32_t *nodes, uint32_t ntasks);

/*
 * The same in the notation of PMI-1 and PMI-2 (PMIX_ANL_MAP), where a segment
 * is (first node, number of nodes, ranks on each): "(vector,(0,4,2))".
 */
char *taskmap_anl(const uint32_t *nodes, uint32_t ntasks);

/*
 * Read TEXT into NODES (room for NTASKS).  0, or -1 where it is malformed,
 * does not name exactly NTASKS ranks, or names a node >= NNODES.
 */
int taskmap_decode(const char *text, uint32_t nnodes, uint32_t *nodes,
		   uint32_t ntasks);

#endif
