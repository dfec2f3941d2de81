/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spank_psec.c - the SPANK plugin: who is this step (for mpi_pmix.so), and
 * which mechanisms may its tasks use (PMIX_SECURITY_MODE, RFC0011).
 *
 * The site's list comes from plugstack.conf.  A user can narrow it with
 * srun --psec=LIST, never widen it.  What does not work where a task runs is
 * dropped from its list (probe.h).  Works with any MPI plugin and in batch
 * steps; then only the environment matters.  See spank(8).
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <slurm/slurm.h>
#include <slurm/spank.h>

#include "config.h"
#include "mode.h"
#include "options.h"
#include "psec.h"
#include "realm.h"
#include "step.h"

SPANK_PLUGIN(psec, 1)

/* For psec-check(8), which reads it in the file. */
static const char build_note[] __attribute__((used)) = PSEC_BUILD_NOTE;

#define COMMAND_MAX (64 * 1024) /* bytes; a longer one is not told */

/* The one process context; the step record takes it over in slurmstepd. */
static struct {
	psec_site_t site;
	char *user_mechs; /* --psec=LIST */
	int user_probe;	  /* --psec-probe, as in the record */
} self;

/* Longer lists are refused by libpsec as well; root copies, never reads. */
static int take_user_list(int val, const char *list_arg, int remote)
{
	char list[PSEC_LIST_MAX];
	psec_error_t err;

	if (!list_arg || strlen(list_arg) >= PSEC_LIST_MAX) {
		slurm_error("psec: --psec needs a list of mechanisms of at "
			    "most %d bytes",
			    PSEC_LIST_MAX - 1);
		return -1;
	}
	if (!remote && psec_list_filter(list_arg, NULL, list, sizeof(list),
					&err) != PSEC_OK) {
		slurm_error("psec: --psec=%s: %s", list_arg, err.text);
		return -1;
	}
	free(self.user_mechs);
	self.user_mechs = strdup(list_arg);
	return self.user_mechs ? 0 : -1;
}

static int take_user_probe(int val, const char *arg, int remote)
{
	int on = arg ? options_switch(arg) : -1;

	if (on < 0) {
		slurm_error("psec: --psec-probe must be on or off");
		return -1;
	}
	self.user_probe = on ? 1 : -1;
	return 0;
}

static struct spank_option user_options[] = {
	{
		.name = (char *)"psec",
		.arginfo = (char *)"LIST",
		.usage = (char *)"[psec] use only these security mechanisms "
				 "(names separated by commas), of those that "
				 "the site allows",
		.has_arg = 1,
		.cb = take_user_list,
	},
	{
		.name = (char *)"psec-probe",
		.arginfo = (char *)"on|off",
		.usage = (char *)"[psec] find out which mechanisms work where "
				 "the tasks run, and use only these",
		.has_arg = 1,
		.cb = take_user_probe,
	},
};

static int register_options(spank_t sp)
{
	for (size_t i = 0; i < sizeof(user_options) / sizeof(user_options[0]);
	     i++)
		if (spank_option_register(sp, &user_options[i]) !=
		    ESPANK_SUCCESS)
			return -1;
	return 0;
}

/* The site's list, narrowed by the user's.  Runs as the user. */
static int allowed_list(const psec_site_t *site, const char *user, char *list,
			size_t size)
{
	psec_error_t err;

	if (psec_list_filter(site->mechanisms, user, list, size, &err) !=
	    PSEC_OK) {
		slurm_error("psec: the list of mechanisms cannot be used: %s",
			    err.text);
		return -1;
	}
	if (!list[0]) {
		slurm_error("psec: --psec=%s names none of the mechanisms "
			    "that this site allows (%s)",
			    user, site->mechanisms);
		return -1;
	}
	return 0;
}

static uint32_t item_u32(spank_t sp, spank_item_t item, uint32_t dflt)
{
	uint32_t value;

	return spank_get_item(sp, item, &value) == ESPANK_SUCCESS ? value
								  : dflt;
}

static int fill_ids(spank_t sp, psec_step_t *step)
{
	gid_t *gids = NULL;
	int n = 0;

	if (spank_get_item(sp, S_JOB_UID, &step->uid) != ESPANK_SUCCESS ||
	    spank_get_item(sp, S_JOB_GID, &step->gid) != ESPANK_SUCCESS ||
	    spank_get_item(sp, S_JOB_SUPPLEMENTARY_GIDS, &gids, &n) !=
		    ESPANK_SUCCESS)
		return -1;
	step->gids = calloc((size_t)n + 1, sizeof(*step->gids));
	if (!step->gids)
		return -1;
	if (n > 0)
		memcpy(step->gids, gids, (size_t)n * sizeof(*gids));
	step->ngids = n;
	return 0;
}

static int fill_ranks(spank_t sp, psec_step_t *step)
{
	step->ranks = calloc(step->nlocal + 1, sizeof(*step->ranks));
	if (!step->ranks)
		return -1;
	for (uint32_t i = 0; i < step->nlocal; i++)
		if (spank_get_item(sp, S_JOB_LOCAL_TO_GLOBAL_ID, i,
				   &step->ranks[i]) != ESPANK_SUCCESS)
			return -1;
	return 0;
}

