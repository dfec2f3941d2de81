/* SPDX-License-Identifier: BSD-3-Clause */
/* cred.c - see cred.h. */
#include "cred.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

/* One lock for all requests: there is one thread that answers. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;

/* libpmix frees the array when the callback returns: keep a copy. */
static void keep_info(cred_t *cred, const pmix_info_t *info, size_t ninfo)
{
	size_t i;

	if (!info || ninfo == 0)
		return;
	PMIX_INFO_CREATE(cred->info, ninfo);
	if (!cred->info)
		return;
	cred->ninfo = ninfo;
	for (i = 0; i < ninfo; i++)
		PMIX_INFO_XFER(&cred->info[i], &info[i]);
}

/* Only the first answer counts; the others are counted. */
static bool first_answer(cred_t *cred, pmix_status_t status)
{
	if (cred->answers > 0)
		return false;
	cred->end_us = now_us();
	cred->status = status;
	return true;
}

static void last_word(cred_t *cred)
{
	cred->answers++;
	(void)pthread_cond_broadcast(&answered);
	(void)pthread_mutex_unlock(&lock);
}

static void on_credential(pmix_status_t status, pmix_byte_object_t *bo,
			  pmix_info_t info[], size_t ninfo, void *cbdata)
{
	cred_t *cred = cbdata;

	(void)pthread_mutex_lock(&lock);
	if (first_answer(cred, status)) {
		if (bo && bo->bytes) {
			cred->blob = calloc(1, bo->size + 1);
			if (cred->blob) {
				memcpy(cred->blob, bo->bytes, bo->size);
				cred->len = bo->size;
			}
		}
		keep_info(cred, info, ninfo);
	}
	last_word(cred);
}

static void on_validation(pmix_status_t status, pmix_info_t info[],
			  size_t ninfo, void *cbdata)
{
	cred_t *cred = cbdata;

	(void)pthread_mutex_lock(&lock);
	if (first_answer(cred, status))
		keep_info(cred, info, ninfo);
	last_word(cred);
}

static void begin(cred_t *cred)
{
	memset(cred, 0, sizeof(*cred));
	cred->begin_us = now_us();
}

/* By the Standard no callback follows an error returned at once. */
static void refused(cred_t *cred, pmix_status_t rc)
{
	if (rc == PMIX_SUCCESS)
		return;
	(void)pthread_mutex_lock(&lock);
	(void)first_answer(cred, rc);
	last_word(cred);
}

static const char *default_type;

void cred_of_type(const char *type)
{
	default_type = type;
}

void cred_get_begin(cred_t *cred, const pmix_info_t *dirs, size_t ndirs)
{
	pmix_info_t info;

	PMIX_INFO_CONSTRUCT(&info);
	if (ndirs == 0 && default_type) {
		PMIX_INFO_LOAD(&info, PMIX_CRED_TYPE, default_type,
			       PMIX_STRING);
		dirs = &info;
		ndirs = 1;
	}
	begin(cred);
	/* It packs the directives before it returns. */
	refused(cred, PMIx_Get_credential_nb(dirs, ndirs, on_credential, cred));
	PMIX_INFO_DESTRUCT(&info);
}

void cred_validate_begin(cred_t *cred, const void *blob, size_t len,
			 const pmix_info_t *dirs, size_t ndirs)
{
	/* libpmix only reads it; its type has no const. */
	pmix_byte_object_t bo = { (char *)(uintptr_t)blob, len };

	begin(cred);
	refused(cred, PMIx_Validate_credential_nb(&bo, dirs, ndirs,
						  on_validation, cred));
}

void cred_wait(cred_t *cred, size_t count)
{
	size_t i;

	(void)pthread_mutex_lock(&lock);
	for (i = 0; i < count; i++)
		while (cred[i].answers == 0)
			(void)pthread_cond_wait(&answered, &lock);
	(void)pthread_mutex_unlock(&lock);
}

unsigned cred_answers(const cred_t *cred)
{
	unsigned answers;

	(void)pthread_mutex_lock(&lock);
	answers = cred->answers;
	(void)pthread_mutex_unlock(&lock);
	return answers;
}

int64_t cred_us(const cred_t *cred)
{
	return cred->end_us - cred->begin_us;
}

pmix_status_t cred_get(cred_t *cred, const pmix_info_t *dirs, size_t ndirs)
{
	cred_get_begin(cred, dirs, ndirs);
	cred_wait(cred, 1);
	return cred->status;
}

pmix_status_t cred_validate(cred_t *cred, const void *blob, size_t len,
			    const pmix_info_t *dirs, size_t ndirs)
{
	cred_validate_begin(cred, blob, len, dirs, ndirs);
	cred_wait(cred, 1);
	return cred->status;
}

void cred_clear(cred_t *cred)
{
	free(cred->blob);
	if (cred->info)
		PMIX_INFO_FREE(cred->info, cred->ninfo);
	memset(cred, 0, sizeof(*cred));
}
