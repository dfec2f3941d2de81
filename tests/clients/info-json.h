/* SPDX-License-Identifier: BSD-3-Clause */
/* info-json.h - everything that the server has registered, as JSON. */
#ifndef INFO_JSON_H
#define INFO_JSON_H

#include "client.h"

/*
 * Print one line: an object with the realms "session", "job", "nodes" (by
 * name), "apps" and "procs" (arrays by number), and what is registered for
 * the own rank only ("self"), each an object with the attributes that were
 * found, under their names in the standard without "PMIX_".
 */
void info_json(const place_t *places);

#endif
