/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_answer.h - the info arrays that go back with credentials and
 * validations.  Release them with PMIX_DATA_ARRAY_DESTRUCT.
 */
#ifndef PMIXD_CRED_ANSWER_H
#define PMIXD_CRED_ANSWER_H

#include <pmix_common.h>

#include "cred_facts.h"

/*
 * Keys of ours in answers, where PMIx has none.  The others: PMIX_CRED_TYPE,
 * PMIX_USERID, PMIX_GRPID, PMIX_NSPACE, PMIX_RANK, PMIX_JOBID, PMIX_HOSTNAME.
 */
#define PSEC_KEY_ISSUER	 "psec.issuer"	/* (char *) cluster/node/service */
#define PSEC_KEY_ISSUED	 "psec.issued"	/* (int64_t) seconds */
#define PSEC_KEY_EXPIRES "psec.expires" /* (int64_t) seconds */
#define PSEC_KEY_ID	 "psec.id"	/* (char *) unique */
#define PSEC_KEY_CLUSTER "psec.cluster" /* (char *) */

/* With a credential that was made on behalf of CLAIMS. */
pmix_status_t cred_answer_made(const char *type, const claims_t *claims,
			       pmix_data_array_t *out);

/* With a credential that was accepted. */
pmix_status_t cred_answer_valid(const cred_facts_t *facts,
				pmix_data_array_t *out);

#endif
