/* SPDX-License-Identifier: BSD-3-Clause */
/* jobinfo.c - see jobinfo.h.  One function for each realm of the standard. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <pmix_server.h>

#include "jobinfo.h"
#include "slurm_extra.h"
#include "taskmap.h"

#define NAME_MAX_LEN 256

/* -- texts --------------------------------------------------------------- */

/* "a,b" of the N NAMES.  malloc()ed, or NULL without memory. */
static char *join(char *const *names, uint32_t n)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? "," : "", names[i]);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void put_ranks(FILE *out, const layout_t *l, uint32_t node)
{
	for (uint32_t i = 0; i < l->node_tasks[node]; i++)
		fprintf(out, "%s%u", i ? "," : "", l->node_ranks[node][i]);
}

/* "0,2,4", the ranks of NODE, or where that is UINT32_MAX "0,2;1,3", those of
 * each node.  malloc()ed. */
static char *rank_list(const layout_t *l, uint32_t node)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	if (node != UINT32_MAX)
		put_ranks(out, l, node);
	else
		for (uint32_t n = 0; n < l->nnodes; n++) {
			if (n)
				fputc(';', out);
			put_ranks(out, l, n);
		}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/*
 * The distribution in srun's words, as --distribution takes them ("block",
 * "plane=4", with LEVELS 3 "block:cyclic:fcyclic").  False: not known.
 */
static bool distribution(const layout_t *l, int levels, char *text, size_t size)
{
	static const char *const words[] = { NULL, "cyclic", "block",
					     "fcyclic" };
	uint32_t node = l->task_dist & 0xf;
	int n;

	if (node == SLURM_DIST_PLANE && l->apps.n > 1)
		return false; /* each may have a size of its own */
	if (node == SLURM_DIST_PLANE)
		n = snprintf(text, size, "plane=%u", l->plane_size);
	else if (node == SLURM_DIST_ARBITRARY)
		n = snprintf(text, size, "arbitrary");
	else if (node == SLURM_DIST_BLOCK || node == SLURM_DIST_CYCLIC)
		n = snprintf(text, size, "%s", words[node]);
	else
		return false;
	for (int level = 1; level < levels; level++) {
		uint32_t word = l->task_dist >> (4 * level) & 0xf;

		if (!word || word >= sizeof(words) / sizeof(words[0]))
			break;
		n += snprintf(text + n, size - (size_t)n, ":%s", words[word]);
	}
	return true;
}

/* -- session: the allocation --------------------------------------------- */

static void add_session(infolist_t *info, const pmixd_t *d)
{
	const layout_t *l = &d->layout;
	const char *cluster = d->conf.cluster;
	infolist_t s = infolist_new();
	const uint32_t version = SLURM_VERSION_NUMBER;
	char text[32];

	infolist_u32(&s, PMIX_SESSION_ID, l->apps.leader);
	if (cluster)
		infolist_string(&s, PMIX_CLUSTER_ID, cluster);
	infolist_u32(&s, PMIX_UNIV_SIZE, l->slots);
	infolist_u32(&s, PMIX_MAX_PROCS, l->slots);
	infolist_u32(&s, PMIX_NUM_SLOTS, l->slots);
	if (l->nalloc)
		infolist_u32(&s, PMIX_NUM_ALLOCATED_NODES, l->nalloc);
	if (l->nalloc && l->alloc_names)
		infolist_take_string(&s, PMIX_ALLOCATED_NODELIST,
				     join(l->alloc_names, l->nalloc));
	infolist_string(&s, PMIX_RM_NAME, "slurm");
	snprintf(text, sizeof(text), "%u.%02u.%u", SLURM_VERSION_MAJOR(version),
		 SLURM_VERSION_MINOR(version), SLURM_VERSION_MICRO(version));
	infolist_string(&s, PMIX_RM_VERSION, text);
	infolist_string(&s, PMIX_TMPDIR, d->conf.dir);
	/* The directory goes with the step; clients need not clean up. */
	infolist_bool(&s, PMIX_TDIR_RMCLEAN, true);
	infolist_bool(&s, PMIX_HOSTNAME_KEEP_FQDN, true);
	infolist_array(info, PMIX_SESSION_INFO_ARRAY, &s);
}

/* -- job: the step ------------------------------------------------------- */

/* The two maps; they may be compressed, with NULs in them: PMIX_REGEX. */
static void add_maps(infolist_t *info, const layout_t *l)
{
	char *nodes = join(l->node_names, l->nnodes);
	char *ranks = rank_list(l, UINT32_MAX);
	char *regex = NULL, *ppn = NULL;

	if (!nodes || !ranks) {
		info->rc = PMIX_ERR_NOMEM;
	} else if (PMIx_generate_regex(nodes, &regex) != PMIX_SUCCESS ||
		   PMIx_generate_ppn(ranks, &ppn) != PMIX_SUCCESS) {
		info->rc = PMIX_ERR_INIT;
	} else {
		infolist_add(info, PMIX_NODE_MAP, regex, PMIX_REGEX);
		infolist_add(info, PMIX_PROC_MAP, ppn, PMIX_REGEX);
		infolist_string(info, PMIX_NODE_LIST, nodes);
	}
	free(regex);
	free(ppn);
	free(nodes);
	free(ranks);
	infolist_take_string(info, PMIX_ANL_MAP,
			     taskmap_anl(l->node_of, l->ntasks));
}

