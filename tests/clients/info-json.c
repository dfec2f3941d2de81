/* SPDX-License-Identifier: BSD-3-Clause */
/* info-json.c - see info-json.h. */
#include "info-json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
	const char *name, *key;
} attr_t;

#define ATTR(name)                                                             \
	{                                                                      \
#name, PMIX_##name                                             \
	}

static const attr_t session_attrs[] = {
	ATTR(SESSION_ID), ATTR(CLUSTER_ID),	    ATTR(UNIV_SIZE),
	ATTR(MAX_PROCS),  ATTR(NUM_SLOTS),	    ATTR(NUM_ALLOCATED_NODES),
	ATTR(RM_NAME),	  ATTR(ALLOCATED_NODELIST), ATTR(RM_VERSION),
	ATTR(TMPDIR),	  ATTR(TDIR_RMCLEAN),	    ATTR(HOSTNAME_KEEP_FQDN),
	{ NULL, NULL },
};

static const attr_t job_attrs[] = {
	ATTR(JOBID),	    ATTR(NSPACE),	 ATTR(USERID),
	ATTR(GRPID),	    ATTR(SPAWNED),	 ATTR(NSDIR),
	ATTR(JOB_SIZE),	    ATTR(MAX_PROCS),	 ATTR(NUM_SLOTS),
	ATTR(JOB_NUM_APPS), ATTR(NUM_NODES),	 ATTR(NPROC_OFFSET),
	ATTR(CMD_LINE),	    ATTR(NODE_LIST),	 ATTR(ANL_MAP),
	ATTR(MAPBY),	    ATTR(RANKBY),	 ATTR(BINDTO),
	ATTR(UNIV_SIZE),    ATTR(CPUS_PER_PROC), ATTR(PARENT_ID),
	ATTR(RM_NAME),	    ATTR(RM_VERSION),	 ATTR(CLUSTER_ID),
	ATTR(SESSION_ID),   ATTR(TMPDIR),	 ATTR(TDIR_RMCLEAN),
	ATTR(APP_SIZE),	    ATTR(APPLDR),	 ATTR(APP_ARGV),
	ATTR(WDIR),	    ATTR(LOCAL_SIZE),	 ATTR(LOCAL_PEERS),
	ATTR(LOCALLDR),	    ATTR(NODE_SIZE),	 ATTR(HWLOC_XML_V2),
	{ NULL, NULL },
};

static const attr_t node_attrs[] = {
	ATTR(HOSTNAME),
	ATTR(HOSTNAME_ALIASES),
	ATTR(NODEID),
	ATTR(LOCAL_SIZE),
	ATTR(NODE_SIZE),
	ATTR(LOCALLDR),
	ATTR(LOCAL_PEERS),
	ATTR(LOCAL_PROCS),
	ATTR(NODE_OVERSUBSCRIBED),
	ATTR(AVAIL_PHYS_MEMORY),
	{ NULL, NULL },
};

static const attr_t app_attrs[] = {
	ATTR(APPNUM),	 ATTR(APP_SIZE),     ATTR(APPLDR),
	ATTR(APP_ARGV),	 ATTR(WDIR),	     ATTR(APP_MAP_TYPE),
	ATTR(PSET_NAME), ATTR(PSET_MEMBERS), { NULL, NULL },
};

static const attr_t proc_attrs[] = {
	ATTR(RANK),	     ATTR(APPNUM),    ATTR(APPLDR),
	ATTR(GLOBAL_RANK),   ATTR(APP_RANK),  ATTR(LOCAL_RANK),
	ATTR(NODE_RANK),     ATTR(NODEID),    ATTR(HOSTNAME),
	ATTR(REINCARNATION), ATTR(CPUSET),    ATTR(LOCALITY_STRING),
	ATTR(PACKAGE_RANK),  ATTR(PARENT_ID), { NULL, NULL },
};

static const attr_t self_attrs[] = {
	ATTR(SERVER_NSPACE),
	ATTR(SERVER_RANK),
	{ NULL, NULL },
};

static void put_string(const char *text)
{
	putchar('"');
	for (; *text; text++)
		if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
			(void)printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	putchar('"');
}

/* An array of processes as their ranks. */
static void put_procs(const pmix_data_array_t *array)
{
	const pmix_proc_t *procs = array->array;

	putchar('[');
	for (size_t i = 0; i < array->size; i++)
		(void)printf("%s%u", i ? "," : "", procs[i].rank);
	putchar(']');
}

