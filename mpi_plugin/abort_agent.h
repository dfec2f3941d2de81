/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * abort_agent.h - in srun: learns with which status a rank aborted the step,
 * so that srun can exit with it.
 *
 * psec-pmixd connects and authenticates with libpsec's handshake, bound to
 * the step; the status rides in the handshake's intro (see abort_msg.h), so
 * that nobody but a process of the same user can tell srun anything.
 */
#ifndef PSEC_ABORT_AGENT_H
#define PSEC_ABORT_AGENT_H

#include <stdint.h>

typedef struct abort_agent abort_agent_t;

/*
 * Listen, on a port within SrunPortRange if the site has one.  MECHDIR and
 * MUNGE_SOCKET as for psec_create(), NULL for defaults.  NULL: no
 * socket or thread; srun then reports SIGKILL for an aborted step.
 */
abort_agent_t *abort_agent_start(uint32_t job_id, uint32_t step_id,
				 const char *mechdir, const char *munge_socket);
uint16_t abort_agent_port(const abort_agent_t *agent);
/* Stop; returns the first status that came, 0 where none did. */
int abort_agent_stop(abort_agent_t *agent);

#endif
