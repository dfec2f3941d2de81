/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec.h - security mechanisms for PMIx on Slurm (the PSEC framework).
 *
 * A context loads mechanisms ("munge", "native", "none" and third parties')
 * as plugins, selects one among those that a list such as PMIX_SECURITY_MODE
 * names, makes and validates credentials with it, and authenticates the two
 * ends of a stream socket to each other.
 *
 * Sources: RFC0011 "Refactor Security Support" (selection), RFC0024 "Security
 * Credential Transactions" (credentials), munge(3).
 *
 * Threads: every function may be called by any number of threads at once,
 * also on the same context once psec_create() has returned; psec_destroy()
 * must be the last call on a context.  A handshake belongs to one thread at a
 * time.  No function keeps a pointer to its arguments after it returns,
 * unless it says so.
 *
 * Errors: every function that can fail returns a psec_code_t and, where the
 * caller passes a psec_error_t (it may be NULL), writes a sentence that names
 * what was refused and why.  Out parameters are written on success only.
 */
#ifndef PSEC_H
#define PSEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What went wrong.  The values are part of the ABI and fit an exit status. */
typedef enum {
	PSEC_OK = 0,
	PSEC_ERR_ARG = 1,	   /* the caller passed something impossible */
	PSEC_ERR_NOMEM = 2,	   /* out of memory */
	PSEC_ERR_NO_MECH = 3,	   /* no such mechanism, or none in common */
	PSEC_ERR_UNAVAILABLE = 4,  /* the mechanism's service does not answer */
	PSEC_ERR_MALFORMED = 5,	   /* not a credential or message at all */
	PSEC_ERR_TAMPERED = 6,	   /* a credential that was altered or forged */
	PSEC_ERR_EXPIRED = 7,	   /* its lifetime is over */
	PSEC_ERR_EARLY = 8,	   /* issued in the future: clocks differ */
	PSEC_ERR_REPLAYED = 9,	   /* validated on this node before */
	PSEC_ERR_NOT_FOR_YOU = 10, /* restricted to another uid or gid */
	PSEC_ERR_MISMATCH = 11,	   /* valid, but not what was expected */
	PSEC_ERR_TOO_BIG = 12,	   /* longer than a limit of this header */
	PSEC_ERR_PROTOCOL = 13,	   /* the peer broke the handshake protocol */
	PSEC_ERR_TIMEOUT = 14,	   /* the deadline passed */
	PSEC_ERR_IO = 15,	   /* a system call failed; or the peer left */
	PSEC_ERR_PLUGIN = 16,	   /* a mechanism's plugin cannot be loaded */
} psec_code_t;

#define PSEC_ERROR_TEXT_MAX 384

/* A code and its sentence.  Owned by the caller; no need to initialise it. */
typedef struct {
	psec_code_t code;
	char text[PSEC_ERROR_TEXT_MAX];
} psec_error_t;

/* A short name of a code ("replayed", ...); static, never NULL. */
const char *psec_strcode(psec_code_t code);

/* Limits.  Longer input is refused with PSEC_ERR_TOO_BIG or _MALFORMED. */
#define PSEC_NAME_MAX	 32	     /* bytes in a mechanism's name */
#define PSEC_LIST_MAX	 1024	     /* bytes in a list of mechanisms */
#define PSEC_PAYLOAD_MAX (16 * 1024) /* bytes of payload in a credential */
#define PSEC_CRED_MAX	 (64 * 1024) /* bytes in a credential */

/*
 * Lists of mechanisms: names separated by commas, as in PMIX_SECURITY_MODE.
 * Blanks and tabs around a name and empty entries are skipped; names are
 * compared whole and case counts; a name that comes again counts once; the
 * order says nothing.  A list has at most PSEC_LIST_MAX bytes.  Functions that
 * only look for a name in a list skip entries that could be no name;
 * psec_list_filter(), psec_server_list() and psec_create() refuse them.
 */

/* Is NAME one of LIST's names?  False for an overlong list. */
bool psec_list_has(const char *list, const char *name);

/*
 * Write into OUT (SIZE bytes) the names of LIST that FILTER has too, in
 * LIST's order, without blanks or repetitions.  FILTER NULL keeps all.
 * PSEC_ERR_TOO_BIG where a list is overlong or OUT too small;
 * PSEC_ERR_MALFORMED where a name in either list has other characters than
 * a-z A-Z 0-9 _ - or is overlong.  An empty result is no error.
 */
psec_code_t psec_list_filter(const char *list, const char *filter, char *out,
			     size_t size, psec_error_t *err);

/* -- context ------------------------------------------------------------ */

typedef struct psec psec_t;

#define PSEC_KEY_LEN 32

/*
 * Give the key of native's credentials: PSEC_KEY_LEN secret bytes that only
 * those have who may make and accept each other's, all of one uid.  PSEC_OK,
 * or a code and a sentence in ERR, which may be NULL.  Called by any thread
 * that makes or validates a credential; may block as long as they may.  The
 * mechanism keeps no copy.
 */
typedef psec_code_t (*psec_key_fn)(void *arg, uint8_t key[PSEC_KEY_LEN],
				   psec_error_t *err);

typedef struct {
	size_t size; /* sizeof(psec_options_t), for later additions */
	const char *plugin_dir;	  /* absolute path without '$'; NULL: as fixed
				     at build time */
	const char *mechs;	  /* list to load; NULL: "munge,native" */
	const char *munge_socket; /* NULL: munge's default */
	const char *priorities;	  /* in place of the plugins' own, such as
				     "native=90,munge=80"; NULL: none */
	bool site; /* this context is made on the site's behalf: see below */
	psec_key_fn native_key; /* NULL: native makes no credentials */
	void *native_key_arg;
} psec_options_t;

#define PSEC_OPTIONS_INIT                                                      \
	{                                                                      \
		sizeof(psec_options_t), NULL, NULL, NULL, NULL, false, NULL,   \
			NULL                                                   \
	}

/*
 * Make a context and load the mechanisms that OPT names (NULL: defaults).
 * A mechanism that cannot be loaded (no plugin, no library, another
 * interface or name) is no error here: it stays listed and says why when
 * probed.  Returns PSEC_ERR_ARG for options that are malformed,
 * PSEC_ERR_NOMEM.  Release *PSEC with psec_destroy().
 *
 * OPT->site: a plugin is code that runs with this process's rights.  Where
 * the site answers for what is loaded, and not the user who runs it, a plugin
 * is not loaded if others than root could have changed it: if it, its folder
 * or any folder that leads there, also by a symbolic link, belongs to another
 * uid than 0 or can be written by group or others.  A sticky bit does not
 * help.  The sentence names the folder or file, its owner and mode.
 */
psec_code_t psec_create(psec_t **psec, const psec_options_t *opt,
			psec_error_t *err);
/* NULL is allowed.  Keeps errno. */
void psec_destroy(psec_t *psec);

/* -- mechanisms --------------------------------------------------------- */

typedef struct {
	const char *name;   /* valid as long as the context */
	int priority;	    /* higher wins; munge 80, native 10, none 0, or
			       what psec_options_t.priorities says;
			       -1: could not be loaded, is never selected */
	const char *proves; /* what it proves, in a phrase for people; valid
			       as long as the context */
} psec_mech_info_t;

#define PSEC_PRIORITY_MAX 100000

/*
 * Are PRIORITIES as psec_options_t.priorities must be?  Entries NAME=NUMBER
 * separated by commas, blanks and empty entries as in lists; a number from 0
 * to PSEC_PRIORITY_MAX; each name once; at most PSEC_LIST_MAX bytes.  A name
 * that no context has is allowed.  PSEC_ERR_ARG: they are not, and ERR says
 * what is wrong.
 */
psec_code_t psec_priorities_check(const char *priorities, psec_error_t *err);

/*
 * The context's mechanisms, highest priority first, in the order of the list
 * to load where it is equal, those that could not be loaded last.  False past
 * the last.
 */
bool psec_mech_get(const psec_t *psec, size_t index, psec_mech_info_t *info);

/*
 * Does mechanism NAME work here and now?  If not, ERR says why ("no socket at
 * ...: is munged running?", "libmunge is not installed: ...").
 * PSEC_ERR_PLUGIN: it could not be loaded; PSEC_ERR_NO_MECH: the context was
 * made without it.  May block in the mechanism's service: with munge for 2 s
 * where nobody listens on the socket, for 10 s where munged hangs.
 */
psec_code_t psec_mech_probe(psec_t *psec, const char *name, psec_error_t *err);

/*
 * RFC0011, the server's side: what to put into PMIX_SECURITY_MODE.  Writes
 * into OUT (SIZE bytes) the names that ALLOWED has, that this context has
 * loaded and that work here and now, best priority first.  ALLOWED NULL: all
 * that the context has.  PSEC_ERR_NO_MECH: nothing would be left; the
 * sentence says why not even the best of them works.  PSEC_ERR_TOO_BIG and
 * _MALFORMED as in psec_list_filter().  Blocks as psec_mech_probe() does, for
 * each of them.
 */
psec_code_t psec_server_list(psec_t *psec, const char *allowed, char *out,
			     size_t size, psec_error_t *err);

/*
 * RFC0011, the client's side: the name of the highest priority mechanism that
 * LIST, the server's, names and this context has loaded.  Names that it has
 * not are skipped, whatever characters they have.  *NAME is valid as long as
 * the context.  PSEC_ERR_NO_MECH: the sentence shows both lists.
 * PSEC_ERR_TOO_BIG: the list is overlong.
 */
psec_code_t psec_select(const psec_t *psec, const char *list, const char **name,
			psec_error_t *err);

/*
 * The uid of the process at the other end of the connected socket FD, by the
 * kernel's word: for a unix socket who connected it, listened on it or made
 * the pair (SO_PEERCRED); for TCP over loopback who owns the peer's socket,
 * that is, made or accepted it.  PSEC_ERR_UNAVAILABLE for any other
 * connection, and for TCP where no process has the peer's socket: it was
 * closed, or its server has not accepted it yet.  So 0 is always root.  In a
 * user namespace a uid that has no name there shows as the kernel's overflow
 * uid, mostly 65534.  FD must be of the
 * caller's network namespace.  Any thread; does not block.
 */
psec_code_t psec_peer_uid(int fd, uid_t *uid, psec_error_t *err);

/* -- credentials -------------------------------------------------------- */

typedef struct {
	size_t size;	     /* sizeof(psec_cred_request_t) */
	const void *payload; /* bytes to protect; may be NULL */
	size_t payload_len;
	int ttl_s;     /* lifetime in seconds; 0: the service's default */
	uid_t for_uid; /* who may validate; (uid_t)-1: anybody */
	gid_t for_gid; /* likewise; (gid_t)-1: anybody */
} psec_cred_request_t;

#define PSEC_CRED_REQUEST_INIT                                                 \
	{                                                                      \
		sizeof(psec_cred_request_t), NULL, 0, 0, (uid_t)-1, (gid_t)-1  \
	}

/*
 * Make a credential of the calling process's effective uid and gid (never of
 * another's) with mechanism MECH.  *CRED is a malloc()ed blob of *LEN bytes
 * with a NUL after its end that *LEN does not count; free() it.  May block in
 * the service.  PSEC_ERR_ARG or _TOO_BIG for a request that is impossible,
 * PSEC_ERR_UNAVAILABLE where the service does not answer, or MECH makes no
 * credentials; PSEC_ERR_PLUGIN and _NO_MECH as in psec_mech_probe().
 */
psec_code_t psec_cred_create(psec_t *psec, const char *mech,
			     const psec_cred_request_t *req, void **cred,
			     size_t *len, psec_error_t *err);

typedef struct {
	uid_t uid;	   /* proven by the mechanism */
	gid_t gid;	   /* likewise; (gid_t)-1: it does not prove it */
	int64_t issued_s;  /* seconds since the epoch, by the issuer's clock */
	int64_t expires_s; /* likewise; 0: it does not expire */
	uint8_t *payload;  /* as given to psec_cred_create(); NUL follows */
	size_t payload_len;
	uid_t for_uid; /* as given to psec_cred_create() */
	gid_t for_gid; /* likewise */
} psec_cred_info_t;

/*
 * Validate the LEN bytes at CRED, which may come from anywhere, with
 * mechanism MECH.  Every failure has its own code (TAMPERED, EXPIRED, EARLY,
 * REPLAYED, NOT_FOR_YOU, MALFORMED, TOO_BIG, UNAVAILABLE).  One terminating
 * NUL may be counted in LEN.  Release *INFO with psec_cred_info_destroy().
 * May block in the service.
 */
psec_code_t psec_cred_validate(psec_t *psec, const char *mech, const void *cred,
			       size_t len, psec_cred_info_t **info,
			       psec_error_t *err);
/* NULL is allowed.  Wipes the payload.  Keeps errno. */
void psec_cred_info_destroy(psec_cred_info_t *info);

/* -- handshake ---------------------------------------------------------- */

/*
 * Two ends of a connection prove to each other who they are.  The object
 * below does no input or output: bytes go in and come out, so that it runs
 * in an event loop; only psec_handshake_work() may block (in the mechanism's
 * service), and may run in another thread.  psec_handshake_run() does it all
 * on a blocking or non-blocking socket.  The messages are described in
 * doc/handshake-format.md.
 */
typedef struct psec_handshake psec_handshake_t;

/*
 * RFC0011's ways to a server, which differ in who chooses the mechanism.  The
 * values are the wire's.
 */
typedef enum {
	PSEC_CLIENT = 1, /* has the server's list: names its own best of it */
	PSEC_SERVER = 2,
	PSEC_TOOL = 3,	/* has no list: sends its own, the server picks */
	PSEC_LEGACY = 4 /* names nothing: the server takes its default */
} psec_role_t;

/* Whom a server turns away with PSEC_ERR_MISMATCH. */
#define PSEC_REFUSE_CLIENTS (1U << 0)
#define PSEC_REFUSE_TOOLS   (1U << 1)
#define PSEC_REFUSE_LEGACY  (1U << 2)

#define PSEC_BINDING_MAX 256
#define PSEC_INTRO_MAX	 256

typedef struct {
	size_t size; /* sizeof(psec_handshake_options_t) */
	/*
	 * Required: there is no default.
	 * Client: the server's list (PMIX_SECURITY_MODE), to choose from.
	 * Tool: what it may use; it offers those that work here.
	 * Legacy: the single one that it speaks.
	 * Server: what is allowed, whatever the peer says.
	 */
	const char *mechs;
	const void *binding; /* what both ends must know: purpose, job, step */
	size_t binding_len;
	const void *intro; /* not a server: bytes to tell it, authenticated */
	size_t intro_len;
	psec_role_t role;
	/*
	 * The peer's uid; (uid_t)-1: accept any.  Who is no server and knows
	 * the server's uid saves it a credential: with munge the handshake
	 * takes one encode and one decode instead of two of each.
	 */
	uid_t expect_uid;
	/*
	 * Server: what legacy peers must speak, one of MECHS.  NULL: the one
	 * of MECHS that is loaded and has the highest priority.
	 */
	const char *default_mech;
	unsigned refuse; /* server: PSEC_REFUSE_*; 0: takes all */
} psec_handshake_options_t;

/*
 * INPUT, OUTPUT and WORK alternate until DONE or FAILED.  After a failed
 * input or work the state may be OUTPUT once more: a short refusal, so that
 * the peer learns why.  Send it if you can, then the state is FAILED; or just
 * close the socket.
 */
typedef enum {
	PSEC_HS_INPUT = 1,  /* waits for bytes of the peer */
	PSEC_HS_OUTPUT = 2, /* has bytes for the peer */
	PSEC_HS_WORK = 3,   /* psec_handshake_work() must be called */
	PSEC_HS_DONE = 4,   /* authenticated, nothing left to send */
	PSEC_HS_FAILED = 5  /* over; destroy it */
} psec_hs_state_t;

/*
 * PSEC must outlive *HS.  PSEC_ERR_NO_MECH: none of OPT->mechs is loaded.
 * Release *HS with psec_handshake_destroy().  Never blocks.  A server begins
 * with OUTPUT, the others with INPUT.
 */
psec_code_t psec_handshake_create(psec_handshake_t **hs, psec_t *psec,
				  const psec_handshake_options_t *opt,
				  psec_error_t *err);
/* NULL is allowed.  Wipes its key.  Keeps errno. */
void psec_handshake_destroy(psec_handshake_t *hs);

/*
 * Tell which socket the bytes come from and go to, for mechanisms that ask
 * the kernel who is at its other end (native).  psec_handshake_run() does it
 * by itself; otherwise call it before the first psec_handshake_work().  FD is
 * only asked, never read, written or closed.
 */
void psec_handshake_set_fd(psec_handshake_t *hs, int fd);

/* What HS waits for.  Never blocks. */
psec_hs_state_t psec_handshake_state(const psec_handshake_t *hs);

/*
 * Take LEN bytes received from the peer; *USED tells how many belong to
 * the message that was awaited (*USED < LEN: the rest belongs to the next call,
 * or after DONE to the caller) and is written in case of failure too.  Call
 * it in state INPUT only.  Never blocks.
 */
psec_code_t psec_handshake_input(psec_handshake_t *hs, const void *buf,
				 size_t len, size_t *used, psec_error_t *err);
/*
 * Do the mechanism's part, or find out which mechanisms work here.  Call it in
 * state WORK only.  May block.
 */
psec_code_t psec_handshake_work(psec_handshake_t *hs, psec_error_t *err);
/*
 * What to send next, *LEN bytes of HS's own, valid until the next call on HS;
 * in another state than OUTPUT NULL, and *LEN is 0.  Tell with _sent() how many
 * of them went out: after the last the state changes.  Neither blocks.
 */
const void *psec_handshake_output(const psec_handshake_t *hs, size_t *len);
void psec_handshake_sent(psec_handshake_t *hs, size_t len);

/*
 * Run the whole handshake on socket FD within TIMEOUT_MS (-1: no deadline).
 * Reads not one byte past the handshake.  Blocks.  A call into a mechanism's
 * service is not interrupted: if it outlasts the deadline, the handshake
 * fails when it returns.
 */
psec_code_t psec_handshake_run(psec_handshake_t *hs, int fd, int timeout_ms,
			       psec_error_t *err);

/* What was agreed; valid in state DONE and as long as HS. */
typedef struct {
	const char *mech;
	uid_t uid; /* of the peer, proven by the mechanism */
	gid_t gid; /* likewise; (gid_t)-1: it is not proven.  A server that
		      shows its uid by reading a credential shows no gid */
	const uint8_t *intro; /* server: what the peer told */
	size_t intro_len;
	const uint8_t *key; /* PSEC_KEY_LEN secret bytes that only the two
			       ends (and whoever has their uids) know,
			       or NULL where the mechanism cannot agree
			       on one.  Protect with it what follows on
			       a connection that others can reach */
	psec_role_t role;   /* of the peer */
} psec_peer_t;

/* PSEC_ERR_ARG: HS is not in state DONE.  Never blocks. */
psec_code_t psec_handshake_peer(const psec_handshake_t *hs, psec_peer_t *peer,
				psec_error_t *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
