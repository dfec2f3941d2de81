/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plugin.c - Slurm's entry points of mpi/pmix, nothing else.
 *
 * Loaded by srun, slurmd, slurmctld and slurmstepd; does something in two of
 * them.  srun writes the task map into the step's environment and listens
 * for the status of an abort.  slurmstepd starts psec-pmixd and gives each
 * task its environment block.  See slurm.conf(5), MpiDefault, and the
 * interface's description in Slurm's mpiplugins guide.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abort_agent.h"
#include "ctl.h"
#include "het.h"
#include "server.h"
#include "slurm_extra.h"
#include "step.h"
#include "taskmap.h"

#define KILL_DELAY_US 500000 /* of a step that cannot start */

#define EXPORT __attribute__((visibility("default")))

/* Slurm finds these by name; none of its installed headers declares them. */
extern const char plugin_name[], plugin_type[];
extern const uint32_t plugin_version, plugin_id;
int init(void);
int fini(void);
int mpi_p_slurmstepd_prefork(const void *step, char ***env);
int mpi_p_slurmstepd_task(const psec_mpi_task_info_t *task, char ***env);
void *mpi_p_client_prelaunch(const psec_mpi_step_info_t *info, char ***env);
int mpi_p_client_fini(void *state);
void mpi_p_conf_options(void **options, int *count);
void mpi_p_conf_set(void *table);
void *mpi_p_conf_get(void);
void *mpi_p_conf_get_printable(void);

EXPORT const char plugin_name[] = "PMIx plugin with security credentials";
EXPORT const char plugin_type[] = "mpi/pmix";
EXPORT const uint32_t plugin_version = SLURM_VERSION_NUMBER;
/* srun tells slurmd which plugin it used; Slurm's own are 101 to 107. */
EXPORT const uint32_t plugin_id = 0x70736563;

/* For psec-check(8), which reads it in the file. */
static const char build_note[] __attribute__((used)) = PSEC_BUILD_NOTE;

/* The one process context, of slurmstepd. */
static struct {
	server_t *server;   /* slurmstepd */
	char failure[1024]; /* slurmstepd: why there is no server */
} self;

/* -- slurmstepd ---------------------------------------------------------- */

/* On relay's thread: a step without its server must not hang. */
static void server_lost(void)
{
	const psec_step_t *step = psec_step_get(PSEC_STEP_ABI);

	slurm_error("mpi/pmix: psec-pmixd of step %u.%u ended before its "
		    "tasks did; the step cannot go on and is killed. The "
		    "lines of psec-pmixd in this node's slurmd log say more",
		    step->job_id, step->step_id);
	if (psec_kill_step(step->job_id, step->step_id) != 0)
		slurm_error("mpi/pmix: cannot kill step %u.%u: %s",
			    step->job_id, step->step_id, slurm_strerror(errno));
}

static void tasks_forked(void)
{
	if (self.server)
		server_tasks_forked(self.server);
}

static void task_exited(uint32_t local, int status)
{
	if (self.server)
		server_task_exited(self.server, local, status);
}

static void tasks_over(int all_killed)
{
	if (self.server)
		server_tasks_over(self.server, all_killed);
}

static void step_over(void)
{
	server_t *server = self.server;

	self.server = NULL;
	server_end(server);
}

EXPORT int init(void)
{
	return SLURM_SUCCESS;
}

EXPORT int fini(void)
{
	step_over();
	return SLURM_SUCCESS;
}

/*
 * A failure is only recorded here: the tasks' output is not connected yet, so
 * the user would read no more than "launch failed".  The first task says it.
 */
