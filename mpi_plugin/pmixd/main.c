/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - psec-pmixd: the PMIx server of one step on one node.
 *
 * Started by mpi_pmix.so in slurmstepd as the step's user, with a control
 * socket on descriptor 3 and a pipe for log lines on 2.  Ends when slurmstepd
 * says so or is gone.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/thread.h>
#include <sodium.h>

#include "abort.h"
#include "clock.h"
#include "config.h"
#include "connect.h"
#include "control.h"
#include "cred_note.h"
#include "deadline.h"
#include "dmodex.h"
#include "door.h"
#include "ends.h"
#include "error.h"
#include "event.h"
#include "host.h"
#include "infolist.h"
#include "iof.h"
#include "job_control.h"
#include "log.h"
#include "notice.h"
#include "nspace.h"
#include "nspaces.h"
#include "peers.h"
#include "pmixd.h"
#include "progress.h"
#include "publish_net.h"
#include "spawn.h"
#include "status.h"
#include "stand_in.h"
#include "tasklist.h"
#include "tasks.h"
#include "tool.h"

#define WIRE_SOCKET  "wire" /* in the step directory, for invitations */
#define LINK_WORKERS 4
#define CRED_WORKERS 4
#define MAX_QUEUED   4096
#define MIN_REQUESTS                                                           \
	32 /* about credentials, that any rank may have waiting                \
	    */
#define SERVERS_SUFFIX ".servers"
#define DRAIN_MS       300
#define END_LIMIT_S    2 /* for cleaning up; then the alarm ends us */

pmixd_t pmixd = { .lock = PTHREAD_MUTEX_INITIALIZER };
static pthread_t loop_thread;

/* -- who we are ---------------------------------------------------------- */

/* Capabilities in /proc/self/status; all of them must be gone. */
static bool has_capabilities(void)
{
	FILE *in = fopen("/proc/self/status", "re");
	unsigned long long caps, all = 0;
	char line[256];

	if (!in)
		return true;
	while (fgets(line, sizeof(line), in))
		if (sscanf(line, "CapPrm: %llx", &caps) == 1 ||
		    sscanf(line, "CapEff: %llx", &caps) == 1 ||
		    sscanf(line, "CapAmb: %llx", &caps) == 1)
			all |= caps;
	fclose(in);
	return all != 0;
}

static int check_privileges(psec_error_t *err)
{
	if (getuid() == 0 || geteuid() == 0 || getuid() != geteuid() ||
	    getgid() != getegid())
		return error_set(err, PSEC_ERR_ARG,
				 "psec-pmixd must run as the step's user, not "
				 "as uid %u (effective %u)",
				 (unsigned)getuid(), (unsigned)geteuid());
	if (has_capabilities())
		return error_set(err, PSEC_ERR_ARG,
				 "psec-pmixd must not have capabilities");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set(err, PSEC_ERR_ARG,
				 "no_new_privs cannot be set: %s",
				 strerror(errno));
	return 0;
}

/*
 * Signals for the step's tasks reach us too with some process trackers; we
 * go when slurmstepd says so, not before.
 */
static void ignore_signals(void)
{
	static const int sigs[] = { SIGHUP,  SIGINT,  SIGQUIT,	 SIGPIPE,
				    SIGTERM, SIGUSR1, SIGUSR2,	 SIGTSTP,
				    SIGTTIN, SIGTTOU, SIGVTALRM, SIGPROF,
				    SIGXCPU, SIGURG };

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		signal(sigs[i], SIG_IGN);
}

