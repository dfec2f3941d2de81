/* SPDX-License-Identifier: BSD-3-Clause */
/* apps.c - see apps.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "apps.h"
#include "ctl.h"
#include "decimal.h"
#include "error.h"

/* More than Slurm can run; it is the user who says how many there are. */
#define APPS_MAX  1024
#define TASKS_MAX (16 * 1024 * 1024)
#define NODES_MAX (1024 * 1024)

/* The text behind KEY= among the words of PSEC_ENV_STEP, or NULL. */
static const char *find(const stepconf_t *conf, const char *key)
{
	const char *text = stepconf_env(conf, PSEC_ENV_STEP);
	size_t len = strlen(key);

	while (text && *text) {
		if (!strncmp(text, key, len) && text[len] == '=')
			return text + len + 1;
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	return NULL;
}

/* A number at *P, which moves behind it and the SEPARATOR that must follow. */
static bool take(const char **p, char separator, uint32_t *value)
{
	if (!decimal_take(p, value))
		return false;
	if (!separator)
		return **p == '\0' || **p == ' ' || **p == ',';
	return *(*p)++ == separator;
}

static uint32_t number(const stepconf_t *conf, const char *key)
{
	const char *text = find(conf, key);
	uint32_t value = 0;

	return text && take(&text, '\0', &value) ? value : 0;
}

/* "JOB:TASKS:NODES:DIST", counted on from the application before, if any. */
static bool take_app(const char **p, app_t *app, const app_t *before)
{
	if (!take(p, ':', &app->job_id) || !take(p, ':', &app->size) ||
	    !take(p, ':', &app->nnodes) || !take(p, '\0', &app->task_dist) ||
	    !app->size || !app->nnodes)
		return false;
	app->first = before ? before->first + before->size : 0;
	app->first_node = before ? before->first_node + before->nnodes : 0;
	return app->size <= TASKS_MAX - app->first &&
	       app->nnodes <= NODES_MAX - app->first_node;
}

static bool take_list(apps_t *apps, const char *text)
{
	while (apps->n < APPS_MAX) {
		app_t *app = &apps->list[apps->n];

		if (!take_app(&text, app, apps->n ? app - 1 : NULL))
			return false;
		apps->n++;
		if (*text != ',')
			return true;
		text++;
	}
	return false;
}

/* From now on in numbers of the namespace. */
static void renumber(stepconf_t *conf, const apps_t *apps)
{
	const app_t *own = &apps->list[apps->own];
	const app_t *last = &apps->list[apps->n - 1];

	conf->node += own->first_node;
	conf->nnodes = last->first_node + last->nnodes;
	conf->ntasks = last->first + last->size;
	for (uint32_t i = 0; i < conf->nlocal; i++)
		conf->ranks[i] += own->first;
}

int apps_read(apps_t *apps, stepconf_t *conf, psec_error_t *err)
{
	const char *het = find(conf, "het");
	const app_t *own;

	memset(apps, 0, sizeof(*apps));
	apps->list = calloc(het ? APPS_MAX : 1, sizeof(*apps->list));
	if (!apps->list)
		return error_set(err, PSEC_ERR_NOMEM,
				 "no memory for the task map");
	if (!het) {
		apps->leader = conf->job_id;
		apps->n = 1;
		apps->list[0] = (app_t){ .size = conf->ntasks,
					 .nnodes = conf->nnodes,
					 .job_id = conf->job_id,
					 .task_dist = number(conf, "dist") };
		return 0;
	}
	apps->leader = number(conf, "leader");
	apps->own = number(conf, "own");
	if (!take_list(apps, het) || apps->own >= apps->n)
		return error_set(err, PSEC_ERR_ARG,
				 PSEC_ENV_STEP
				 " does not describe the components of a "
				 "heterogeneous step");
	/* What srun says of this one must be what Slurm says. */
	own = &apps->list[apps->own];
	if (own->job_id != conf->job_id || own->size != conf->ntasks ||
	    own->nnodes != conf->nnodes)
		return error_set(err, PSEC_ERR_ARG,
				 PSEC_ENV_STEP " gives this component %u tasks "
					       "on %u nodes of job %u, Slurm "
					       "says %u tasks on %u of job %u",
				 own->size, own->nnodes, own->job_id,
				 conf->ntasks, conf->nnodes, conf->job_id);
	renumber(conf, apps);
	return 0;
}

/* "2,3", the numbers of tasks, which together are NTASKS. */
static bool take_programs(apps_t *programs, const char *text, uint32_t ntasks)
{
	uint32_t first = 0, size;

	while (programs->n < APPS_MAX) {
		if (!take(&text, '\0', &size) || !size || size > ntasks - first)
			return false;
		programs->list[programs->n++] =
			(app_t){ .first = first, .size = size };
		first += size;
		if (*text != ',')
			return !*text && first == ntasks;
		text++;
	}
	return false;
}

int apps_programs(apps_t *programs, const apps_t *apps, const stepconf_t *conf,
		  psec_error_t *err)
{
	const char *text = stepconf_env(conf, PSEC_ENV_PROGRAMS);

	*programs = *apps;
	if (!text || apps->n > 1)
		return 0;
	programs->n = 0;
	programs->list = calloc(APPS_MAX, sizeof(*programs->list));
	if (!programs->list)
		return error_set(err, PSEC_ERR_NOMEM,
				 "no memory for the task map");
	if (take_programs(programs, text, conf->ntasks))
		return 0;
	return error_set(err, PSEC_ERR_ARG,
			 PSEC_ENV_PROGRAMS
			 " (%.80s) does not describe the programs of %u tasks",
			 text, conf->ntasks);
}

uint32_t apps_of_rank(const apps_t *apps, uint32_t rank)
{
	uint32_t app = 0;

	while (app + 1 < apps->n && apps->list[app + 1].first <= rank)
		app++;
	return app;
}

uint32_t apps_of_node(const apps_t *apps, uint32_t node)
{
	uint32_t app = 0;

	while (app + 1 < apps->n && apps->list[app + 1].first_node <= node)
		app++;
	return app;
}