EXPORT int mpi_p_slurmstepd_prefork(const void *unused, char ***env)
{
	const psec_step_t *step = psec_step_get(PSEC_STEP_ABI);

	if (!step)
		snprintf(self.failure, sizeof(self.failure),
			 "spank_psec.so has not run in this slurmstepd: add "
			 "the line 'required spank_psec.so' to plugstack.conf "
			 "on this node, from the same installation as "
			 "mpi_pmix.so");
	else if (step->uid == 0)
		snprintf(self.failure, sizeof(self.failure),
			 "steps of root get no PMIx server, since nothing may "
			 "hand out credentials of root: run as an ordinary "
			 "user, or with --mpi=none");
	else
		self.server = server_start(step, *env, server_lost,
					   self.failure, sizeof(self.failure));
	if (self.server)
		psec_step_hooks(tasks_forked, task_exited, tasks_over,
				step_over);
	else
		slurm_error("mpi/pmix: %s", self.failure);
	return SLURM_SUCCESS;
}

static uint32_t env_number(char **env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return (uint32_t)strtoul(*env + len + 1, NULL, 10);
	return NO_VAL;
}

/* Runs in the task's process, as the user; its stderr is srun's. */
static int refuse_task(const psec_mpi_task_info_t *task, char **env)
{
	errno = ECANCELED; /* slurmstepd prints it in a line of its own */
	if (task->ltaskid != 0)
		return SLURM_ERROR;
	slurm_error("mpi/pmix: %s", self.failure);
	/*
	 * Tasks on other nodes would wait for ours.  But srun drops what it
	 * is told of a step that is killed while other nodes still launch.
	 */
	usleep(KILL_DELAY_US);
	if (auth_setuid_unlock)
		auth_setuid_unlock();
	psec_kill_step(env_number(env, "SLURM_JOB_ID"),
		       env_number(env, "SLURM_STEP_ID"));
	if (auth_setuid_lock)
		auth_setuid_lock();
	errno = ECANCELED; /* slurmstepd prints it in a line of its own */
	return SLURM_ERROR;
}

EXPORT int mpi_p_slurmstepd_task(const psec_mpi_task_info_t *task, char ***env)
{
	size_t len = 0;
	const char *block, *end;

	if (!self.server)
		return refuse_task(task, *env);
	block = server_block(self.server, (uint32_t)task->ltaskid, &len);
	if (!block)
		return SLURM_ERROR;
	for (end = block + len; block < end; block += strlen(block) + 1) {
		const char *eq = strchr(block, '=');
		char *name = eq ? strndup(block, (size_t)(eq - block)) : NULL;

		if (!name)
			return SLURM_ERROR;
		slurm_env_array_overwrite(env, name, eq + 1);
		free(name);
	}
	slurm_unsetenvp(*env, PSEC_ENV_TASKMAP);
	slurm_unsetenvp(*env, PSEC_ENV_STEP);
	slurm_unsetenvp(*env, PSEC_ENV_NODES);
	slurm_unsetenvp(*env, PSEC_ENV_ABORT);
	slurm_unsetenvp(*env, PSEC_ENV_PARENT);
	slurm_unsetenvp(*env, PSEC_ENV_PROGRAMS);
	return SLURM_SUCCESS;
}

/* -- srun ---------------------------------------------------------------- */

/* Of one layout, whose nodes and ranks are counted from NODE and RANK on. */
static void place_tasks(const slurm_step_layout_t *layout, uint32_t node,
			uint32_t rank, uint32_t *nodes, uint32_t ntasks)
{
	for (uint32_t n = 0; n < layout->node_cnt; n++)
		for (uint32_t t = 0; t < layout->tasks[n]; t++)
			if (rank + layout->tids[n][t] < ntasks)
				nodes[rank + layout->tids[n][t]] = node + n;
}

/* Returns 0, or -1 without memory. */
static int set_taskmap(const psec_mpi_step_info_t *info, const het_t *het,
		       char ***env)
{
	uint32_t ntasks = info->step_layout->task_cnt, first_node = 0;
	uint32_t *nodes = calloc(ntasks + 1, sizeof(*nodes));
	char *text;

	if (!nodes)
		return -1;
	if (!het)
		place_tasks(info->step_layout, 0, 0, nodes, ntasks);
	for (uint32_t i = 0; het && i < het->n; i++) {
		const het_component_t *c = &het->components[i];

		place_tasks(c->layout, first_node, c->first_rank, nodes,
			    ntasks);
		first_node += c->layout->node_cnt;
	}
	text = taskmap_encode(nodes, ntasks);
	free(nodes);
	if (!text)
		return -1;
	slurm_env_array_overwrite(env, PSEC_ENV_TASKMAP, text);
	free(text);
	return 0;
}

