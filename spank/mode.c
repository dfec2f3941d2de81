/* SPDX-License-Identifier: BSD-3-Clause */
/* mode.c - see mode.h. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mode.h"
#include "probe.h"
#include "psec.h"
#include "slurm_extra.h"

#define SETTLE_US 500000 /* all tasks have probed; srun has the sentence */

/* A page that slurmstepd shares with its tasks: how many were refused. */
static atomic_uint *refused;

int mode_init(void)
{
	void *page = mmap(NULL, sizeof(*refused), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -1;
	refused = page;
	atomic_init(refused, 0);
	return 0;
}

/*
 * Not from the task's own process, which may have no munged to reach
 * slurmctld with.  Where all tasks of the node are refused, the node leaves
 * the step, and the others learn that.
 */
void mode_task_exited(const psec_step_t *step)
{
	static bool seen;

	if (seen || !refused || atomic_load(refused) == 0)
		return;
	seen = true;
	usleep(SETTLE_US);
	if (atomic_load(refused) >= step->nlocal)
		return;
	if (psec_kill_step(step->job_id, step->step_id) != 0)
		slurm_error("psec: cannot kill step %u.%u: %s", step->job_id,
			    step->step_id, slurm_strerror(errno));
}

/* -- the task's environment ---------------------------------------------- */

#define MODE_VAR "PMIX_SECURITY_MODE"
#define MCA_VAR	 "PMIX_MCA_psec"

/*
 * libpmix copies MODE_VAR to MCA_VAR where that is not set (since 3.2), and
 * takes MCA_VAR as an order: a libpmix without munge does not pick the best
 * that it has of the list "munge,native", as RFC0011 says, but fails (up to
 * 3.2.3) or complains (later).  A list of what it shall not have is no such
 * order, and "none" it only ever has by order.
 */
#define ANY_BUT_NONE "^none"

/* The value of NAME in the task's environment; "" where there is none. */
static spank_err_t task_var(spank_t sp, const char *name, char *buf, int size)
{
	spank_err_t rc = spank_getenv(sp, name, buf, size);

	if (rc != ESPANK_SUCCESS)
		buf[0] = '\0';
	return rc;
}

/*
 * Is MCA_VAR the user's own?  One that says the same as the list of before,
 * OLD, is a copy: enroot's hook for Slurm makes it.
 */
static bool is_users(spank_t sp, const char *old)
{
	char order[PSEC_LIST_MAX];
	spank_err_t rc = task_var(sp, MCA_VAR, order, sizeof(order));

	if (rc == ESPANK_SUCCESS)
		return (!old[0] || strcmp(order, old) != 0) &&
		       strcmp(order, ANY_BUT_NONE) != 0;
	return rc != ESPANK_ENV_NOEXIST; /* it may be too long for us */
}

static spank_err_t take_order_back(spank_t sp, const char *list)
{
	spank_err_t rc;

	if (!psec_list_has(list, "none"))
		return spank_setenv(sp, MCA_VAR, ANY_BUT_NONE, 1);
	rc = spank_unsetenv(sp, MCA_VAR);
	return rc == ESPANK_ENV_NOEXIST ? ESPANK_SUCCESS : rc;
}

/* Tell the task LIST, in such a way that its libpmix takes it as a choice. */
static bool set_vars(spank_t sp, const char *list)
{
	char old[PSEC_LIST_MAX];

	(void)task_var(sp, MODE_VAR, old, sizeof(old));
	if (!is_users(sp, old) && take_order_back(sp, list) != ESPANK_SUCCESS)
		return false;
	return spank_setenv(sp, MODE_VAR, list, 1) == ESPANK_SUCCESS;
}

/* -- what works ---------------------------------------------------------- */

/* What a task's probe finds. */
typedef struct {
	int local_id;
	uint32_t rank;
	char works[PSEC_LIST_MAX];
	char reasons[PROBE_WHY_MAX * 2]; /* cut where it is full */
} finding_t;

/* Tasks of a node mostly see the same: the first one's word is enough. */
static void on_dropped(void *arg, const char *name, const char *why)
{
	finding_t *found = arg;
	size_t used = strlen(found->reasons);

	snprintf(found->reasons + used, sizeof(found->reasons) - used,
		 "%s%s: %s", used ? "; " : "", name, why);
	if (found->local_id == 0)
		slurm_verbose("psec: mechanism %s does not work where task %u "
			      "runs: %s",
			      name, found->rank, why);
	else
		slurm_debug("psec: mechanism %s does not work where task %u "
			    "runs: %s",
			    name, found->rank, why);
}

/*
 * Where nothing is left, a program that does not use PMIx can do without; but
 * in a step with a PMIx server it mostly does.
 */
static int nothing_left(const psec_step_t *step, const char *list,
			const finding_t *found)
{
	if (step->site.probe_keep || !psec_step_has_server()) {
		slurm_verbose("psec: no mechanism is left, so the task gets "
			      "the list '%s' all the same",
			      list);
		return 0;
	}
	if (atomic_fetch_add(refused, 1) == 0)
		slurm_error("psec: none of the mechanisms '%s' works where "
			    "task %u runs, so it could not connect to its "
			    "PMIx server: %s. See CONTAINERS in "
			    "spank_psec(5)",
			    list, found->rank, found->reasons);
	return -1;
}

/* Drop from LIST what does not work here. */
static int probe_here(spank_t sp, const psec_step_t *step, char *list)
{
	char path[4096];
	finding_t found = { .local_id = 0 };
	probe_t probe;

	if (step->user_probe < 0 || (!step->user_probe && !step->site.probe))
		return 0;
	spank_get_item(sp, S_TASK_ID, &found.local_id);
	spank_get_item(sp, S_TASK_GLOBAL_ID, &found.rank);
	(void)task_var(sp, "LD_LIBRARY_PATH", path, sizeof(path));
	probe_init(&probe, step->uid, step->gid, path);
	probe_list(&probe, list, found.works, on_dropped, &found);
	if (!found.works[0])
		return nothing_left(step, list, &found);
	memcpy(list, found.works, strlen(found.works) + 1);
	return 0;
}

int mode_set(spank_t sp, const psec_step_t *step, char *list)
{
	if (probe_here(sp, step, list) != 0)
		return -1;
	if (set_vars(sp, list))
		return 0;
	slurm_error("psec: cannot set " MODE_VAR " and " MCA_VAR);
	return -1;
}
