/* SPDX-License-Identifier: BSD-3-Clause */
/* publish.c - see publish.h.  Upcalls run on libpmix's progress thread. */
#include "publish.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "packed.h"
#include "pmixd.h"
#include "progress.h"
#include "publish_net.h"

#define KEYS_MAX 65536

/* What the caller wants besides data. */
typedef struct {
	int range, persist;
	bool wait;
	int need;      /* with WAIT: how many keys; 0: all */
	int timeout_s; /* 0: none */
} directives_t;

/* PMIx_Publish or PMIx_Unpublish that is not answered yet. */
typedef struct {
	progress_call_t call;
	publish_ask_t ask;
	deadline_t timeout;
	pmix_op_cbfunc_t cbfunc;
	void *cbdata;
	pmix_status_t status;
} op_t;

/* One key of a PMIx_Lookup, and what was found. */
typedef struct {
	publish_ask_t ask;
	struct lookup *of;
	char *key;
	pmix_nspace_t nspace;
	uint32_t rank;
	uint8_t *value;
	size_t len;
} wanted_t;

typedef struct lookup {
	progress_call_t call;
	deadline_t timeout;
	pmix_lookup_cbfunc_t cbfunc;
	void *cbdata;
	size_t n, need, open, found;
	pmix_status_t why; /* a key was not found */
	bool starting;	   /* all keys are not being looked for yet */
	wanted_t keys[];
} lookup_t;

/* -- directives ----------------------------------------------------------- */

/* Some clients send plain integers. */
static pmix_status_t number_of(const pmix_value_t *v, int *out)
{
	pmix_status_t rc = PMIX_SUCCESS;

	if (v->type == PMIX_DATA_RANGE)
		*out = v->data.range;
	else if (v->type == PMIX_PERSIST)
		*out = v->data.persist;
	else
		PMIX_VALUE_GET_NUMBER(rc, v, *out, int);
	return rc == PMIX_SUCCESS ? rc : PMIX_ERR_BAD_PARAM;
}

static pmix_status_t read_wait(const pmix_value_t *v, directives_t *d)
{
	d->wait = true;
	d->need = 0;
	if (v->type == PMIX_UNDEF)
		return PMIX_SUCCESS;
	if (v->type == PMIX_BOOL) {
		d->wait = v->data.flag;
		return PMIX_SUCCESS;
	}
	return number_of(v, &d->need);
}

static bool is_reserved(const char *key)
{
	return !strncmp(key, "pmix.", 5);
}

static pmix_status_t read_directive(const pmix_info_t *info, directives_t *d)
{
	if (PMIX_CHECK_KEY(info, PMIX_RANGE))
		return number_of(&info->value, &d->range);
	if (PMIX_CHECK_KEY(info, PMIX_PERSISTENCE))
		return number_of(&info->value, &d->persist);
	if (PMIX_CHECK_KEY(info, PMIX_TIMEOUT))
		return number_of(&info->value, &d->timeout_s);
	if (PMIX_CHECK_KEY(info, PMIX_WAIT))
		return read_wait(&info->value, d);
	return is_reserved(info->key) && PMIX_INFO_IS_REQUIRED(info)
		       ? PMIX_ERR_NOT_SUPPORTED
		       : PMIX_SUCCESS;
}

static pmix_status_t read_directives(const pmix_info_t info[], size_t ninfo,
				     directives_t *d)
{
	pmix_status_t rc = PMIX_SUCCESS;

	for (size_t i = 0; i < ninfo && rc == PMIX_SUCCESS; i++)
		rc = read_directive(&info[i], d);
	if (rc != PMIX_SUCCESS)
		return rc;
	/* Of the first, no process is told; lists of processes are not kept. */
	if (d->range == PMIX_RANGE_RM || d->range == PMIX_RANGE_CUSTOM)
		return PMIX_ERR_NOT_SUPPORTED;
	if (d->range < 0 || d->range > PMIX_RANGE_PROC_LOCAL ||
	    d->persist < 0 || d->persist > PMIX_PERSIST_SESSION || d->need < 0)
		return PMIX_ERR_BAD_PARAM;
	return PMIX_SUCCESS;
}

static bool is_ours(const pmix_proc_t *proc)
{
	return PMIX_CHECK_NSPACE(proc->nspace, pmixd.nspace);
}

/* -- publish, unpublish --------------------------------------------------- */

static void op_answer(progress_call_t *call)
{
	op_t *op = (op_t *)call;

	op->cbfunc(op->status, op->cbdata);
	free(op);
}

static void op_done(publish_ask_t *ask, pmix_status_t status,
		    const publish_found_t *found)
{
	op_t *op = (op_t *)(void *)((char *)ask - offsetof(op_t, ask));

	op->status = status;
	deadline_clear(&op->timeout);
	progress_post(&op->call, op_answer);
}