static void put_components(FILE *out, const het_t *het, uint32_t own)
{
	fprintf(out, " leader=%u own=%u het=", het->leader, own);
	for (uint32_t i = 0; i < het->n; i++) {
		const het_component_t *c = &het->components[i];

		fprintf(out, "%s%u:%u:%u:%u", i ? "," : "", c->job_id,
			c->layout->task_cnt, c->layout->node_cnt,
			c->layout->task_dist);
	}
}

/* What psec-pmixd cannot learn on its node; see PSEC_ENV_STEP. */
static int set_step(const psec_mpi_step_info_t *info, const het_t *het,
		    char ***env)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -1;
	fprintf(out, "dist=%u", info->step_layout->task_dist);
	if (het)
		put_components(out, het, het_own(het, info));
	if (fclose(out) != 0) {
		free(text);
		return -1;
	}
	slurm_env_array_overwrite(env, PSEC_ENV_STEP, text);
	free(text);
	return 0;
}

static int describe_step(const psec_mpi_step_info_t *info, const het_t *het,
			 char ***env)
{
	char *nodes;

	if (het) {
		nodes = het_nodes(het);
		if (!nodes)
			return -1;
		slurm_env_array_overwrite(env, PSEC_ENV_NODES, nodes);
		free(nodes);
	}
	return set_step(info, het, env) == 0 ? set_taskmap(info, het, env) : -1;
}

static void start_abort_agent(abort_agent_t **agent,
			      const psec_mpi_step_info_t *info, char ***env)
{
	const psec_step_t *step = psec_step_get(PSEC_STEP_ABI);
	char port[16];

	*agent = abort_agent_start(info->step_id.job_id, info->step_id.step_id,
				   step ? step->site.mechdir : NULL,
				   step ? step->site.munge_socket : NULL);
	if (!*agent) {
		slurm_info("mpi/pmix: cannot listen for aborts: %s; the "
			   "status of an abort will be lost",
			   strerror(errno));
		return;
	}
	snprintf(port, sizeof(port), "%u", abort_agent_port(*agent));
	slurm_env_array_overwrite(env, PSEC_ENV_ABORT, port);
}

typedef struct {
	abort_agent_t *agent;
} client_t;

EXPORT void *mpi_p_client_prelaunch(const psec_mpi_step_info_t *info,
				    char ***env)
{
	client_t *client = calloc(1, sizeof(*client));
	const het_t *het = NULL;
	char why[512] = "no memory for the step's task map";

	if (client && het_is(info))
		het = het_get(info, why, sizeof(why));
	if (!client || (het_is(info) && !het) ||
	    describe_step(info, het, env) != 0) {
		slurm_error("mpi/pmix: %s", why);
		free(client);
		return NULL;
	}
	start_abort_agent(&client->agent, info, env);
	return client;
}

/* srun exits with what this returns, unless it is 0. */
EXPORT int mpi_p_client_fini(void *state)
{
	client_t *client = state;
	int status;

	if (!client)
		return 0;
	status = abort_agent_stop(client->agent);
	free(client);
	/* An exit status has eight bits; a failure must not look like none. */
	return status && !(status & 0xff) ? 1 : status & 0xff;
}

/* -- mpi.conf: all our options are SPANK's, in plugstack.conf ------------- */

EXPORT void mpi_p_conf_options(void **options, int *count)
{
}

EXPORT void mpi_p_conf_set(void *table)
{
}

EXPORT void *mpi_p_conf_get(void)
{
	return NULL;
}

EXPORT void *mpi_p_conf_get_printable(void)
{
	return NULL;
}
