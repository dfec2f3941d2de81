/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host.h - the table of upcalls that makes us libpmix's host (PMIx standard,
 * "Server-specific interfaces").  What is not in it libpmix refuses with
 * PMIX_ERR_NOT_SUPPORTED.
 */
#ifndef PMIXD_HOST_H
#define PMIXD_HOST_H

#include <pmix_server.h>

extern pmix_server_module_t host_module;

#endif
