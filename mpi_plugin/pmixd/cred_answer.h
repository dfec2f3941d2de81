/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_answer.h - the info arrays that go back with credentials and
 * validations.  Release them with PMIX_DATA_ARRAY_DESTRUCT.
 *
 * doc/credential-format.md lists what each answer has and what of it is
 * proven.
 */
#ifndef PMIXD_CRED_ANSWER_H
#define PMIXD_CRED_ANSWER_H

#include <pmix_common.h>

#include "cred_facts.h"

/*
 * Keys of ours in answers, where PMIx has none.  The others: PMIX_CRED_TYPE,
 * PMIX_USERID, PMIX_GRPID, PMIX_NSPACE, PMIX_RANK, PMIX_JOBID ("12.0"),
 * PMIX_HOSTNAME (Slurm's name of the node).
 */
#define PSEC_KEY_ISSUER	  "psec.issuer"	  /* (char *) cluster/node/service */
#define PSEC_KEY_CLUSTER  "psec.cluster"  /* (char *) */
#define PSEC_KEY_JOB	  "psec.job"	  /* (uint32_t) */
#define PSEC_KEY_STEP	  "psec.step"	  /* (uint32_t) */
#define PSEC_KEY_ID	  "psec.id"	  /* (char *) unique */
#define PSEC_KEY_ISSUED	  "psec.issued"	  /* (int64_t) s since the epoch */
#define PSEC_KEY_EXPIRES  "psec.expires"  /* (int64_t) likewise */
#define PSEC_KEY_LIFETIME "psec.lifetime" /* (uint32_t) s, at most */
#define PSEC_KEY_FOR_UID  "psec.for_uid"  /* (uint32_t) who may validate */
#define PSEC_KEY_FOR_GID  "psec.for_gid"  /* (uint32_t) likewise */

/* (char *) Which keys of this answer are proven, and which only stated. */
#define PSEC_KEY_PROVEN "psec.proven"
#define PSEC_KEY_STATED "psec.stated"

/* (bool) Does the job run, and is it that uid's?  See job_check.h. */
#define PSEC_KEY_JOB_OK "psec.job_confirmed"

/* With a credential of TYPE that was made with CLAIMS. */
pmix_status_t cred_answer_made(const char *type, const claims_t *claims,
			       uint32_t lifetime_s, pmix_data_array_t *out);

/* With a credential that was accepted. */
pmix_status_t cred_answer_valid(const cred_facts_t *facts,
				pmix_data_array_t *out);

#endif