static void put_value(const pmix_value_t *value)
{
	uint64_t number;

	if (value->type == PMIX_STRING && value->data.string)
		put_string(value->data.string);
	else if (value->type == PMIX_BOOL)
		(void)printf("%s", value->data.flag ? "true" : "false");
	else if (value_number(value, &number))
		(void)printf("%" PRIu64, number);
	else if (value->type == PMIX_DATA_ARRAY && value->data.darray &&
		 value->data.darray->type == PMIX_PROC)
		put_procs(value->data.darray);
	else
		(void)printf("{\"type\":%u}", value->type);
}

/* Those of ATTRS that RANK has. */
static void put_attrs(const attr_t *attrs, pmix_rank_t rank,
		      const pmix_info_t *info, size_t ninfo)
{
	pmix_proc_t proc = client_proc(rank);
	pmix_value_t *value;
	const char *comma = "";

	putchar('{');
	for (; attrs->name; attrs++) {
		value = NULL;
		client_doing("getting PMIX_%s", attrs->name);
		if (PMIx_Get(&proc, attrs->key, info, ninfo, &value) !=
			    PMIX_SUCCESS ||
		    !value)
			continue;
		(void)printf("%s\"%s\":", comma, attrs->name);
		put_value(value);
		comma = ",";
		PMIX_VALUE_RELEASE(value);
	}
	putchar('}');
}

/* Of one realm; ID says which of it. */
static void put_realm(const char *realm, const char *id_key, const void *id,
		      pmix_data_type_t type, const attr_t *attrs)
{
	pmix_info_t info[3];
	size_t n = 1;
	bool yes = true;

	/* libpmix 4.2 looks at the first directive only for some of these. */
	PMIX_INFO_LOAD(&info[0], realm, &yes, PMIX_BOOL);
	if (id_key)
		PMIX_INFO_LOAD(&info[n++], id_key, id, type);
	PMIX_INFO_LOAD(&info[n++], PMIX_OPTIONAL, &yes, PMIX_BOOL);
	put_attrs(attrs, PMIX_RANK_WILDCARD, info, n);
	for (size_t i = 0; i < n; i++)
		PMIX_INFO_DESTRUCT(&info[i]);
}

static void put_nodes(const place_t *places)
{
	(void)printf(",\"nodes\":{");
	for (uint32_t node = 0; node < places_nodes(places); node++)
		for (uint32_t rank = 0; rank < client_size(); rank++) {
			if (places[rank].node_id != node)
				continue;
			(void)printf("%s\"%s\":", node ? "," : "",
				     places[rank].node);
			put_realm(PMIX_NODE_INFO, PMIX_HOSTNAME,
				  places[rank].node, PMIX_STRING, node_attrs);
			break;
		}
	putchar('}');
}

static uint32_t number_of_apps(void)
{
	pmix_proc_t job = client_proc(PMIX_RANK_WILDCARD);
	pmix_value_t *value = NULL;
	uint64_t number = 0;

	if (PMIx_Get(&job, PMIX_JOB_NUM_APPS, NULL, 0, &value) ==
		    PMIX_SUCCESS &&
	    value) {
		(void)value_number(value, &number);
		PMIX_VALUE_RELEASE(value);
	}
	return (uint32_t)number;
}

static void put_apps(void)
{
	uint32_t napps = number_of_apps();

	(void)printf(",\"apps\":[");
	for (uint32_t app = 0; app < napps; app++) {
		(void)printf("%s", app ? "," : "");
		put_realm(PMIX_APP_INFO, PMIX_APPNUM, &app, PMIX_UINT32,
			  app_attrs);
	}
	putchar(']');
}

static void put_procs_of_job(void)
{
	pmix_info_t info;
	bool yes = true;

	PMIX_INFO_LOAD(&info, PMIX_JOB_INFO, &yes, PMIX_BOOL);
	(void)printf(",\"procs\":[");
	for (uint32_t rank = 0; rank < client_size(); rank++) {
		(void)printf("%s", rank ? "," : "");
		put_attrs(proc_attrs, rank, &info, 1);
	}
	putchar(']');
}

void info_json(const place_t *places)
{
	pmix_info_t optional;
	bool yes = true;

	PMIX_INFO_LOAD(&optional, PMIX_OPTIONAL, &yes, PMIX_BOOL);
	(void)printf("{\"rank\":%u,\"session\":", client_rank());
	put_realm(PMIX_SESSION_INFO, NULL, NULL, PMIX_UNDEF, session_attrs);
	(void)printf(",\"self\":");
	put_attrs(self_attrs, client_rank(), &optional, 1);
	(void)printf(",\"job\":");
	put_attrs(job_attrs, PMIX_RANK_WILDCARD, &optional, 1);
	put_nodes(places);
	put_apps();
	put_procs_of_job();
	(void)printf("}\n");
}
