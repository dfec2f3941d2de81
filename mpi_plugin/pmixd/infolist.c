/* SPDX-License-Identifier: BSD-3-Clause */
/* infolist.c - see infolist.h. */
#include <stdlib.h>

#include "infolist.h"

#define ROOM 32 /* at first; most lists never need more */

infolist_t infolist_new(void)
{
	infolist_t l = { NULL, 0, 0, PMIX_SUCCESS };

	return l;
}

/* Room for one more.  libpmix's own lists copy everything twice. */
static pmix_status_t make_room(infolist_t *l)
{
	size_t room = l->room ? 2 * l->room : ROOM;
	pmix_status_t rc = PMIX_SUCCESS;
	pmix_info_t *infos;

	if (l->n < l->room)
		return PMIX_SUCCESS;
	PMIX_INFO_CREATE(infos, room);
	if (!infos)
		return PMIX_ERR_NOMEM;
	for (size_t i = 0; i < l->n && rc == PMIX_SUCCESS; i++)
		rc = PMIx_Info_xfer(&infos[i], &l->infos[i]);
	if (l->infos)
		PMIX_INFO_FREE(l->infos, l->n);
	l->infos = infos;
	l->room = room;
	return rc;
}

void infolist_add(infolist_t *l, const char *key, const void *value,
		  pmix_data_type_t type)
{
	if (l->rc == PMIX_SUCCESS)
		l->rc = make_room(l);
	if (l->rc == PMIX_SUCCESS)
		l->rc = PMIx_Info_load(&l->infos[l->n], key, value, type);
	if (l->rc == PMIX_SUCCESS)
		l->n++;
}

void infolist_u32(infolist_t *l, const char *key, uint32_t value)
{
	infolist_add(l, key, &value, PMIX_UINT32);
}

void infolist_u64(infolist_t *l, const char *key, uint64_t value)
{
	infolist_add(l, key, &value, PMIX_UINT64);
}

void infolist_u16(infolist_t *l, const char *key, uint16_t value)
{
	infolist_add(l, key, &value, PMIX_UINT16);
}

void infolist_bool(infolist_t *l, const char *key, bool value)
{
	infolist_add(l, key, &value, PMIX_BOOL);
}

void infolist_string(infolist_t *l, const char *key, const char *value)
{
	infolist_add(l, key, value, PMIX_STRING);
}

void infolist_rank(infolist_t *l, const char *key, pmix_rank_t value)
{
	infolist_add(l, key, &value, PMIX_PROC_RANK);
}

void infolist_take_string(infolist_t *l, const char *key, char *value)
{
	if (value)
		infolist_string(l, key, value);
	else if (l->rc == PMIX_SUCCESS)
		l->rc = PMIX_ERR_NOMEM;
	free(value);
}

void infolist_procs(infolist_t *l, const char *key, const char *nspace,
		    const uint32_t *ranks, uint32_t n)
{
	pmix_data_array_t array;
	pmix_proc_t *procs;

	PMIX_DATA_ARRAY_CONSTRUCT(&array, n, PMIX_PROC);
	procs = array.array;
	if (procs) {
		for (uint32_t i = 0; i < n; i++)
			PMIX_LOAD_PROCID(&procs[i], nspace, ranks[i]);
		infolist_add(l, key, &array, PMIX_DATA_ARRAY);
	} else if (n && l->rc == PMIX_SUCCESS) {
		l->rc = PMIX_ERR_NOMEM;
	}
	PMIX_DATA_ARRAY_DESTRUCT(&array);
}

void infolist_array(infolist_t *l, const char *key, infolist_t *inner)
{
	pmix_data_array_t array;
	pmix_status_t rc = infolist_take(inner, &array);

	if (l->rc == PMIX_SUCCESS)
		l->rc = rc;
	infolist_add(l, key, &array, PMIX_DATA_ARRAY);
	if (rc == PMIX_SUCCESS)
		PMIX_DATA_ARRAY_DESTRUCT(&array);
}

pmix_status_t infolist_take(infolist_t *l, pmix_data_array_t *out)
{
	pmix_info_t *infos = l->infos;

	l->infos = NULL;
	if (l->rc == PMIX_SUCCESS && !l->n)
		l->rc = PMIX_ERR_EMPTY;
	if (l->rc != PMIX_SUCCESS) {
		if (infos)
			PMIX_INFO_FREE(infos, l->n);
		return l->rc;
	}
	out->type = PMIX_INFO;
	out->size = l->n;
	out->array = infos;
	return PMIX_SUCCESS;
}