static void op_timed_out(deadline_t *d)
{
	op_t *op = deadline_owner(d, op_t, timeout);

	publish_net_cancel(&op->ask);
	op_done(&op->ask, PMIX_ERR_TIMEOUT, NULL);
}

static pmix_status_t op_begin(uint8_t *msg, size_t len, int timeout_s,
			      pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	op_t *op = calloc(1, sizeof(*op));

	if (!op || !msg) {
		free(op);
		return PMIX_ERR_NOMEM;
	}
	op->cbfunc = cbfunc;
	op->cbdata = cbdata;
	op->ask.done = op_done;
	pthread_mutex_lock(&pmixd.lock);
	if (timeout_s > 0)
		deadline_set(&op->timeout, timeout_s * 1000LL, op_timed_out);
	publish_net_do(&op->ask, msg, len);
	pthread_mutex_unlock(&pmixd.lock);
	return PMIX_SUCCESS;
}

static pmix_status_t add_value(uint8_t **msg, size_t *len,
			       const pmix_info_t *info)
{
	pmix_byte_object_t bytes;
	pmix_status_t rc = packed_make(&info->value, 1, PMIX_VALUE, &bytes);

	if (rc == PMIX_SUCCESS &&
	    publish_msg_add(msg, len, info->key, bytes.bytes, bytes.size) != 0)
		rc = PMIX_ERR_NOMEM;
	PMIX_BYTE_OBJECT_DESTRUCT(&bytes);
	return rc;
}

pmix_status_t publish_upcall(const pmix_proc_t *proc, const pmix_info_t info[],
			     size_t ninfo, pmix_op_cbfunc_t cbfunc,
			     void *cbdata)
{
	directives_t d = { .range = PMIX_RANGE_SESSION,
			   .persist = PMIX_PERSIST_APP };
	pmix_status_t rc = read_directives(info, ninfo, &d);
	publish_msg_t m = { .kind = PUBLISH_PUT, .rank = proc->rank };
	size_t len, n = 0;
	uint8_t *msg;

	if (!is_ours(proc))
		return PMIX_ERR_NOT_SUPPORTED;
	if (rc != PMIX_SUCCESS)
		return rc;
	m.range = (uint8_t)(d.range ? d.range : PMIX_RANGE_SESSION);
	m.persist = (uint8_t)d.persist;
	msg = publish_msg_encode(&m, &len);
	for (size_t i = 0; i < ninfo && rc == PMIX_SUCCESS; i++)
		if (!is_reserved(info[i].key)) {
			rc = add_value(&msg, &len, &info[i]);
			n++;
		}
	if (rc == PMIX_SUCCESS && n == 0)
		rc = PMIX_ERR_BAD_PARAM;
	if (rc == PMIX_SUCCESS)
		rc = op_begin(msg, len, d.timeout_s, cbfunc, cbdata);
	free(msg);
	return rc;
}

pmix_status_t unpublish_upcall(const pmix_proc_t *proc, char **keys,
			       const pmix_info_t info[], size_t ninfo,
			       pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	/* Of whatever range, unless the caller says one. */
	directives_t d = { .range = PMIX_RANGE_UNDEF };
	pmix_status_t rc = read_directives(info, ninfo, &d);
	publish_msg_t m = { .kind = PUBLISH_REMOVE, .rank = proc->rank };
	uint8_t *msg;
	size_t len;

	if (!is_ours(proc))
		return PMIX_ERR_NOT_SUPPORTED;
	if (rc != PMIX_SUCCESS)
		return rc;
	m.range = (uint8_t)d.range;
	msg = publish_msg_encode(&m, &len);
	for (; keys && *keys; keys++)
		(void)publish_msg_add(&msg, &len, *keys, NULL, 0);
	rc = op_begin(msg, len, d.timeout_s, cbfunc, cbdata);
	free(msg);
	return rc;
}

/* -- lookup --------------------------------------------------------------- */

static void lookup_free(lookup_t *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->keys[i].key);
		free(l->keys[i].value);
	}
	free(l);
}

static pmix_status_t fill(pmix_pdata_t *to, const wanted_t *w)
{
	PMIX_LOAD_PROCID(&to->proc, w->nspace, w->rank);
	PMIX_LOAD_KEY(to->key, w->key);
	return packed_read(w->value, w->len, &to->value, 1, PMIX_VALUE);
}

/*
 * On the progress thread.  libpmix sends data with PMIX_SUCCESS only (up to
 * 5.0), so that is the status also where some of the keys are missing.
 */
