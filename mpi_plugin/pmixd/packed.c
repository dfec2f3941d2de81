/* SPDX-License-Identifier: BSD-3-Clause */
/* packed.c - see packed.h. */
#include "packed.h"

#include <stdlib.h>
#include <string.h>

pmix_status_t packed_make(const void *src, int32_t n, pmix_data_type_t type,
			  pmix_byte_object_t *out)
{
	pmix_data_buffer_t buffer;
	pmix_status_t rc;

	PMIX_BYTE_OBJECT_CONSTRUCT(out);
	PMIX_DATA_BUFFER_CONSTRUCT(&buffer);
	rc = PMIx_Data_pack(NULL, &buffer, (void *)(uintptr_t)src, n, type);
	if (rc == PMIX_SUCCESS)
		rc = PMIx_Data_unload(&buffer, out);
	PMIX_DATA_BUFFER_DESTRUCT(&buffer);
	return rc;
}

pmix_status_t packed_read(const void *bytes, size_t len, void *dest, int32_t n,
			  pmix_data_type_t type)
{
	pmix_byte_object_t copy = { malloc(len ? len : 1), len };
	pmix_data_buffer_t buffer;
	int32_t read = n;
	pmix_status_t rc;

	if (!copy.bytes)
		return PMIX_ERR_NOMEM;
	memcpy(copy.bytes, bytes, len);
	PMIX_DATA_BUFFER_CONSTRUCT(&buffer);
	rc = PMIx_Data_load(&buffer, &copy);
	if (rc == PMIX_SUCCESS)
		rc = PMIx_Data_unpack(NULL, &buffer, dest, &read, type);
	PMIX_BYTE_OBJECT_DESTRUCT(&copy);
	PMIX_DATA_BUFFER_DESTRUCT(&buffer);
	if (rc == PMIX_SUCCESS && read != n)
		rc = PMIX_ERR_UNPACK_FAILURE;
	return rc;
}
