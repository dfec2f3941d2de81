/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-invite - forged wire-up data: hands an invitation to the psec-pmixd of a
 * step on other nodes, through slurmd, as whoever calls it.
 *
 * c-invite SOCKET NODES JOB STEP NODE ADDRESS PORT: "node NODE of the step
 * awaits you at ADDRESS, PORT".  With ADDRESS '-' it is no invitation but
 * garbage.  Prints what slurmd says; exits 0 if it was handed over.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>

#include "invitation.h"
#include "slurm_extra.h"

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	uint8_t data[INVITATION_MAX] = "garbage";
	invitation_t inv = { .naddrs = 1, .addrs = { { .version = 4 } } };
	size_t len = sizeof(data);
	char *nodes;
	int rc;

	if (argc != 8)
		return 2;
	inv.job_id = number(argv[3]);
	inv.step_id = number(argv[4]);
	inv.node = number(argv[5]);
	inv.port = (uint16_t)number(argv[7]);
	if (inet_pton(AF_INET, argv[6], inv.addrs[0].bytes) == 1)
		len = invitation_encode(&inv, data);
	slurm_init(NULL);
	/* Slurm may free and replace it. */
	nodes = strdup(argv[2]);
	rc = slurm_forward_data(&nodes, argv[1], (uint32_t)len,
				(const char *)data);
	(void)printf("handed over: %s\n",
		     rc == SLURM_SUCCESS ? "yes" : slurm_strerror(rc));
	return rc == SLURM_SUCCESS ? 0 : 1;
}