/* The tasks' command line, for PMIX_APP_ARGV: copied, not read. */
static char *join_command(spank_t sp)
{
	char **argv = NULL, *text = NULL;
	size_t len = 0;
	int argc = 0;
	FILE *out;

	if (spank_get_item(sp, S_JOB_ARGV, &argc, &argv) != ESPANK_SUCCESS)
		return NULL;
	for (int i = 0; i < argc; i++)
		len += strlen(argv[i]) + 1;
	if (len == 0 || len > COMMAND_MAX ||
	    !(out = open_memstream(&text, &len)))
		return NULL;
	for (int i = 0; i < argc; i++)
		fprintf(out, "%s%s", i ? " " : "", argv[i]);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* The options are the record's from now on. */
static void hand_over(psec_step_t *step)
{
	step->site = self.site;
	step->user_mechs = self.user_mechs;
	step->user_probe = self.user_probe;
	memset(&self, 0, sizeof(self));
	psec_step_set(step);
}

/* Nothing but what slurmd has checked; see design and doc/security.md. */
static int make_record(spank_t sp)
{
	psec_step_t *step = calloc(1, sizeof(*step));

	if (!step)
		return -1;
	step->job_id = item_u32(sp, S_JOB_ID, NO_VAL);
	step->step_id = item_u32(sp, S_JOB_STEPID, NO_VAL);
	step->nnodes = item_u32(sp, S_JOB_NNODES, 0);
	step->node_id = item_u32(sp, S_JOB_NODEID, 0);
	step->ntasks = item_u32(sp, S_JOB_TOTAL_TASK_COUNT, 0);
	step->nlocal = item_u32(sp, S_JOB_LOCAL_TASK_COUNT, 0);
	step->pids = calloc(step->nlocal + 1, sizeof(*step->pids));
	if (!step->pids || fill_ids(sp, step) != 0 ||
	    fill_ranks(sp, step) != 0) {
		free(step->pids);
		free(step->gids);
		free(step->ranks);
		free(step);
		return -1;
	}
	step->command = join_command(sp);
	hand_over(step);
	return 0;
}

int slurm_spank_init(spank_t sp, int argc, char *argv[])
{
	psec_error_t err;

	if (options_parse(&self.site, argc, argv, &err) != 0) {
		slurm_error("psec: %s", err.text);
		return -1;
	}
	if (realm_fill(&self.site) != 0) {
		slurm_error("psec: no memory for slurm.conf's AuthInfo");
		return -1;
	}
	switch (spank_context()) {
	case S_CTX_LOCAL:
	case S_CTX_REMOTE:
	case S_CTX_ALLOCATOR:
		return register_options(sp);
	default:
		return 0;
	}
}

int slurm_spank_init_post_opt(spank_t sp, int argc, char *argv[])
{
	char list[PSEC_LIST_MAX];
	psec_step_t *step;

	if (spank_context() == S_CTX_REMOTE) {
		if (mode_init() == 0 && make_record(sp) == 0)
			return 0;
		slurm_error("psec: Slurm does not tell who this step is");
		return -1;
	}
	/* srun with several components comes here for each of them. */
	if (spank_context() != S_CTX_LOCAL || !self.site.mechanisms)
		return 0;
	/* In srun: refuse a bad --psec before anything is launched. */
	if (allowed_list(&self.site, self.user_mechs, list, sizeof(list)) != 0)
		return -1;
	step = calloc(1, sizeof(*step));
	if (!step)
		return -1;
	hand_over(step);
	return 0;
}

/* As the user, in the tasks' working directory. */
int slurm_spank_user_init(spank_t sp, int argc, char *argv[])
{
	char cwd[PATH_MAX];

	if (getcwd(cwd, sizeof(cwd)))
		psec_step_set_cwd(cwd);
	return 0;
}

/*
 * In slurmstepd, for one task after the other, when it has its CPUs; they
 * begin their programs when this has returned for the last one.
 */
int slurm_spank_task_post_fork(spank_t sp, int argc, char *argv[])
{
	pid_t pid;
	int local;

	if (spank_get_item(sp, S_TASK_PID, &pid) == ESPANK_SUCCESS &&
	    spank_get_item(sp, S_TASK_ID, &local) == ESPANK_SUCCESS)
		psec_step_task_forked((uint32_t)local, pid);
	return 0;
}

/* -- in the task's process, as the user ----------------------------------- */

/* Behind container plugins in the stack this is the container already. */
int slurm_spank_task_init(spank_t sp, int argc, char *argv[])
{
	const psec_step_t *step = psec_step_get(PSEC_STEP_ABI);
	char list[PSEC_LIST_MAX];

	if (!step || allowed_list(&step->site, step->user_mechs, list,
				  sizeof(list)) != 0)
		return -1;
	return mode_set(sp, step, list);
}

int slurm_spank_task_exit(spank_t sp, int argc, char *argv[])
{
	const psec_step_t *step = psec_step_get(PSEC_STEP_ABI);
	int status = 0, local = 0;

	spank_get_item(sp, S_TASK_ID, &local);
	spank_get_item(sp, S_TASK_EXIT_STATUS, &status);
	psec_step_task_exited((uint32_t)local, status);
	if (step)
		mode_task_exited(step);
	return 0;
}

int slurm_spank_exit(spank_t sp, int argc, char *argv[])
{
	if (spank_context() == S_CTX_REMOTE)
		psec_step_end();
	psec_step_set(NULL);
	return 0;
}
