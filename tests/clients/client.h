/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.h - what the PMIx test programs share.
 *
 * Each program is one task of a step.  It exits 0 only where everything that
 * it checks is true; otherwise it writes "rank R: sentence" on stderr and
 * exits with one of the statuses below.  Every program is bounded: after
 * --limit seconds (default 60) it says what it was doing and exits 3.
 *
 * Single-threaded apart from libpmix's own thread: call these functions from
 * main()'s thread only.  Where no status is returned a failure is fatal.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pmix.h>

#define CLIENT_FAILED 1 /* something checked was not true */
#define CLIENT_USAGE  2 /* wrong options */
#define CLIENT_STUCK  3 /* no end within --limit seconds */

#define PRINTF(a, b) __attribute__((format(printf, a, b)))

/* -- options ------------------------------------------------------------ */

typedef enum {
	OPT_FLAG,   /* bool * */
	OPT_NUMBER, /* long *, not negative */
	OPT_PAIR,   /* long[2], two arguments */
	OPT_TEXT    /* const char ** */
} option_type_t;

typedef struct {
	const char *name; /* with its dashes */
	option_type_t type;
	void *value; /* holds the default until the option is seen */
	const char *help;
} option_t;

/*
 * Parse the command line against TABLE (ended by a NULL name); --limit and
 * --help are added.  Exits with CLIENT_USAGE where it does not fit.
 */
void client_options(int argc, char **argv, const option_t *table);

/* -- life --------------------------------------------------------------- */

/* PMIx_Init; starts the clock of --limit. */
void client_init(void);
/* PMIx_Finalize, and the exit status: 0, or 1 after client_wrong(). */
int client_end(void);

pmix_rank_t client_rank(void);
uint32_t client_size(void);
/* The process RANK of the own namespace. */
pmix_proc_t client_proc(pmix_rank_t rank);

/* -- verdicts ----------------------------------------------------------- */

/* Say it and exit with CLIENT_FAILED, without PMIx_Finalize. */
void client_fail(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));
/* Say it and go on; client_end() will return CLIENT_FAILED. */
void client_wrong(const char *fmt, ...) PRINTF(1, 2);
/* client_fail() unless RC is PMIX_SUCCESS; the status is added. */
void client_check(pmix_status_t rc, const char *fmt, ...) PRINTF(2, 3);
/* What is told if --limit is reached; kept until the next call. */
void client_doing(const char *fmt, ...) PRINTF(1, 2);

/* -- time, environment -------------------------------------------------- */

/* CLOCK_MONOTONIC: the same for all "nodes" of one machine. */
int64_t now_us(void);
void sleep_ms(long ms);
/* A variable that Slurm gives to each task; fatal where it is missing. */
const char *slurm_text(const char *name);
long slurm_number(const char *name);

/* -- data --------------------------------------------------------------- */

/* Bytes that depend on WHO, on WHICH and on the position. */
void pattern_fill(void *buf, size_t len, uint32_t who, uint32_t which);
bool pattern_holds(const void *buf, size_t len, uint32_t who, uint32_t which);

void put_bytes(pmix_scope_t scope, const char *key, const void *buf,
	       size_t len);
void put_commit(void);

/*
 * PMIx_Get of a byte object of RANK.  FLAG is a boolean directive such as
 * PMIX_IMMEDIATE ("not from another node, now"), or NULL.  On success the
 * value in *VALUE is released with PMIX_VALUE_RELEASE and *BO points into it.
 */
pmix_status_t get_bytes(pmix_rank_t rank, const char *key, const char *flag,
			pmix_value_t **value, pmix_byte_object_t *bo);
/* Likewise, fatal unless it comes and has LEN bytes, which go to BUF. */
void need_bytes(pmix_rank_t rank, const char *key, const char *flag, void *buf,
		size_t len);

/* PMIx_Fence over PROCS (NULL, 0: the whole namespace). */
pmix_status_t fence_procs(const pmix_proc_t *procs, size_t nprocs,
			  bool collect);
/* The same over the namespace; fatal where it fails. */
void fence_all(bool collect);

/* -- where everybody runs ----------------------------------------------- */

#define PLACE_NAME_MAX 256

/* What the task RANK knows of itself from Slurm's environment. */
typedef struct {
	uint32_t rank;
	uint32_t node_id;
	uint32_t local_id;
	char node[PLACE_NAME_MAX]; /* SLURMD_NODENAME */
	char host[PLACE_NAME_MAX]; /* gethostname() */
} place_t;

/*
 * Tell everybody one's place and learn all others' (put, fence with data):
 * an array of client_size() places by rank, kept until the program ends.
 */
const place_t *places_exchange(void);
uint32_t places_nodes(const place_t *places); /* 1 + highest node id */

/* -- pmix_value_t and pmix_info_t --------------------------------------- */

/* Any integer type, a rank included.  False for other types. */
bool value_number(const pmix_value_t *value, uint64_t *number);
/* Is NAME one of the names in LIST, which commas separate? */
bool list_has(const char *list, const char *name);
/* The entry KEY, or NULL. */
const pmix_info_t *info_find(const pmix_info_t *info, size_t ninfo,
			     const char *key);
/* "PMIX_ERR_... (-47)" in a static buffer of four, for one sentence. */
const char *status_text(pmix_status_t rc);
/*
 * A status' name as PMIx_Error_string() of OpenPMIx 4 has it, for tests to
 * read; from 5 on its names are those of the constants.
 */
const char *status_name(pmix_status_t rc);

#endif
