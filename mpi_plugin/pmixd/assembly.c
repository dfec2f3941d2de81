/* SPDX-License-Identifier: BSD-3-Clause */
/* assembly.c - see assembly.h. */
#include "assembly.h"

#include <stdlib.h>
#include <string.h>

#include "pmixd.h"

typedef struct assembly {
	struct assembly *next;
	uint8_t sig[ASSEMBLY_SIG_LEN];
	bool *locals; /* by local task: it takes part */
	uint32_t nsteps;
	uint32_t steps[];
} assembly_t;

static assembly_t *assemblies;

void assembly_connected(const uint8_t sig[ASSEMBLY_SIG_LEN],
			const uint32_t *steps, uint32_t n, bool *locals)
{
	assembly_t *a = malloc(sizeof(*a) + n * sizeof(*steps));

	/* Connected twice, they are connected. */
	assembly_disconnected(sig);
	if (!a) {
		free(locals);
		return;
	}
	memcpy(a->sig, sig, ASSEMBLY_SIG_LEN);
	memcpy(a->steps, steps, n * sizeof(*steps));
	a->nsteps = n;
	a->locals = locals;
	a->next = assemblies;
	assemblies = a;
}

void assembly_disconnected(const uint8_t sig[ASSEMBLY_SIG_LEN])
{
	for (assembly_t **p = &assemblies; *p; p = &(*p)->next) {
		assembly_t *a = *p;

		if (memcmp(a->sig, sig, ASSEMBLY_SIG_LEN) != 0)
			continue;
		*p = a->next;
		free(a->locals);
		free(a);
		return;
	}
}

static bool has(const uint32_t *steps, size_t n, uint32_t step)
{
	for (size_t i = 0; i < n; i++)
		if (steps[i] == step)
			return true;
	return false;
}

size_t assembly_steps(uint32_t local, uint32_t steps[ASSEMBLY_STEPS_MAX])
{
	size_t n = 0;

	for (assembly_t *a = assemblies; a && local < pmixd.conf.nlocal;
	     a = a->next)
		for (uint32_t i = 0; a->locals[local] && i < a->nsteps; i++)
			if (a->steps[i] != pmixd.conf.step_id &&
			    n < ASSEMBLY_STEPS_MAX &&
			    !has(steps, n, a->steps[i]))
				steps[n++] = a->steps[i];
	return n;
}

size_t assembly_leave(uint32_t local, uint32_t steps[ASSEMBLY_STEPS_MAX])
{
	size_t n = assembly_steps(local, steps);

	for (assembly_t *a = assemblies; a && local < pmixd.conf.nlocal;
	     a = a->next)
		a->locals[local] = false;
	return n;
}

static bool takes_part(const assembly_t *a)
{
	for (uint32_t t = 0; t < pmixd.conf.nlocal; t++)
		if (a->locals[t])
			return true;
	return false;
}

bool assembly_lost(uint32_t step)
{
	bool lost = false;

	for (assembly_t *a = assemblies; a; a = a->next) {
		uint32_t kept = 0;

		if (has(a->steps, a->nsteps, step) && takes_part(a))
			lost = true;
		for (uint32_t i = 0; i < a->nsteps; i++)
			if (a->steps[i] != step)
				a->steps[kept++] = a->steps[i];
		a->nsteps = kept;
	}
	return lost;
}
