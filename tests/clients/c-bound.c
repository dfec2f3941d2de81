/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-bound - what the server registered about the CPUs of the tasks of a node
 * (PMIX_CPUSET, PMIX_LOCALITY_STRING, PMIX_PACKAGE_RANK) is what hwloc says.
 *
 * Each rank asks hwloc about itself and tells the others (put, fence with
 * data); then each compares what PMIx says of all.  Of ranks on other nodes
 * nothing has to be registered, but nothing wrong may be.
 */
#include "client.h"

#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 1024

/* What a rank's hwloc says about it. */
typedef struct {
	char cpuset[TEXT_MAX];	    /* "hwloc:0-3"; "": not bound */
	char locality[TEXT_MAX];    /* without the order: ":SK0:CR1:HT1:" */
	uint32_t packages, package; /* how many it is bound to, and the first */
} bound_t;

static bool print;

static const option_t options[] = {
	{ "--print", OPT_FLAG, &print, "print one's own CPUs" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

/* As libpmix abbreviates them. */
static const struct {
	hwloc_obj_type_t type;
	const char *name;
} kinds[] = {
	{ HWLOC_OBJ_NUMANODE, "NM" }, { HWLOC_OBJ_PACKAGE, "SK" },
	{ HWLOC_OBJ_L3CACHE, "L3" },  { HWLOC_OBJ_L2CACHE, "L2" },
	{ HWLOC_OBJ_L1CACHE, "L1" },  { HWLOC_OBJ_CORE, "CR" },
	{ HWLOC_OBJ_PU, "HT" },
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The logical numbers of the objects of KIND that CPUS meet. */
static hwloc_bitmap_t numbers(hwloc_topology_t topo, hwloc_obj_type_t type,
			      hwloc_const_bitmap_t cpus)
{
	hwloc_bitmap_t set = hwloc_bitmap_alloc();
	hwloc_obj_t obj = NULL;

	if (!set)
		client_fail("out of memory");
	while ((obj = hwloc_get_next_obj_by_type(topo, type, obj)))
		if (hwloc_bitmap_intersects(obj->cpuset, cpus))
			(void)hwloc_bitmap_set(set, obj->logical_index);
	return set;
}

static void append(char *text, const char *name, hwloc_const_bitmap_t set)
{
	size_t len = strlen(text);
	char list[TEXT_MAX];

	(void)hwloc_bitmap_list_snprintf(list, sizeof(list), set);
	(void)snprintf(text + len, TEXT_MAX - len, "%s%s:", name, list);
}

static void ask_hwloc(bound_t *own)
{
	hwloc_bitmap_t cpus = hwloc_bitmap_alloc(), set;
	hwloc_topology_t topo;

	memset(own, 0, sizeof(*own));
	if (!cpus || hwloc_topology_init(&topo) != 0 ||
	    hwloc_topology_load(topo) != 0 ||
	    hwloc_get_cpubind(topo, cpus, HWLOC_CPUBIND_PROCESS) != 0)
		client_fail("hwloc does not work");
	if (!hwloc_bitmap_isincluded(hwloc_topology_get_topology_cpuset(topo),
				     cpus)) {
		append(own->cpuset, "hwloc:", cpus);
		own->cpuset[strlen(own->cpuset) - 1] = '\0';
		own->locality[0] = ':';
		for (size_t i = 0; i < NKINDS; i++) {
			set = numbers(topo, kinds[i].type, cpus);
			if (!hwloc_bitmap_iszero(set))
				append(own->locality, kinds[i].name, set);
			hwloc_bitmap_free(set);
		}
		set = numbers(topo, HWLOC_OBJ_PACKAGE, cpus);
		own->packages = (uint32_t)hwloc_bitmap_weight(set);
		own->package = (uint32_t)hwloc_bitmap_first(set);
		hwloc_bitmap_free(set);
	}
	hwloc_bitmap_free(cpus);
	hwloc_topology_destroy(topo);
}

static bound_t *exchange(const bound_t *own)
{
	bound_t *all = calloc(client_size(), sizeof(*all));

	if (!all)
		client_fail("out of memory");
	put_bytes(PMIX_GLOBAL, "c-bound", own, sizeof(*own));
	put_commit();
	fence_all(true);
	for (uint32_t rank = 0; rank < client_size(); rank++)
		need_bytes(rank, "c-bound", NULL, &all[rank], sizeof(*all));
	return all;
}

/* NULL: not registered. */
static pmix_value_t *get(const char *key, pmix_rank_t rank)
{
	pmix_proc_t proc = client_proc(rank);
	pmix_value_t *value = NULL;
	pmix_info_t optional;
	bool yes = true;

	PMIX_INFO_LOAD(&optional, PMIX_OPTIONAL, &yes, PMIX_BOOL);
	client_doing("getting %s of rank %u", key, rank);
	return PMIx_Get(&proc, key, &optional, 1, &value) == PMIX_SUCCESS
		       ? value
		       : NULL;
}

static void check_cpuset(pmix_rank_t rank, const char *want, bool local)
{
	pmix_value_t *value = get(PMIX_CPUSET, rank);
	const char *have = value ? value->data.string : "";

	if (value ? strcmp(have, want) != 0 : local && *want)
		client_wrong("PMIX_CPUSET of rank %u is '%s' instead of '%s'",
			     rank, have, want);
	if (value)
		PMIX_VALUE_RELEASE(value);
}

/* The same parts in any order. */
static void check_locality(pmix_rank_t rank, const char *want, bool local)
{
	pmix_value_t *value = get(PMIX_LOCALITY_STRING, rank);
	const char *have =
		value && value->data.string ? value->data.string : "";
	char part[TEXT_MAX];
	size_t len, total = 1;

	if (!*have) {
		if (local && *want)
			client_wrong("PMIX_LOCALITY_STRING of rank %u is "
				     "missing, it should be '%s'",
				     rank, want);
		goto done;
	}
	if (strncmp(have, "hwloc:", 6) != 0)
		client_wrong("PMIX_LOCALITY_STRING of rank %u is '%s'", rank,
			     have);
	for (const char *at = have + 6; *at; at += len + (at[len] == ':')) {
		len = strcspn(at, ":");
		(void)snprintf(part, sizeof(part), ":%.*s:", (int)len, at);
		total += len + 1;
		if (!strstr(want, part))
			client_wrong("PMIX_LOCALITY_STRING of rank %u is '%s', "
				     "and '%s' is not in '%s'",
				     rank, have, part, want);
	}
	if (total != strlen(want))
		client_wrong("PMIX_LOCALITY_STRING of rank %u is '%s' instead "
			     "of '%s'",
			     rank, have, want);
done:
	if (value)
		PMIX_VALUE_RELEASE(value);
}

/* Counted in the order of local ranks, as they are on their node. */
static void check_package(pmix_rank_t rank, const bound_t *all,
			  const place_t *places, bool local)
{
	pmix_value_t *value = get(PMIX_PACKAGE_RANK, rank);
	uint64_t have = UINT64_MAX, want = 0;
	bool known = all[rank].packages == 1;

	for (uint32_t r = 0; r < client_size(); r++)
		want += places[r].node_id == places[rank].node_id &&
			places[r].local_id < places[rank].local_id &&
			all[r].packages == 1 &&
			all[r].package == all[rank].package;
	if (value)
		(void)value_number(value, &have);
	if (value ? !known || have != want : local && known)
		client_wrong("PMIX_PACKAGE_RANK of rank %u is %d instead of %u",
			     rank, value ? (int)have : -1, (unsigned)want);
	if (value)
		PMIX_VALUE_RELEASE(value);
}

int main(int argc, char **argv)
{
	const place_t *places;
	bound_t own, *all;

	client_options(argc, argv, options);
	client_init();
	places = places_exchange();
	ask_hwloc(&own);
	all = exchange(&own);
	for (uint32_t rank = 0; rank < client_size(); rank++) {
		bool local =
			places[rank].node_id == places[client_rank()].node_id;

		check_cpuset(rank, all[rank].cpuset, local);
		check_locality(rank, all[rank].locality, local);
		check_package(rank, all, places, local);
	}
	if (print)
		(void)printf("rank %u: '%s' '%s'\n", client_rank(), own.cpuset,
			     own.locality);
	free(all);
	fence_all(false);
	return client_end();
}
