/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * status.h - what this server has done, for who is in no task of its step
 * (psec status JOB.STEP): the unix socket STATUS_SOCKET in the step directory.
 * Whoever connects is sent one line of JSON and nothing is read from him; the
 * members are those of PSEC_KEY_COUNTERS (query.h), see psec(1).
 */
#ifndef PMIXD_STATUS_H
#define PMIXD_STATUS_H

#define STATUS_SOCKET "status"

/*
 * Answer on FD, a listening non-blocking unix socket, which stays open for as
 * long as the process lives.  After the loop was made.  -1: no memory.
 */
int status_start(int fd);

#endif
