/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * realm.h - what the site's options take over from slurm.conf, so that our
 * credentials are of the realm that slurmctld uses: munged's socket and the
 * lifetime from AuthInfo, the cluster's name, PrivateData; and SrunPortRange.
 *
 * slurm.conf is a file of root's, as plugstack.conf is, and Slurm has read
 * it.  No file is opened and nobody asked, so it works on configless sites.
 */
#ifndef PSEC_REALM_H
#define PSEC_REALM_H

#include "step.h"

/* Fill in what plugstack.conf does not say.  0, or -1 without memory. */
int realm_fill(psec_site_t *site);

#endif
