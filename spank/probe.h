/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe.h - which mechanisms work where a task is about to run?
 *
 * The question is about the task's libpmix, not about libpsec: a container
 * has a libpmix, a libmunge and a file system of its own, and libpmix's munge
 * knows no other socket than libmunge's default one, whatever munge_socket=
 * says.  So libpsec's mechanisms are of no use here.  Besides, they could not
 * be loaded: from within the container they would be the container's code,
 * and before it is entered this process may be root's, which must map nothing
 * of MUNGE's.
 *
 * What can be asked without loading anything and without waiting:
 *   munge   is libmunge there (a libpmix with munge needs it), and does a
 *	     process hold the socket?  The kernel knows the latter: connecting
 *	     a datagram socket to it fails with EPROTOTYPE where a stream
 *	     socket is bound to the path, and with ECONNREFUSED where nobody
 *	     has it.  munged notices nothing; a real connection that says
 *	     nothing would be a line in its log for each task.
 *   native  is this process's uid and gid the one that the step's server
 *	     knows?  libpmix's native states what geteuid() says, which a user
 *	     namespace may have changed.
 * All others are taken to work: libpmix has none but "none" besides.
 *
 * Whether a libpmix has munge although libmunge is there cannot be told from
 * outside; see PMIX_MCA_psec in spank_psec.c for how this does no harm.
 *
 * The functions run as the step's user, in the task's process and in its
 * namespaces.  What they read may be the container's: nothing is parsed, and
 * no path is opened that could block.
 */
#ifndef PSEC_PROBE_H
#define PSEC_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where to look, and for whom. */
typedef struct {
	uid_t uid; /* of the step, as its servers know it */
	gid_t gid;
	const char *library_path;    /* the task's LD_LIBRARY_PATH, or NULL */
	const char *const *sockets;  /* of munged; NULL ends it */
	const char *const *lib_dirs; /* of libraries; NULL ends it */
	const char *ld_cache;	     /* the dynamic linker's cache */
} probe_t;

#define PROBE_WHY_MAX 256

/* Fill in PROBE with the usual places.  Keeps LIBRARY_PATH, does not copy. */
void probe_init(probe_t *probe, uid_t uid, gid_t gid, const char *library_path);

/* False: NAME does not work there, and WHY (PROBE_WHY_MAX bytes) tells. */
bool probe_mech(const probe_t *probe, const char *name, char *why);

/*
 * Write into WORKS, which is as big as LIST, those names of LIST (as
 * psec_list_filter() writes it) that work.  DROPPED is called for each of the
 * others, with ARG.
 */
void probe_list(const probe_t *probe, const char *list, char *works,
		void (*dropped)(void *arg, const char *name, const char *why),
		void *arg);

#endif
