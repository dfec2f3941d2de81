/* SPDX-License-Identifier: BSD-3-Clause */
/* infolist.c - see infolist.h. */
#include "infolist.h"

infolist_t infolist_new(void)
{
	infolist_t l = { PMIx_Info_list_start(), PMIX_SUCCESS };

	if (!l.list)
		l.rc = PMIX_ERR_NOMEM;
	return l;
}

void infolist_add(infolist_t *l, const char *key, const void *value,
		  pmix_data_type_t type)
{
	if (l->rc == PMIX_SUCCESS)
		l->rc = PMIx_Info_list_add(l->list, key, value, type);
}

void infolist_u32(infolist_t *l, const char *key, uint32_t value)
{
	infolist_add(l, key, &value, PMIX_UINT32);
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
	pmix_status_t rc = l->rc;

	if (rc == PMIX_SUCCESS)
		rc = PMIx_Info_list_convert(l->list, out);
	if (l->list)
		PMIx_Info_list_release(l->list);
	l->list = NULL;
	return rc;
}