static void raise_limits(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

/* -- start --------------------------------------------------------------- */

static int read_conf(psec_error_t *err)
{
	char *config = NULL, *env = NULL;
	size_t config_len, env_len;

	if (control_expect(CTL_CONFIG, CTL_CONFIG_MAX, &config, &config_len,
			   err) != 0 ||
	    control_expect(CTL_ENV, CTL_ENV_MAX, &env, &env_len, err) != 0) {
		free(config);
		return -1;
	}
	if (stepconf_read(&pmixd.conf, config, config_len, env, env_len, err) !=
		    0 ||
	    layout_read(&pmixd.layout, &pmixd.conf, err) != 0)
		return -1;
	plog_set_level((plog_level_t)pmixd.conf.loglevel);
	snprintf(pmixd.nspace, sizeof(pmixd.nspace), NSPACE_PREFIX "%u.%u",
		 pmixd.layout.apps.leader, pmixd.conf.step_id);
	spawn_read_parent();
	return 0;
}

/* By priority, which only the loaded mechanisms know; all names stay. */
static void order_mechs(void)
{
	char *list = pmixd.conf.mechs;
	psec_mech_info_t mech;
	size_t used = 0;

	for (size_t i = 0; psec_mech_get(pmixd.psec, i, &mech); i++)
		used += (size_t)snprintf(list + used,
					 sizeof(pmixd.conf.mechs) - used,
					 "%s%s", i ? "," : "", mech.name);
	plog_debug("mechanisms, best first: %s", list);
}

/* Without munge the links of several nodes would only fail after timeout=. */
static int mech_fails(const char *name, const psec_error_t *why,
		      psec_error_t *err)
{
	const char *node = pmixd_node_name(pmixd.conf.node);

	if (pmixd.conf.nnodes > 1 && !strcmp(name, LINK_MECH))
		return error_set(err, why->code,
				 "a step of several nodes needs the mechanism "
				 "%s for its links, and on node %s it does not "
				 "work: %s",
				 name, node, why->text);
	plog_info("mechanism %s does not work on node %s: %s", name, node,
		  why->text);
	return 0;
}

static int create_psec(psec_error_t *err)
{
	psec_options_t opt = {
		.size = sizeof(opt),
		.plugin_dir = pmixd.conf.mechdir,
		.mechs = pmixd.conf.mechs,
		.munge_socket = pmixd.conf.munge_socket,
		.priorities = pmixd.conf.priorities,
		.site = true,
	};

	if (psec_list_has(pmixd.conf.mechs, "native")) {
		pmixd.key = step_key_create(&pmixd.lock);
		if (!pmixd.key)
			return error_set(err, PSEC_ERR_NOMEM,
					 "no locked memory for the step's key");
		opt.native_key = step_key_give;
		opt.native_key_arg = pmixd.key;
	}
	return psec_create(&pmixd.psec, &opt, err) == PSEC_OK ? 0 : -1;
}

/* Mechanisms that do not work here would only be found out by the tasks. */
static int open_psec(psec_error_t *err)
{
	psec_mech_info_t mech;
	psec_error_t why, last = { PSEC_ERR_NO_MECH, "there are none" };
	size_t working = 0;

	if (create_psec(err) != 0)
		return -1;
	order_mechs();
	for (size_t i = 0; psec_mech_get(pmixd.psec, i, &mech); i++) {
		if (psec_mech_probe(pmixd.psec, mech.name, &why) == PSEC_OK) {
			working++;
			continue;
		}
		if (mech_fails(mech.name, &why, err) != 0)
			return -1;
		last = why;
	}
	if (working)
		return 0;
	return error_set(err, last.code,
			 "none of the security mechanisms '%s' works on node "
			 "%s: %s",
			 pmixd.conf.mechs, pmixd_node_name(pmixd.conf.node),
			 last.text);
}

/* Listen on the socket NAME in the step directory, where we are. */
static int listen_on(const char *name, psec_error_t *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    listen(fd, 64) != 0) {
		error_set(err, PSEC_ERR_IO, "cannot listen on %s/%s: %s",
			  pmixd.conf.dir, name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* Listen on NAME, for slurmd, which will connect to PATH. */
static int open_inbound(const char *name, char *path, size_t size,
			psec_error_t *err)
{
	if ((size_t)snprintf(path, size, "%s/%s", pmixd.conf.dir, name) >=
	    sizeof(((struct sockaddr_un *)0)->sun_path))
		return error_set(err, PSEC_ERR_ARG,
				 "the path %s is too long for a socket; set a "
				 "shorter stepdir= in plugstack.conf",
				 path);
	return listen_on(name, err);
}

static int open_status(psec_error_t *err)
{
	int fd = listen_on(STATUS_SOCKET, err);

	if (fd < 0)
		return -1;
	if (status_start(fd) != 0)
		return error_set(err, PSEC_ERR_NOMEM, "out of memory");
	return 0;
}

/*
 * The services, with the lock held, so that no message comes before it is
 * expected.
 */
static int start_services(psec_error_t *err)
{
	static char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	int peers_fd = -1;

	if (pmixd.key)
		step_key_start(pmixd.key, pmixd.links, pmixd.conf.node,
			       pmixd.conf.nnodes);
	if (peers_listens()) {
		peers_fd = open_inbound(PEERS_SOCKET, path, sizeof(path), err);
		if (peers_fd < 0)
			return -1;
	}
	if (peers_init(peers_fd, path, err) != 0)
		return -1;
	if (!publish_net_init())
		return error_set(err, PSEC_ERR_NOMEM, "out of memory");
	nspaces_init();
	connect_init();
	spawn_init();
	dmodex_init_far();
	event_init_far();
	return 0;
}

static int start_alone(psec_error_t *err)
{
	int rv;

	pthread_mutex_lock(&pmixd.lock);
	rv = start_services(err);
	pthread_mutex_unlock(&pmixd.lock);
	return rv;
}

/*
 * The sockets on all nodes, given OWN.  A component's step directory has the
 * number of its own job.
 */
static const char *const *other_wires(const char *own, psec_error_t *err)
{
	const apps_t *apps = &pmixd.layout.apps;
	const char **paths = calloc(pmixd.conf.nnodes, sizeof(*paths));
	const char **by_app = calloc(apps->n, sizeof(*by_app));
	int base = (int)(strrchr(pmixd.conf.dir, '/') - pmixd.conf.dir);
	char *path;

	for (uint32_t i = 0; paths && by_app && i < apps->n; i++) {
		by_app[i] = own;
		if (apps->list[i].job_id == pmixd.conf.job_id)
			continue;
		if (asprintf(&path, "%.*s/%u.%u/" WIRE_SOCKET, base,
			     pmixd.conf.dir, apps->list[i].job_id,
			     pmixd.conf.step_id) < 0)
			goto fail;
		by_app[i] = path;
	}
	if (!paths || !by_app)
		goto fail;
	for (uint32_t n = 0; n < pmixd.conf.nnodes; n++)
		paths[n] = by_app[apps_of_node(apps, n)];
	free(by_app);
	return paths;
fail:
	free(paths);
	free(by_app);
	error_set(err, PSEC_ERR_NOMEM, "out of memory");
	return NULL;
}

/* Nobody but this process's uid and root may even look into the directory. */
static int start_links(psec_error_t *err)
{
	static char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	static uint32_t partners[64];
	link_config_t cfg = {
		.base = pmixd.base,
		.lock = &pmixd.lock,
		.workers = pmixd.link_workers,
		.psec = pmixd.psec,
		.mechs = LINK_MECH,
		.uid = geteuid(),
		/* Links lead to all components, under one number. */
		.job_id = pmixd.layout.apps.leader,
		.step_id = pmixd.conf.step_id,
		.node = pmixd.conf.node,
		.nnodes = pmixd.conf.nnodes,
		.node_names =
			(const char *const *)(void *)pmixd.layout.node_names,
		.wire_path = path,
		.port_min = pmixd.conf.port_min,
		.port_max = pmixd.conf.port_max,
		.timeout_ms = pmixd.conf.timeout_s * 1000,
		.silence_ms = pmixd.conf.timeout_s * 1000,
	};
	size_t n;
	int rv = 0;

	if (!psec_list_has(pmixd.conf.mechs, LINK_MECH))
		return error_set(err, PSEC_ERR_NO_MECH,
				 "a step of several nodes needs the mechanism "
				 "%s for its links, and this one has only '%s'",
				 LINK_MECH, pmixd.conf.mechs);
	slurm_ready();
	cfg.wire_fd = open_inbound(WIRE_SOCKET, path, sizeof(path), err);
	if (cfg.wire_fd < 0)
		return -1;
	cfg.wire_paths = other_wires(path, err);
	if (!cfg.wire_paths)
		return -1;
	pthread_mutex_lock(&pmixd.lock);
	pmixd.links = links_create(&cfg);
	if (pmixd.links)
		pmixd.coll = coll_create(pmixd.links, cfg.node, cfg.nnodes);
	if (pmixd.coll) {
		dmodex_init();
		notice_init();
		event_init();
		job_control_init();
		rv = start_services(err);
		n = coll_partners(cfg.node, cfg.nnodes, partners,
				  sizeof(partners) / sizeof(partners[0]));
		links_connect(pmixd.links, partners, n);
	}
	pthread_mutex_unlock(&pmixd.lock);
	if (!pmixd.coll)
		rv = error_set(err, PSEC_ERR_IO,
			       "the links to the step's other nodes cannot "
			       "be set up on node %s; psec-pmixd's lines in "
			       "its slurmd log say why",
			       pmixd_node_name(cfg.node));
	return rv;
}

static void *loop_main(void *arg)
{
	event_base_loop(pmixd.base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

/* Of one rank: a rank must not take the room of others. */
static size_t max_requests(void)
{
	size_t fair = MAX_QUEUED / (pmixd.conf.nlocal ? pmixd.conf.nlocal : 1);

	return fair > MIN_REQUESTS ? fair : MIN_REQUESTS;
}

static int start_threads(psec_error_t *err)
{
	if (evthread_use_pthreads() != 0 || !(pmixd.base = event_base_new()) ||
	    !deadline_init())
		return error_set(err, PSEC_ERR_NOMEM,
				 "libevent cannot be set up");
	pmixd.link_workers = workers_create(LINK_WORKERS, MAX_QUEUED);
	pmixd.cred_workers = workers_create_lanes(
		CRED_WORKERS, pmixd.conf.nlocal + 1, max_requests());
	if (!pmixd.link_workers || !pmixd.cred_workers ||
	    pthread_create(&loop_thread, NULL, loop_main, NULL) != 0)
		return error_set(err, PSEC_ERR_NOMEM,
				 "psec-pmixd cannot start its threads: %s; is "
				 "the user's limit of processes used up?",
				 strerror(errno));
	return 0;
}

/* libpmix's own munge cannot be told where munged listens. */
static const char *munge_hint(void)
{
	if (!pmixd.conf.munge_socket ||
	    psec_list_has(pmixd.conf.mechs, "native"))
		return "";
	return "; libpmix looks for munged at its default socket only: where "
	       "it listens elsewhere, add native to mechanisms=";
}

/* The site's words; spank/options.c has seen to it what they may name. */
static int set_site_variables(void)
{
	const char *text = pmixd.conf.server_env;
	char *copy = strdup(text ? text : ""), *save = NULL, *value;
	int rv = 0;

	if (!copy)
		return -1;
	for (char *name = strtok_r(copy, ";", &save); name && rv == 0;
	     name = strtok_r(NULL, ";", &save)) {
		value = strchr(name, '=');
		if (!value)
			continue;
		*value++ = '\0';
		rv = setenv(name, value, 1);
	}
	free(copy);
	return rv;
}

/*
 * libpmix has hwloc look at the node, of which it needs the processors only.
 * hwloc's plugins look for graphics cards, too: by X11 at ten displays, which
 * takes longer than all else here, and by OpenCL; and hwloc itself reads what
 * PCI devices say of themselves.  Clients that get the topology may want these.
 */
static int keep_hwloc_short(void)
{
	if (pmixd.conf.share_topology)
		return 0;
	return setenv("HWLOC_PLUGINS_PATH", "/nonexistent", 0) ||
	       setenv("HWLOC_COMPONENTS", "-linuxio", 0);
}

/*
 * libpmix reads its parameters from the environment.  A server accepts any
 * active mechanism that a client names, so only the step's are active.
 *
 * To be called before there are threads: setenv() may move the environment,
 * and name resolution on a worker reads it.
 */
static int set_environment(psec_error_t *err)
{
	if (set_site_variables() == 0 && keep_hwloc_short() == 0 &&
	    nspace_environment(&pmixd) == 0 &&
	    setenv("PMIX_MCA_psec", pmixd.conf.mechs, 1) == 0 &&
	    /* Its other ways to log lead to our own output. */
	    setenv("PMIX_MCA_plog", "default", 0) == 0 &&
	    /*
	     * It would load components from ~/.pmix, and what is loaded here
	     * can read the step's key; and home may be far away.
	     */
	    setenv("HOME", pmixd.conf.dir, 1) == 0 &&
	    setenv("TMPDIR", pmixd.conf.dir, 1) == 0)
		return 0;
	return error_set(err, PSEC_ERR_NOMEM, "out of memory");
}

static int start_pmix(psec_error_t *err)
{
	infolist_t info = infolist_new();
	char servers[sizeof(pmixd.nspace) + sizeof(SERVERS_SUFFIX)];
	pmix_data_array_t array;
	pmix_status_t rc;

	infolist_string(&info, PMIX_SERVER_TMPDIR, pmixd.conf.dir);
	infolist_string(&info, PMIX_SYSTEM_TMPDIR, pmixd.conf.dir);
	infolist_string(&info, PMIX_HOSTNAME, pmixd_node_name(pmixd.conf.node));
	infolist_u32(&info, PMIX_USERID, (uint32_t)geteuid());
	/* One name for all servers of the step, and who is who by node. */
	snprintf(servers, sizeof(servers), "%s" SERVERS_SUFFIX, pmixd.nspace);
	infolist_string(&info, PMIX_SERVER_NSPACE, servers);
	infolist_rank(&info, PMIX_SERVER_RANK, pmixd.conf.node);
	if (pmixd.conf.share_topology)
		infolist_bool(&info, PMIX_SERVER_SHARE_TOPOLOGY, true);
	/* Else libpmix writes the tasks' output, which is for tools, to our
	 * own, which it has not opened: 4.2 crashes. */
	infolist_bool(&info, PMIX_IOF_LOCAL_OUTPUT, false);
	tool_options(&info, pmixd.conf.dir);
	rc = infolist_take(&info, &array);
	if (rc == PMIX_SUCCESS) {
		rc = PMIx_server_init(&host_module, array.array, array.size);
		PMIX_DATA_ARRAY_DESTRUCT(&array);
	}
	if (rc != PMIX_SUCCESS)
		return error_set(err, PSEC_ERR_IO,
				 "libpmix cannot start its server: %s (%d)%s",
				 PMIx_Error_string(rc), rc, munge_hint());
	tool_rendezvous(pmixd.conf.dir);
	return nspace_register(&pmixd, err);
}

/*
 * libpmix's native believes what a client says of himself, so it takes the
 * door before it.  That this libpmix comes through it is tried and not
 * assumed: a later one might accept connections by other means.
 */
static int check_door(psec_error_t *err)
{
	char uri[256];

	if (!psec_list_has(pmixd.conf.mechs, "native"))
		return 0;
	if (nspace_uri(&pmixd, uri, sizeof(uri)) == 0 && door_test(uri))
		return 0;
	return error_set(err, PSEC_ERR_UNAVAILABLE,
			 "this libpmix accepts connections past psec-pmixd "
			 "(at '%s'), so the mechanism native would let other "
			 "users in: set mechanisms=munge in plugstack.conf, or "
			 "use --psec=munge",
			 uri);
}

static int start(psec_error_t *err)
{
	if (check_privileges(err) != 0 || read_conf(err) != 0)
		return -1;
	if (sodium_init() < 0)
		return error_set(err, PSEC_ERR_IO, "libsodium cannot start");
	if (open_psec(err) != 0 || set_environment(err) != 0 ||
	    start_threads(err) != 0 || open_status(err) != 0)
		return -1;
	if ((pmixd.conf.nnodes == 1 ? start_alone(err) : start_links(err)) != 0)
		return -1;
	if (start_pmix(err) != 0 || check_door(err) != 0)
		return -1;
	return nspace_send_blocks(&pmixd, err);
}

/*
 * A fence with data takes and frees some large blocks.  glibc would give them
 * back to the kernel each time, and page faults take longer than encryption.
 */
static void keep_freed_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 8 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
}

/* -- end ----------------------------------------------------------------- */

/* slurmstepd has gone without a word: nobody else ends this step. */
static void orphaned(void)
{
	char text[128];

	snprintf(text, sizeof(text), "slurmstepd is gone; step %u.%u is killed",
		 pmixd.conf.job_id, pmixd.conf.step_id);
	plog_error("%s", text);
	pthread_mutex_lock(&pmixd.lock);
	if (pmixd.links)
		notice_send(text);
	/* A task that does not use PMIx would not notice. */
	tasklist_kill();
	pthread_mutex_unlock(&pmixd.lock);
	abort_kill_step(SIGKILL, 0);
}

/* BODY is that of a CTL_EXITED frame. */
static void task_exited(const char *body, size_t len)
{
	ctl_exited_t exited;
	uint32_t rank;

	if (len != sizeof(exited))
		return;
	memcpy(&exited, body, sizeof(exited));
	if (exited.local >= pmixd.conf.nlocal)
		return;
	rank = pmixd.conf.ranks[exited.local];
	pthread_mutex_lock(&pmixd.lock);
	tasklist_exited(exited.local, exited.status);
	publish_net_ended(rank);
	stand_in_look();
	pthread_mutex_unlock(&pmixd.lock);
	ends_task_ended(exited.local);
}

/* True: the step is over; false: slurmstepd is gone. */
static bool serve_slurmstepd(void)
{
	ctl_type_t type;
	char *data;
	size_t len;

	while (control_next(&type, CTL_CONFIG_MAX, &data, &len) == 0) {
		if (type == CTL_TASKS) {
			tasks_forked(&pmixd, data, len);
			spawn_await_up();
			control_send(CTL_GO, NULL, 0);
			spawn_tasks_begin();
		}
		if (type == CTL_EXITED)
			task_exited(data, len);
		free(data);
		if (type == CTL_END)
			return true;
	}
	return false;
}

/* Other steps are to hear of the last task's end. */
static void drain(void)
{
	bool pending = true;

	for (int ms = 0; pending && ms < DRAIN_MS; ms++) {
		pthread_mutex_lock(&pmixd.lock);
		pending = peers_pending();
		pthread_mutex_unlock(&pmixd.lock);
		if (pending)
			usleep(1000);
	}
}

/*
 * libpmix is about to end: what still comes from other nodes, which end now,
 * too, must not become an answer for it.
 */
static void end_loop(void)
{
	event_base_loopbreak(pmixd.base);
	pthread_join(loop_thread, NULL);
	pthread_mutex_lock(&pmixd.lock);
	progress_end();
	pthread_mutex_unlock(&pmixd.lock);
}

/* libpmix removes what it made; never mind how long that would take. */
static void leave(void)
{
	alarm(END_LIMIT_S);
	cred_note_end();
	drain();
	pthread_mutex_lock(&pmixd.lock);
	step_key_wipe(pmixd.key);
	if (pmixd.links)
		links_goodbye(pmixd.links);
	/* A step that has failed says none to the others. */
	if (!tasklist_any_failed() && !abort_called())
		peers_goodbye();
	unlink(PEERS_SOCKET);
	iof_end();
	pthread_mutex_unlock(&pmixd.lock);
	if (pmixd.links)
		unlink(WIRE_SOCKET);
	unlink(STATUS_SOCKET);
	end_loop();
	PMIx_server_finalize();
}

/* For psec-check(8) and people; whoever asks, nothing is started. */
static int show_version(void)
{
	int rc = printf("psec-pmixd %s\ncontrol %u\nslurm %s\n"
			"libpmix %s\nbuilt with libpmix %d.%d.%d\n",
			PSEC_VERSION, CTL_VERSION, PSEC_SLURM_VERSION,
			PMIx_Get_version(), (int)PMIX_VERSION_MAJOR,
			(int)PMIX_VERSION_MINOR, (int)PMIX_VERSION_RELEASE);

	return rc < 0 || fflush(stdout) != 0;
}

/* Root, too, may have come to call this, in whose environment ever. */
static int become_stand_in(void)
{
	psec_error_t err;

	if (check_privileges(&err) == 0)
		return stand_in_main();
	fprintf(stderr, "%s\n", err.text);
	return 1;
}

int main(int argc, char **argv)
{
	int64_t begun_ms = clock_ms();
	psec_error_t err;

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return show_version();
	if (argc == 2 && strcmp(argv[1], STAND_IN_ARG) == 0)
		return become_stand_in();

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	umask(077);
	keep_freed_memory();
	plog_init();
	ignore_signals();
	raise_limits();
	if (start(&err) != 0) {
		plog_error("%s", err.text);
		control_fail(err.text);
		_exit(1);
	}
	control_send(CTL_READY, NULL, 0);
	spawn_up();
	plog_verbose("ready after %d ms", (int)(clock_ms() - begun_ms));
	if (!serve_slurmstepd()) {
		alarm(END_LIMIT_S);
		orphaned();
	}
	leave();
	/* Threads still run: no destructors. */
	_exit(0);
}