static void lookup_answer(progress_call_t *call)
{
	lookup_t *l = (lookup_t *)call;
	pmix_status_t rc = l->why;
	pmix_pdata_t *data = NULL;
	size_t n = 0;

	if (rc == PMIX_SUCCESS) {
		PMIX_PDATA_CREATE(data, l->found);
		rc = data ? PMIX_SUCCESS : PMIX_ERR_NOMEM;
	}
	for (size_t i = 0; i < l->n && rc == PMIX_SUCCESS; i++)
		if (l->keys[i].value)
			rc = fill(&data[n++], &l->keys[i]);
	l->cbfunc(rc, rc == PMIX_SUCCESS ? data : NULL,
		  rc == PMIX_SUCCESS ? n : 0, l->cbdata);
	if (data)
		PMIX_PDATA_FREE(data, l->found);
	lookup_free(l);
}

static void lookup_finish(lookup_t *l, pmix_status_t status)
{
	for (size_t i = 0; i < l->n; i++)
		publish_net_cancel(&l->keys[i].ask);
	deadline_clear(&l->timeout);
	l->why = status;
	progress_post(&l->call, lookup_answer);
}

static void lookup_check(lookup_t *l)
{
	if (l->starting)
		return;
	if (l->found && (l->found >= l->need || !l->open))
		lookup_finish(l, PMIX_SUCCESS);
	else if (!l->open)
		lookup_finish(l, l->why);
}

/* False: no memory. */
static bool keep(wanted_t *w, const publish_found_t *found)
{
	w->value = malloc(found->len ? found->len : 1);
	if (!w->value)
		return false;
	memcpy(w->value, found->value, found->len);
	w->len = found->len;
	w->rank = found->rank;
	PMIX_LOAD_NSPACE(w->nspace, found->nspace);
	return true;
}

static void key_done(publish_ask_t *ask, pmix_status_t status,
		     const publish_found_t *found)
{
	wanted_t *w = (wanted_t *)ask;
	lookup_t *l = w->of;

	l->open--;
	if (!found)
		l->why = status;
	else if (keep(w, found))
		l->found++;
	else
		l->why = PMIX_ERR_NOMEM;
	lookup_check(l);
}

static void lookup_timed_out(deadline_t *d)
{
	lookup_finish(deadline_owner(d, lookup_t, timeout), PMIX_ERR_TIMEOUT);
}

static lookup_t *lookup_new(char **keys, size_t n)
{
	lookup_t *l = calloc(1, sizeof(*l) + n * sizeof(l->keys[0]));

	if (!l)
		return NULL;
	for (l->n = 0; l->n < n; l->n++) {
		wanted_t *w = &l->keys[l->n];

		w->of = l;
		w->key = strdup(keys[l->n]);
		if (!w->key) {
			lookup_free(l);
			return NULL;
		}
	}
	return l;
}

/* Who asks in our stead for tools, which are no rank: the first one here. */
static publish_proc_t asker_of(const pmix_proc_t *proc)
{
	publish_proc_t asker = { pmixd.nspace, pmixd.conf.ranks[0],
				 pmixd.conf.node };

	if (is_ours(proc))
		asker.rank = proc->rank;
	return asker;
}

static void lookup_begin(lookup_t *l, const pmix_proc_t *proc,
			 const directives_t *d)
{
	l->need = d->need && (size_t)d->need < l->n ? (size_t)d->need : l->n;
	l->open = l->n;
	l->starting = true;
	pthread_mutex_lock(&pmixd.lock);
	for (size_t i = 0; i < l->n; i++) {
		publish_ask_t *ask = &l->keys[i].ask;

		ask->done = key_done;
		ask->key = l->keys[i].key;
		ask->asker = asker_of(proc);
		ask->range = (uint8_t)d->range;
		ask->wait = d->wait;
		publish_net_find(ask);
	}
	if (d->timeout_s > 0)
		deadline_set(&l->timeout, d->timeout_s * 1000LL,
			     lookup_timed_out);
	l->starting = false;
	lookup_check(l);
	pthread_mutex_unlock(&pmixd.lock);
}

pmix_status_t lookup_upcall(const pmix_proc_t *proc, char **keys,
			    const pmix_info_t info[], size_t ninfo,
			    pmix_lookup_cbfunc_t cbfunc, void *cbdata)
{
	directives_t d = { .range = PMIX_RANGE_SESSION };
	pmix_status_t rc = read_directives(info, ninfo, &d);
	size_t n = 0;
	lookup_t *l;

	if (rc != PMIX_SUCCESS)
		return rc;
	for (; keys && keys[n]; n++)
		if (!keys[n][0] || strlen(keys[n]) > PUBLISH_KEY_MAX)
			return PMIX_ERR_BAD_PARAM;
	if (n == 0 || n > KEYS_MAX)
		return PMIX_ERR_BAD_PARAM;
	l = lookup_new(keys, n);
	if (!l)
		return PMIX_ERR_NOMEM;
	l->cbfunc = cbfunc;
	l->cbdata = cbdata;
	lookup_begin(l, proc, &d);
	return PMIX_SUCCESS;
}