/* How Slurm was asked to place, number and bind the tasks, in srun's words. */
static void add_policies(infolist_t *info, const pmixd_t *d)
{
	const char *bind = stepconf_env(&d->conf, "SLURM_CPU_BIND_TYPE");
	char text[64];

	if (distribution(&d->layout, 3, text, sizeof(text)))
		infolist_string(info, PMIX_MAPBY, text);
	/* Ranks are counted as nodes get their tasks. */
	if (distribution(&d->layout, 1, text, sizeof(text)))
		infolist_string(info, PMIX_RANKBY, text);
	/* Components have options of their own. */
	if (d->layout.apps.n > 1)
		return;
	if (bind && *bind) {
		/* "mask_cpu:", the masks are in another variable. */
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(bind, ":"),
			 bind);
		infolist_string(info, PMIX_BINDTO, text);
	}
	if (stepconf_env(&d->conf, "SLURM_CPUS_PER_TASK"))
		infolist_u32(info, PMIX_CPUS_PER_PROC, d->layout.cpus_per_task);
}

static void add_job(infolist_t *info, const pmixd_t *d)
{
	const layout_t *l = &d->layout;

	infolist_string(info, PMIX_JOBID, d->nspace + strlen(NSPACE_PREFIX));
	infolist_string(info, PMIX_NSPACE, d->nspace);
	infolist_u32(info, PMIX_USERID, (uint32_t)geteuid());
	infolist_u32(info, PMIX_GRPID, (uint32_t)getegid());
	infolist_bool(info, PMIX_SPAWNED, d->parent.nspace[0] != '\0');
	if (d->parent.nspace[0])
		infolist_add(info, PMIX_PARENT_ID, &d->parent, PMIX_PROC);
	infolist_string(info, PMIX_NSDIR, d->conf.dir);
	infolist_u32(info, PMIX_JOB_SIZE, l->ntasks);
	infolist_u32(info, PMIX_MAX_PROCS, l->slots);
	infolist_u32(info, PMIX_NUM_SLOTS, l->slots);
	infolist_u32(info, PMIX_JOB_NUM_APPS, l->programs.n);
	infolist_u32(info, PMIX_NUM_NODES, l->nnodes);
	infolist_rank(info, PMIX_NPROC_OFFSET, 0);
	if (d->conf.command && l->programs.n == 1)
		infolist_string(info, PMIX_CMD_LINE, d->conf.command);
}

/* -- nodes --------------------------------------------------------------- */

/* Other names of a node: its short one, and of our own what it calls itself. */
static void add_aliases(infolist_t *node, const pmixd_t *d, uint32_t n)
{
	const char *name = d->layout.node_names[n];
	size_t len = strcspn(name, ".");
	char host[NAME_MAX_LEN] = "", text[2 * NAME_MAX_LEN + 2] = "";

	if (name[len] && len < NAME_MAX_LEN)
		snprintf(text, sizeof(text), "%.*s", (int)len, name);
	if (n == d->conf.node && gethostname(host, sizeof(host) - 1) == 0 &&
	    *host && strcmp(host, name) != 0 && strcmp(host, text) != 0)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%s", *text ? "," : "", host);
	if (*text)
		infolist_string(node, PMIX_HOSTNAME_ALIASES, text);
}

static void add_memory(infolist_t *node)
{
	struct sysinfo si;

	if (sysinfo(&si) == 0)
		infolist_u64(node, PMIX_AVAIL_PHYS_MEMORY,
			     (uint64_t)si.totalram * si.mem_unit);
}

/* What any rank may ask about any node. */
static void add_node(infolist_t *info, const pmixd_t *d, uint32_t n)
{
	const layout_t *l = &d->layout;
	infolist_t node = infolist_new();
	uint32_t tasks = l->node_tasks[n], slots = l->node_slots[n];

	infolist_string(&node, PMIX_HOSTNAME, l->node_names[n]);
	infolist_u32(&node, PMIX_NODEID, n);
	add_aliases(&node, d, n);
	infolist_u32(&node, PMIX_LOCAL_SIZE, tasks);
	infolist_u32(&node, PMIX_NODE_SIZE, tasks);
	if (tasks)
		infolist_rank(&node, PMIX_LOCALLDR, l->node_ranks[n][0]);
	infolist_take_string(&node, PMIX_LOCAL_PEERS, rank_list(l, n));
	/* Some clients take its presence for a yes.  (The slots themselves are
	 * not told: of its own node libpmix 4.2 would show the job's.) */
	if (slots && tasks > slots)
		infolist_bool(&node, PMIX_NODE_OVERSUBSCRIBED, true);
	if (n == d->conf.node) {
		add_memory(&node);
		/* 260 bytes for each: of others LOCAL_PEERS is enough. */
		infolist_procs(&node, PMIX_LOCAL_PROCS, d->nspace,
			       l->node_ranks[n], tasks);
	}
	infolist_array(info, PMIX_NODE_INFO_ARRAY, &node);
}

