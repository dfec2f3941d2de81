/* SPDX-License-Identifier: BSD-3-Clause */
/* stepconf.c - see stepconf.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "error.h"
#include "stepconf.h"

/* The value of NAME in a block of "NAME=VALUE" strings, or NULL. */
static const char *lookup(const char *block, size_t len, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = block; p < block + len; p += strlen(p) + 1)
		if (!strncmp(p, name, n) && p[n] == '=')
			return p + n + 1;
	return NULL;
}

static bool number(const char *text, uint32_t *value)
{
	char *end;
	unsigned long v;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || v > UINT32_MAX)
		return false;
	*value = (uint32_t)v;
	return true;
}

/* Before anything else: another version may say other things. */
static int check_version(const stepconf_t *conf, psec_error_t *err)
{
	uint32_t version = 0;

	if (number(lookup(conf->config, conf->config_len, "version"),
		   &version) &&
	    version == CTL_VERSION)
		return 0;
	return error_set(err, PSEC_ERR_PROTOCOL,
			 "psec-pmixd speaks version %u with slurmstepd, "
			 "mpi_pmix.so version %u: they are of different "
			 "installations",
			 CTL_VERSION, version);
}

static int read_numbers(stepconf_t *conf, psec_error_t *err)
{
	uint32_t loglevel = 0, timeout = 0, lifetime = 0;
	uint32_t job_cache = 0, private_jobs = 0, share_topology = 0;
	const struct {
		const char *name;
		uint32_t *value;
	} fields[] = {
		{ "job", &conf->job_id },
		{ "step", &conf->step_id },
		{ "nnodes", &conf->nnodes },
		{ "node", &conf->node },
		{ "ntasks", &conf->ntasks },
		{ "loglevel", &loglevel },
		{ "timeout", &timeout },
		{ "audit", &conf->audit },
		{ "lifetime", &lifetime },
		{ "job_cache", &job_cache },
		{ "private_jobs", &private_jobs },
		{ "share_topology", &share_topology },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!number(lookup(conf->config, conf->config_len,
				   fields[i].name),
			    fields[i].value))
			return error_set(err, PSEC_ERR_PROTOCOL,
					 "slurmstepd sent no number for '%s'",
					 fields[i].name);
	if (conf->node >= conf->nnodes || !conf->ntasks)
		return error_set(err, PSEC_ERR_PROTOCOL,
				 "slurmstepd says node %u of %u and %u tasks",
				 conf->node, conf->nnodes, conf->ntasks);
	conf->loglevel = (int)loglevel;
	conf->timeout_s = (int)timeout;
	conf->lifetime_s = (int)lifetime;
	conf->job_cache_s = (int)job_cache;
	conf->private_jobs = private_jobs != 0;
	conf->share_topology = share_topology != 0;
	return 0;
}

static int read_ranks(stepconf_t *conf, psec_error_t *err)
{
	const char *text = lookup(conf->config, conf->config_len, "ranks");
	char *copy = text ? strdup(text) : NULL;
	char *save = NULL;
	int rv = -1;

	conf->ranks =
		copy ? calloc(strlen(copy) + 1, sizeof(*conf->ranks)) : NULL;
	if (!conf->ranks)
		goto done;
	for (char *word = strtok_r(copy, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		uint32_t *rank = &conf->ranks[conf->nlocal++];

		if (!number(word, rank) || *rank >= conf->ntasks)
			goto done;
	}
	rv = 0;
done:
	free(copy);
	if (rv)
		error_set(err, PSEC_ERR_PROTOCOL,
			  "slurmstepd sent no usable list of local ranks");
	return rv;
}

static int read_mechs(stepconf_t *conf, psec_error_t *err)
{
	const char *site = lookup(conf->config, conf->config_len, "mechanisms");
	const char *user =
		lookup(conf->config, conf->config_len, "user_mechanisms");

	if (psec_list_filter(site ? site : "", user, conf->mechs,
			     sizeof(conf->mechs), err) != PSEC_OK)
		return -1;
	if (!conf->mechs[0])
		return error_set(err, PSEC_ERR_NO_MECH,
				 "--psec=%s names none of the mechanisms "
				 "that this site allows (%s)",
				 user ? user : "", site ? site : "");
	return 0;
}

static int read_job_check(stepconf_t *conf, psec_error_t *err)
{
	static const char *const words[] = { [JOB_CHECK_OFF] = "off",
					     [JOB_CHECK_PREFER] = "prefer",
					     [JOB_CHECK_REQUIRE] = "require" };
	const char *text = lookup(conf->config, conf->config_len, "job_check");

	for (size_t i = 0; text && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(text, words[i])) {
			conf->job_check = (job_policy_t)i;
			return 0;
		}
	return error_set(err, PSEC_ERR_PROTOCOL,
			 "slurmstepd sent no usable job_check");
}

static int read_ports(stepconf_t *conf, psec_error_t *err)
{
	const char *text = lookup(conf->config, conf->config_len, "ports");
	unsigned min, max;

	if (!text || !strcmp(text, "any"))
		return 0;
	if (sscanf(text, "%u-%u", &min, &max) != 2 || !min || min > max ||
	    max > UINT16_MAX)
		return error_set(err, PSEC_ERR_PROTOCOL,
				 "slurmstepd sent the port range '%s'", text);
	conf->port_min = (uint16_t)min;
	conf->port_max = (uint16_t)max;
	return 0;
}

int stepconf_read(stepconf_t *conf, char *config, size_t config_len, char *env,
		  size_t env_len, psec_error_t *err)
{
	memset(conf, 0, sizeof(*conf));
	conf->config = config;
	conf->config_len = config_len;
	conf->env = env;
	conf->env_len = env_len;
	if (check_version(conf, err) != 0 || read_numbers(conf, err) != 0 ||
	    read_ranks(conf, err) != 0 || read_mechs(conf, err) != 0 ||
	    read_ports(conf, err) != 0 || read_job_check(conf, err) != 0)
		return -1;
	conf->dir = lookup(config, config_len, "dir");
	conf->command = lookup(config, config_len, "command");
	conf->mechdir = lookup(config, config_len, "mechdir");
	conf->munge_socket = lookup(config, config_len, "munge_socket");
	conf->priorities = lookup(config, config_len, "priorities");
	conf->cluster = lookup(config, config_len, "cluster");
	conf->server_env = lookup(config, config_len, "server_env");
	if (!conf->dir)
		return error_set(err, PSEC_ERR_PROTOCOL,
				 "slurmstepd named no step directory");
	return 0;
}

const char *stepconf_env(const stepconf_t *conf, const char *name)
{
	return lookup(conf->env, conf->env_len, name);
}
