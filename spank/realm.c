/* SPDX-License-Identifier: BSD-3-Clause */
/* realm.c - see realm.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authinfo.h"
#include "realm.h"
#include "slurm_extra.h"

/* The address of a weak symbol, which may be NULL; compilers assume not. */
static const slurm_conf_t *find_conf(void)
{
	const slurm_conf_t *volatile conf = &slurm_conf;

	return conf;
}

/* As Slurm's own plugin does for its connections between nodes. */
static int fill_ports(psec_site_t *site, const slurm_conf_t *conf)
{
	const uint16_t *range = conf ? conf->srun_port_range : NULL;

	if (!site->ports && range && range[0] &&
	    asprintf(&site->ports, "%u-%u", range[0], range[1]) < 0) {
		site->ports = NULL;
		return -1;
	}
	return 0;
}

int realm_fill(psec_site_t *site)
{
	const slurm_conf_t *conf = find_conf();

	if (!conf)
		return 0;
	if (fill_ports(site, conf) != 0)
		return -1;
	if (!site->munge_socket)
		site->munge_socket = authinfo_socket(conf->authinfo);
	if (!site->lifetime_s)
		site->lifetime_s = authinfo_ttl_s(conf->authinfo);
	site->jobs_are_private = (conf->private_data & PRIVATE_DATA_JOBS) != 0;
	if (conf->cluster_name) {
		site->cluster = strdup(conf->cluster_name);
		if (!site->cluster)
			return -1;
	}
	return 0;
}
