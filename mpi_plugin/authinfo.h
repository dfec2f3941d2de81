/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * authinfo.h - what slurm.conf's AuthInfo says about MUNGE, so that our
 * credentials are of the realm that slurmctld uses.  See slurm.conf(5).
 *
 * slurm.conf is a file of root's: AuthInfo is the site's word, and read as
 * root where that is who needs it.
 */
#ifndef PSEC_AUTHINFO_H
#define PSEC_AUTHINFO_H

/*
 * The path of munged's socket, malloc()ed, or NULL where TEXT, which may be
 * NULL, names none (or there is no memory).  As Slurm reads it: "socket=PATH"
 * among words separated by commas; or, without any '=', the path alone.
 */
char *authinfo_socket(const char *text);

/* The lifetime of credentials, "ttl=SECONDS"; 0 where TEXT has none. */
int authinfo_ttl_s(const char *text);

#endif