/* -- applications -------------------------------------------------------- */

void jobinfo_pset_name(const pmixd_t *d, uint32_t app, char *name, size_t size)
{
	snprintf(name, size, "%s/%u", d->nspace, app);
}

/* "4 3" and "0 4": Open MPI asks for sizes and first ranks under these names,
 * which libpmix gives where it knows that the program is of Open MPI's. */
static void add_openmpi(infolist_t *info, const apps_t *apps)
{
	char *sizes = NULL, *firsts = NULL;
	size_t len;
	FILE *size = open_memstream(&sizes, &len);
	FILE *first = open_memstream(&firsts, &len);

	for (uint32_t i = 0; size && first && i < apps->n; i++) {
		fprintf(size, "%s%u", i ? " " : "", apps->list[i].size);
		fprintf(first, "%s%u", i ? " " : "", apps->list[i].first);
	}
	if (size)
		fclose(size);
	if (first)
		fclose(first);
	infolist_take_string(info, "OMPI_APP_SIZES", sizes);
	infolist_take_string(info, "OMPI_FIRST_RANKS", firsts);
}

/* The ranks of a component, for whoever wants to name them (MPI sessions). */
static void add_pset(infolist_t *app, const pmixd_t *d, uint32_t n)
{
	const app_t *a = &d->layout.apps.list[n];
	uint32_t *ranks = calloc(a->size, sizeof(*ranks));
	char name[PMIX_MAX_NSLEN + 16];

	for (uint32_t i = 0; ranks && i < a->size; i++)
		ranks[i] = a->first + i;
	jobinfo_pset_name(d, n, name, sizeof(name));
	infolist_string(app, PMIX_PSET_NAME, name);
	if (ranks)
		infolist_procs(app, PMIX_PSET_MEMBERS, d->nspace, ranks,
			       a->size);
	else
		app->rc = PMIX_ERR_NOMEM;
	free(ranks);
}

static void add_app(infolist_t *info, const pmixd_t *d, uint32_t n)
{
	const layout_t *l = &d->layout;
	const app_t *a = &l->programs.list[n];
	infolist_t app = infolist_new();
	char *dist = NULL;

	infolist_u32(&app, PMIX_APPNUM, n);
	infolist_u32(&app, PMIX_APP_SIZE, a->size);
	infolist_rank(&app, PMIX_APPLDR, a->first);
	if (a->task_dist) {
		dist = slurm_step_layout_type_name(a->task_dist);
		infolist_string(&app, PMIX_APP_MAP_TYPE, dist);
		slurm_xfree((void **)&dist);
	}
	/* Here the command of the local tasks is known, of no others; and where
	 * it starts several programs, not theirs. */
	if (d->conf.command && n == l->apps.own && l->programs.n == l->apps.n)
		infolist_string(&app, PMIX_APP_ARGV, d->conf.command);
	if (l->apps.n > 1)
		add_pset(&app, d, n);
	infolist_array(info, PMIX_APP_INFO_ARRAY, &app);
}

/* -- processes ----------------------------------------------------------- */

/* The same for local and remote ranks: programs compare them. */
static void add_rank(infolist_t *info, const layout_t *l, uint32_t rank)
{
	infolist_t proc = infolist_new();
	uint32_t node = l->node_of[rank];
	uint32_t app = apps_of_rank(&l->programs, rank);
	uint32_t leader = l->programs.list[app].first;

	infolist_rank(&proc, PMIX_RANK, rank);
	infolist_u32(&proc, PMIX_APPNUM, app);
	infolist_rank(&proc, PMIX_APPLDR, leader);
	infolist_rank(&proc, PMIX_GLOBAL_RANK, rank);
	infolist_rank(&proc, PMIX_APP_RANK, rank - leader);
	infolist_u16(&proc, PMIX_LOCAL_RANK, (uint16_t)l->local_of[rank]);
	infolist_u16(&proc, PMIX_NODE_RANK, (uint16_t)l->local_of[rank]);
	infolist_u32(&proc, PMIX_NODEID, node);
	infolist_string(&proc, PMIX_HOSTNAME, l->node_names[node]);
	infolist_u32(&proc, PMIX_REINCARNATION, 0);
	infolist_array(info, PMIX_PROC_DATA, &proc);
}

void jobinfo_add(infolist_t *info, const pmixd_t *d)
{
	const layout_t *l = &d->layout;

	add_session(info, d);
	add_maps(info, l);
	add_job(info, d);
	add_policies(info, d);
	for (uint32_t n = 0; n < l->nnodes; n++)
		add_node(info, d, n);
	for (uint32_t n = 0; n < l->programs.n; n++)
		add_app(info, d, n);
	if (l->programs.n > 1)
		add_openmpi(info, &l->programs);
	for (uint32_t r = 0; r < l->ntasks; r++)
		add_rank(info, l, r);
}
