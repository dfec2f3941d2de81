/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_taskmap.c - task maps: the text from the user's environment, and the
 * one that srun writes.
 *
 * Input: the numbers of nodes and tasks as text, then the map:
 * "4 8 0-3:2"; or '=' and a node per byte, to be encoded.
 */
#include <inttypes.h>

#include "fuzz.h"
#include "taskmap.h"

#define TASKS_MAX 4096

static void must_survive(const uint32_t *nodes, uint32_t nnodes,
			 uint32_t ntasks)
{
	uint32_t *back = calloc((size_t)ntasks + 1, sizeof(*back));
	char *text = taskmap_encode(nodes, ntasks);

	MUST(back && text);
	MUST(taskmap_decode(text, nnodes, back, ntasks) == 0);
	MUST(memcmp(back, nodes, ntasks * sizeof(*back)) == 0);
	free(text);
	free(back);
}

static void check_decode(const char *text)
{
	uint32_t nnodes = 0, ntasks = 0, *nodes;
	int at = 0;

	if (sscanf(text, "%7" SCNu32 " %4" SCNu32 " %n", &nnodes, &ntasks,
		   &at) != 2 ||
	    at == 0 || ntasks < 1 || ntasks > TASKS_MAX)
		return;
	/* Exactly as large as it is, for AddressSanitizer. */
	nodes = malloc(ntasks * sizeof(*nodes));
	MUST(nodes);
	if (taskmap_decode(text + at, nnodes, nodes, ntasks) == 0) {
		for (uint32_t r = 0; r < ntasks; r++)
			MUST(nodes[r] < nnodes);
		must_survive(nodes, nnodes, ntasks);
	}
	free(nodes);
}

static void check_encode(const uint8_t *bytes, size_t len)
{
	uint32_t nodes[TASKS_MAX];
	uint32_t n = len < TASKS_MAX ? (uint32_t)len : TASKS_MAX;

	for (uint32_t i = 0; i < n; i++)
		nodes[i] = bytes[i];
	if (n > 0)
		must_survive(nodes, 256, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size > 0 && data[0] == '=') {
		check_encode(data + 1, size - 1);
		return 0;
	}
	text = fuzz_string(data, size);
	check_decode(text);
	free(text);
	return 0;
}
