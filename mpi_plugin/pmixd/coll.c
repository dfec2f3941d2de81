/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll.c - Bruck's allgather.
 *
 * With n nodes at positions 0..n-1 of the list, the node at position i holds
 * after k rounds the blocks of i, i+1, ..., i+2^k-1 (modulo n).  In round k it
 * sends its first min(2^k, n-2^k) blocks to i-2^k and receives as many from
 * i+2^k, which it appends.  So a block sits at its distance from i, and what
 * is sent is a beginning of the data.
 *
 * A node that waits has, as a rule, a partner that waits too, and so on to a
 * node that is lost or has not joined.  Rounds only grow along that chain, so
 * it ends; each node on it passes an abort on when it learns of one.  To
 * learn of a loss a node needs a link: it asks for those with all its
 * partners when it joins, also those that it only receives from.
 *
 * A node may have everything before its own last message has left, when a
 * link is still coming up.  It completes only then: who is told that a
 * collective is over may end at once, and this process with it.
 */
#include "coll.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "bytes.h"

/* Messages of collectives that were not joined here yet, from all nodes. */
#define EARLY_MAX	4096
#define EARLY_BYTES_MAX ((size_t)1024 * 1024 * 1024)

#define BUCKETS	   1024
#define ROUNDS_MAX 32

/*
 * A message: kind, round, flags, 0; sequence number; id; number of blocks
 * (or, in an abort, the lost node); the blocks' lengths; the blocks.  With
 * UNIFORM there is one length for all: the usual case, and of a barrier.
 */
#define HEADER_LEN   28
#define KIND_DATA    1
#define KIND_ABORT   2
#define FLAG_UNIFORM 1

struct header {
	uint8_t kind;
	uint8_t round;
	uint8_t flags;
	uint32_t seq;
	const uint8_t *id;
	uint32_t value; /* number of blocks, or node */
	const uint8_t *body;
	size_t body_len;
	void *kept; /* memory that all this is in, or NULL: it is the links' */
};

/* A message that came before it could be used. */
struct early {
	TAILQ_ENTRY(early) next;
	uint32_t from;
	struct header header; /* kept */
};
TAILQ_HEAD(earlies, early);

/* Blocks as they came: they are copied once, when all are here. */
struct piece {
	void *memory;
	const uint8_t *blocks; /* in it */
	size_t len;
};

/* One collective that was joined and has not completed. */
struct op {
	LIST_ENTRY(op) next;
	uint8_t id[COLL_ID_LEN];
	uint32_t seq;
	uint32_t *nodes;
	uint32_t n;
	uint32_t pos;	/* own position */
	uint32_t round; /* its message was sent, and is awaited */
	uint32_t rounds;
	uint32_t nblocks; /* here already, in order of distance */
	uint32_t *lens;	  /* of each block */
	struct piece pieces[1 + ROUNDS_MAX]; /* own block; one a round */
	size_t len;			     /* of them all */
	struct early *ahead[ROUNDS_MAX];     /* messages of later rounds */
	uint8_t *result;		     /* when all is here */
	coll_done_fn done;
	void *arg;
};

/* How often the set of an id has met. */
struct counter {
	struct counter *next;
	uint8_t id[COLL_ID_LEN];
	uint32_t seq;
};

struct coll {
	links_t *links;
	uint32_t self;
	uint32_t nnodes;
	LIST_HEAD(, op) ops;
	LIST_HEAD(, op) unsent; /* all is here, not all has left */
	struct counter *buckets[BUCKETS];
	struct earlies earlies; /* in order of arrival */
	size_t nearlies;
	size_t early_bytes;
	bool lost[];
};

/* -- sequence numbers --------------------------------------------------- */

static struct counter **bucket_of(coll_t *coll, const uint8_t *id)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (int i = 0; i < COLL_ID_LEN; i++)
		hash = (hash ^ id[i]) * 16777619u;
	return &coll->buckets[hash % BUCKETS];
}

static struct counter *counter_of(coll_t *coll, const uint8_t *id)
{
	struct counter *c = *bucket_of(coll, id);

	while (c && memcmp(c->id, id, COLL_ID_LEN) != 0)
		c = c->next;
	return c;
}

/* The number of this meeting of ID.  -1: no memory. */
static int next_seq(coll_t *coll, const uint8_t *id, uint32_t *seq)
{
	struct counter **bucket, *c = counter_of(coll, id);

	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return -1;
		memcpy(c->id, id, COLL_ID_LEN);
		bucket = bucket_of(coll, id);
		c->next = *bucket;
		*bucket = c;
	}
	*seq = c->seq++;
	return 0;
}

/* -- positions ---------------------------------------------------------- */

static uint32_t rounds_of(uint32_t n)
{
	uint32_t rounds = 0;

	while (rounds < ROUNDS_MAX && ((uint64_t)1 << rounds) < n)
		rounds++;
	return rounds;
}

/* Position of the node that POS sends to in ROUND. */
static uint32_t target(uint32_t pos, uint32_t n, uint32_t round)
{
	return (uint32_t)((pos + (uint64_t)n - ((uint64_t)1 << round)) % n);
}

/* Position of the node that POS receives from in ROUND. */
static uint32_t source(uint32_t pos, uint32_t n, uint32_t round)
{
	return (uint32_t)((pos + ((uint64_t)1 << round)) % n);
}

/* Blocks in a message of ROUND. */
static uint32_t blocks_in(uint32_t n, uint32_t round)
{
	uint32_t distance = (uint32_t)1 << round;

	return distance < n - distance ? distance : n - distance;
}

static size_t add_partner(uint32_t *out, size_t count, size_t max,
			  uint32_t node)
{
	for (size_t i = 0; i < count; i++)
		if (out[i] == node)
			return count;
	if (count < max)
		out[count++] = node;
	return count;
}

/* Positions of all that POS exchanges messages with, each once. */
static size_t partners(uint32_t pos, uint32_t n, uint32_t *out, size_t max)
{
	size_t count = 0;

	for (uint32_t r = 0; r < rounds_of(n); r++) {
		count = add_partner(out, count, max, target(pos, n, r));
		count = add_partner(out, count, max, source(pos, n, r));
	}
	return count;
}

size_t coll_partners(uint32_t self, uint32_t nnodes, uint32_t *nodes,
		     size_t max)
{
	return partners(self, nnodes, nodes, max);
}

static size_t op_partners(const struct op *op,
			  uint32_t nodes[COLL_PARTNERS_MAX])
{
	size_t n = partners(op->pos, op->n, nodes, COLL_PARTNERS_MAX);

	for (size_t i = 0; i < n; i++)
		nodes[i] = op->nodes[nodes[i]];
	return n;
}

/* -- messages ----------------------------------------------------------- */

static void encode_header(uint8_t out[HEADER_LEN], const struct op *op,
			  uint8_t kind, uint8_t flags, uint32_t value)
{
	out[0] = kind;
	out[1] = (uint8_t)op->round;
	out[2] = flags;
	out[3] = 0;
	put_u32(out + 4, op->seq);
	memcpy(out + 8, op->id, COLL_ID_LEN);
	put_u32(out + 24, value);
}

/* NULL, or what is wrong with it. */
static const char *decode_header(struct header *h, const void *msg, size_t len)
{
	const uint8_t *p = msg;

	if (len < HEADER_LEN)
		return "a collective's message is truncated";
	h->kind = p[0];
	h->round = p[1];
	h->flags = p[2];
	h->seq = get_u32(p + 4);
	h->id = p + 8;
	h->value = get_u32(p + 24);
	h->body = p + HEADER_LEN;
	h->body_len = len - HEADER_LEN;
	h->kept = NULL;
	if ((h->kind != KIND_DATA && h->kind != KIND_ABORT) ||
	    (h->flags & ~FLAG_UNIFORM) || p[3] != 0)
		return "a collective's message is of an unknown kind";
	return NULL;
}

static size_t msg_len(const struct header *h)
{
	return HEADER_LEN + h->body_len;
}

/* Have a message from FROM stay when its handler returns.  -1: no memory. */
static int keep(coll_t *coll, uint32_t from, struct header *h)
{
	uint8_t *msg;

	if (h->kept)
		return 0;
	msg = links_keep(coll->links, from, h->body - HEADER_LEN, msg_len(h));
	if (!msg)
		return -1;
	h->kept = msg;
	h->id = msg + (h->id - (h->body - HEADER_LEN));
	h->body = msg + HEADER_LEN;
	return 0;
}

static void early_free(struct early *e)
{
	if (!e)
		return;
	free(e->header.kept);
	free(e);
}

/* How many lengths of blocks it has, and the bytes that they take. */
static uint32_t nlens(const struct header *h)
{
	return (h->flags & FLAG_UNIFORM) ? 1 : h->value;
}

static size_t lens_len(const struct header *h)
{
	return 4 * (size_t)nlens(h);
}

/* NULL, or what is wrong with its COUNT blocks. */
static const char *check_blocks(const struct header *h, uint32_t count)
{
	uint64_t total = 0;

	if (h->value != count)
		return "a collective's message has the wrong number of blocks";
	if (h->body_len < lens_len(h))
		return "a collective's message is truncated";
	for (uint32_t i = 0; i < nlens(h); i++)
		total += get_u32(h->body + 4 * (size_t)i);
	if (h->flags & FLAG_UNIFORM)
		total *= count;
	if (total != h->body_len - lens_len(h))
		return "the lengths in a collective's message are wrong";
	return NULL;
}

/* -- ending ------------------------------------------------------------- */

static void op_free(struct op *op)
{
	for (uint32_t r = 0; r < ROUNDS_MAX; r++)
		early_free(op->ahead[r]);
	for (uint32_t i = 0; i <= ROUNDS_MAX; i++)
		free(op->pieces[i].memory);
	free(op->nodes);
	free(op->lens);
	free(op->result);
	free(op);
}

/* Complete without a result and tell the partners that NODE is the reason.
 * OP is gone after it. */
static void give_up(coll_t *coll, struct op *op, coll_status_t status,
		    uint32_t node)
{
	uint32_t to[COLL_PARTNERS_MAX];
	uint8_t header[HEADER_LEN];
	struct iovec iov = { header, sizeof(header) };
	size_t n = op_partners(op, to);

	encode_header(header, op, KIND_ABORT, 0,
		      node == UINT32_MAX ? coll->self : node);
	LIST_REMOVE(op, next);
	for (size_t i = 0; i < n; i++)
		if (!coll->lost[to[i]])
			(void)links_send(coll->links, to[i], LINK_COLL, &iov,
					 1);
	op->done(op->arg, status, node, NULL, 0);
	op_free(op);
}

/* The data in the order of the node list.  NULL: no memory. */
static uint8_t *in_order(const struct op *op)
{
	uint8_t *data = malloc(op->len), *to;
	size_t behind = 0; /* bytes of the blocks from own position on */
	const uint8_t *from;
	size_t len;

	if (!data)
		return NULL;
	for (uint32_t i = 0; i < op->n - op->pos; i++)
		behind += op->lens[i];
	to = data + op->len - behind;
	for (uint32_t i = 0; i <= op->rounds; i++) {
		from = op->pieces[i].blocks;
		len = op->pieces[i].len;
		if (len > (size_t)(data + op->len - to)) {
			/* The rest of it are blocks from position 0 on. */
			size_t first = (size_t)(data + op->len - to);

			memcpy(to, from, first);
			from += first;
			len -= first;
			to = data;
		}
		if (len > 0)
			memcpy(to, from, len);
		to += len;
	}
	return data;
}

/* Has not all left that the others wait for? */
static bool is_unsent(const coll_t *coll, const struct op *op)
{
	for (uint32_t r = 0; r < op->rounds; r++)
		if (links_pending_to(coll->links,
				     op->nodes[target(op->pos, op->n, r)]))
			return true;
	return false;
}

/* All is here and has left.  OP, which is in no list, is gone after it. */
static void hand_over(struct op *op)
{
	char *data = (char *)op->result;

	op->result = NULL;
	op->done(op->arg, COLL_OK, UINT32_MAX, data, op->len);
	op_free(op);
}

/* All is here.  OP may be gone after it. */
static void complete(coll_t *coll, struct op *op)
{
	if (op->len > 0) {
		op->result = in_order(op);
		if (!op->result) {
			give_up(coll, op, COLL_NOMEM, UINT32_MAX);
			return;
		}
	}
	LIST_REMOVE(op, next);
	if (is_unsent(coll, op))
		LIST_INSERT_HEAD(&coll->unsent, op, next);
	else
		hand_over(op);
}

static struct op *find_sent(coll_t *coll)
{
	struct op *op;

	LIST_FOREACH(op, &coll->unsent, next)
	{
		if (!is_unsent(coll, op))
			return op;
	}
	return NULL;
}

/* Something has left, or its receiver is lost. */
static void on_drained(void *arg, uint32_t node)
{
	coll_t *coll = arg;
	struct op *op;

	while ((op = find_sent(coll))) {
		LIST_REMOVE(op, next);
		hand_over(op);
	}
}

/* -- rounds ------------------------------------------------------------- */

static bool is_uniform(const struct op *op, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (op->lens[i] != op->lens[0])
			return false;
	return true;
}

/* The first LEN bytes of the data.  Returns the number of pieces. */
static int first_bytes(const struct op *op, size_t len,
		       struct iovec iov[1 + ROUNDS_MAX])
{
	int n = 0;

	for (uint32_t i = 0; len > 0; i++) {
		const struct piece *p = &op->pieces[i];
		size_t part = p->len < len ? p->len : len;

		if (part > 0)
			iov[n++] = (struct iovec){ (void *)(uintptr_t)p->blocks,
						   part };
		len -= part;
	}
	return n;
}

/* Send the message of the current round.  -1: OP has been given up. */
static int send_round(coll_t *coll, struct op *op)
{
	uint32_t count = blocks_in(op->n, op->round);
	uint32_t to = op->nodes[target(op->pos, op->n, op->round)];
	bool uniform = is_uniform(op, count);
	uint32_t lens = uniform ? 1 : count;
	size_t head_len = HEADER_LEN + 4 * (size_t)lens, bytes = 0;
	uint8_t *head = malloc(head_len);
	struct iovec iov[2 + ROUNDS_MAX];
	int rc = -1;

	if (!head)
		goto out;
	encode_header(head, op, KIND_DATA, uniform ? FLAG_UNIFORM : 0, count);
	for (uint32_t i = 0; i < lens; i++)
		put_u32(head + HEADER_LEN + 4 * (size_t)i, op->lens[i]);
	for (uint32_t i = 0; i < count; i++)
		bytes += op->lens[i];
	iov[0] = (struct iovec){ head, head_len };
	rc = links_send(coll->links, to, LINK_COLL, iov,
			1 + first_bytes(op, bytes, iov + 1));
out:
	free(head);
	if (rc == 0)
		return 0;
	if (coll->lost[to])
		give_up(coll, op, COLL_LOST, to);
	else
		give_up(coll, op, COLL_NOMEM, UINT32_MAX);
	return -1;
}

/* Append the blocks of a message that was checked.  -1: no memory. */
static int append(coll_t *coll, struct op *op, uint32_t from, struct header *h)
{
	size_t bytes = h->body_len - lens_len(h);
	bool uniform = h->flags & FLAG_UNIFORM;

	if (bytes > 0) {
		if (keep(coll, from, h))
			return -1;
		op->pieces[1 + op->round] =
			(struct piece){ h->kept, h->body + lens_len(h), bytes };
		h->kept = NULL;
		op->len += bytes;
	}
	for (uint32_t i = 0; i < h->value; i++)
		op->lens[op->nblocks++] =
			get_u32(h->body + (uniform ? 0 : 4 * (size_t)i));
	return 0;
}

/* The awaited message is here.  -1: OP has been given up. */
static int end_round(coll_t *coll, struct op *op, uint32_t from,
		     struct header *h)
{
	if (append(coll, op, from, h)) {
		give_up(coll, op, COLL_NOMEM, UINT32_MAX);
		return -1;
	}
	op->round++;
	return op->round < op->rounds ? send_round(coll, op) : 0;
}

/* Go on with messages that are here already, and complete if that was all.
 * OP may be gone after it. */
static void go_on(coll_t *coll, struct op *op)
{
	struct early *e;
	int rc;

	while (op->round < op->rounds) {
		e = op->ahead[op->round];
		if (!e)
			return;
		op->ahead[op->round] = NULL;
		rc = end_round(coll, op, e->from, &e->header);
		early_free(e);
		if (rc)
			return;
	}
	complete(coll, op);
}

/* Keep a message for later.  NULL: no memory. */
static struct early *early_new(coll_t *coll, uint32_t from, struct header *h)
{
	struct early *e = malloc(sizeof(*e));

	if (!e || keep(coll, from, h)) {
		free(e);
		return NULL;
	}
	e->from = from;
	e->header = *h;
	h->kept = NULL;
	return e;
}

/* A round's blocks.  NULL, or why they are refused.  OP may be gone. */
static const char *take_data(coll_t *coll, struct op *op, uint32_t from,
			     struct header *h)
{
	const char *why;

	if (h->round >= op->rounds ||
	    from != op->nodes[source(op->pos, op->n, h->round)])
		return "a collective's message came from the wrong node";
	if (h->round < op->round || op->ahead[h->round])
		return "a collective's message came twice";
	why = check_blocks(h, blocks_in(op->n, h->round));
	if (why)
		return why;
	if (h->round == op->round) {
		if (end_round(coll, op, from, h) == 0)
			go_on(coll, op);
		return NULL;
	}
	op->ahead[h->round] = early_new(coll, from, h);
	if (!op->ahead[h->round])
		give_up(coll, op, COLL_NOMEM, UINT32_MAX);
	return NULL;
}

/* Likewise for any message of OP. */
static const char *take(coll_t *coll, struct op *op, uint32_t from,
			struct header *h)
{
	uint32_t nodes[COLL_PARTNERS_MAX];
	size_t n = op_partners(op, nodes);
	bool partner = false;

	if (h->kind == KIND_DATA)
		return take_data(coll, op, from, h);
	for (size_t i = 0; i < n; i++)
		partner |= nodes[i] == from;
	if (!partner || h->value >= coll->nnodes)
		return "a collective's abort makes no sense";
	give_up(coll, op, COLL_LOST, h->value);
	return NULL;
}

/* -- messages that are early -------------------------------------------- */

static struct op *op_of(coll_t *coll, const uint8_t *id, uint32_t seq)
{
	struct op *op;

	LIST_FOREACH(op, &coll->ops, next)
	{
		if (op->seq == seq && memcmp(op->id, id, COLL_ID_LEN) == 0)
			return op;
	}
	return NULL;
}

static void early_remove(coll_t *coll, struct early *e)
{
	TAILQ_REMOVE(&coll->earlies, e, next);
	coll->nearlies--;
	coll->early_bytes -= msg_len(&e->header);
}

/* NULL, or why no more are kept. */
static const char *early_keep(coll_t *coll, uint32_t from, struct header *h)
{
	struct early *e;

	if (coll->nearlies >= EARLY_MAX ||
	    msg_len(h) > EARLY_BYTES_MAX - coll->early_bytes)
		return "too many messages of collectives that this node has "
		       "not joined";
	e = early_new(coll, from, h);
	if (!e)
		return "out of memory for a collective's message";
	TAILQ_INSERT_TAIL(&coll->earlies, e, next);
	coll->nearlies++;
	coll->early_bytes += msg_len(&e->header);
	return NULL;
}

/* Move those of one meeting to MINE. */
static void early_select(coll_t *coll, const uint8_t *id, uint32_t seq,
			 struct earlies *mine)
{
	struct early *e, *next;

	TAILQ_INIT(mine);
	for (e = TAILQ_FIRST(&coll->earlies); e; e = next) {
		next = TAILQ_NEXT(e, next);
		if (e->header.seq != seq ||
		    memcmp(e->header.id, id, COLL_ID_LEN) != 0)
			continue;
		early_remove(coll, e);
		TAILQ_INSERT_TAIL(mine, e, next);
	}
}

/* ID has just been joined: use, or throw away, what came for it before. */
static void take_earlies(coll_t *coll, const uint8_t *id, uint32_t seq)
{
	struct early *e, *next;
	struct earlies mine;
	const char *why;
	struct op *op;

	early_select(coll, id, seq, &mine);
	for (e = TAILQ_FIRST(&mine); e; e = next) {
		next = TAILQ_NEXT(e, next);
		op = op_of(coll, id, seq); /* gone, once it has completed */
		why = op ? take(coll, op, e->from, &e->header) : NULL;
		if (why)
			links_drop(coll->links, e->from, why);
		early_free(e);
	}
}

/* A message has come. */
static void on_message(void *arg, uint32_t from, const void *msg, size_t len)
{
	coll_t *coll = arg;
	struct counter *c;
	struct header h;
	struct op *op = NULL;
	const char *why = decode_header(&h, msg, len);

	if (why)
		goto out;
	op = op_of(coll, h.id, h.seq);
	if (op) {
		why = take(coll, op, from, &h);
		goto out;
	}
	c = counter_of(coll, h.id);
	if (!c || h.seq >= c->seq) /* otherwise it is over here */
		why = early_keep(coll, from, &h);
out:
	if (why)
		links_drop(coll->links, from, why);
}

/* -- lost nodes --------------------------------------------------------- */

static bool awaits(const struct op *op, uint32_t node)
{
	for (uint32_t r = op->round; r < op->rounds; r++)
		if (!op->ahead[r] &&
		    op->nodes[source(op->pos, op->n, r)] == node)
			return true;
	return false;
}

static struct op *find_awaiting(coll_t *coll, uint32_t node)
{
	struct op *op;

	LIST_FOREACH(op, &coll->ops, next)
	{
		if (awaits(op, node))
			return op;
	}
	return NULL;
}

/*
 * Whether the node said good-bye makes no difference: one that is done has
 * sent all its messages, and they were here before its end.
 */
static void on_lost(void *arg, uint32_t node, int orderly, const char *why)
{
	coll_t *coll = arg;
	struct op *op;

	coll->lost[node] = true;
	while ((op = find_awaiting(coll, node)))
		give_up(coll, op, COLL_LOST, node);
	on_drained(coll, node);
}

/* -- joining ------------------------------------------------------------ */

/* NULL: no memory. */
static struct op *op_new(const uint8_t *id, const uint32_t *nodes, uint32_t n,
			 uint32_t self, const void *data, size_t len)
{
	struct op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	memcpy(op->id, id, COLL_ID_LEN);
	op->n = n;
	op->rounds = rounds_of(n);
	op->nodes = malloc(n * sizeof(*nodes));
	op->lens = malloc(n * sizeof(*op->lens));
	op->pieces[0].memory = len ? malloc(len) : NULL;
	if (!op->nodes || !op->lens || (len && !op->pieces[0].memory)) {
		op_free(op);
		return NULL;
	}
	memcpy(op->nodes, nodes, n * sizeof(*nodes));
	while (op->pos < n - 1 && nodes[op->pos] != self)
		op->pos++;
	if (len)
		memcpy(op->pieces[0].memory, data, len);
	op->pieces[0].blocks = op->pieces[0].memory;
	op->pieces[0].len = len;
	op->len = len;
	op->lens[0] = (uint32_t)len;
	op->nblocks = 1;
	return op;
}

bool coll_is_lost(const coll_t *coll, uint32_t node)
{
	return node < coll->nnodes && coll->lost[node];
}

/* A node of the set that is lost already, or UINT32_MAX. */
static uint32_t lost_one(const coll_t *coll, const struct op *op)
{
	for (uint32_t i = 0; i < op->n; i++)
		if (coll->lost[op->nodes[i]])
			return op->nodes[i];
	return UINT32_MAX;
}

static void start(coll_t *coll, struct op *op)
{
	uint32_t to[COLL_PARTNERS_MAX], lost = lost_one(coll, op);
	size_t n = op_partners(op, to);

	if (lost != UINT32_MAX) {
		give_up(coll, op, COLL_LOST, lost);
		return;
	}
	links_connect(coll->links, to, n);
	if (op->rounds == 0 || send_round(coll, op) == 0)
		go_on(coll, op);
}

/* STATUS other than COLL_OK: give up at once, the others shall not wait. */
static void join(coll_t *coll, const uint8_t *id, const uint32_t *nodes,
		 uint32_t nnodes, const void *data, size_t len,
		 coll_status_t status, coll_done_fn done, void *arg)
{
	uint8_t own_id[COLL_ID_LEN]; /* DONE may free the caller's */
	struct op *op = NULL;
	uint32_t seq = 0;

	memcpy(own_id, id, COLL_ID_LEN);
	if (next_seq(coll, id, &seq) == 0)
		op = op_new(id, nodes, nnodes, coll->self, data, len);
	if (!op) {
		done(arg, COLL_NOMEM, UINT32_MAX, NULL, 0);
		return;
	}
	op->seq = seq;
	op->done = done;
	op->arg = arg;
	LIST_INSERT_HEAD(&coll->ops, op, next);
	if (status == COLL_OK)
		start(coll, op);
	else
		give_up(coll, op, status, UINT32_MAX);
	take_earlies(coll, own_id, seq);
}

void coll_allgather(coll_t *coll, const uint8_t id[COLL_ID_LEN],
		    const uint32_t *nodes, uint32_t nnodes, const void *data,
		    size_t len, coll_done_fn done, void *arg)
{
	bool too_long = len > LINK_MSG_MAX;

	join(coll, id, nodes, nnodes, data, too_long ? 0 : len,
	     too_long ? COLL_NOMEM : COLL_OK, done, arg);
}

void coll_refuse(coll_t *coll, const uint8_t id[COLL_ID_LEN],
		 const uint32_t *nodes, uint32_t nnodes, coll_done_fn done,
		 void *arg)
{
	join(coll, id, nodes, nnodes, NULL, 0, COLL_LOST, done, arg);
}

void coll_cancel(coll_t *coll, void *arg)
{
	struct op *op;

	LIST_FOREACH(op, &coll->ops, next)
	{
		if (op->arg == arg) {
			give_up(coll, op, COLL_LOST, UINT32_MAX);
			return;
		}
	}
	LIST_FOREACH(op, &coll->unsent, next)
	{
		if (op->arg == arg) {
			LIST_REMOVE(op, next);
			hand_over(op);
			return;
		}
	}
}

/* ----------------------------------------------------------------------- */

coll_t *coll_create(links_t *links, uint32_t self, uint32_t nnodes)
{
	coll_t *coll = calloc(1, sizeof(*coll) + nnodes * sizeof(bool));

	if (!coll)
		return NULL;
	coll->links = links;
	coll->self = self;
	coll->nnodes = nnodes;
	LIST_INIT(&coll->ops);
	LIST_INIT(&coll->unsent);
	TAILQ_INIT(&coll->earlies);
	links_register(links, LINK_COLL, on_message, coll);
	links_on_lost(links, on_lost, coll);
	links_on_drained(links, on_drained, coll);
	return coll;
}

static void free_counters(coll_t *coll)
{
	struct counter *c, *next;

	for (int i = 0; i < BUCKETS; i++) {
		for (c = coll->buckets[i]; c; c = next) {
			next = c->next;
			free(c);
		}
	}
}

void coll_destroy(coll_t *coll)
{
	struct early *e, *next;
	struct op *op;

	if (!coll)
		return;
	while (!LIST_EMPTY(&coll->ops))
		give_up(coll, LIST_FIRST(&coll->ops), COLL_LOST, UINT32_MAX);
	while ((op = LIST_FIRST(&coll->unsent))) {
		LIST_REMOVE(op, next);
		hand_over(op);
	}
	for (e = TAILQ_FIRST(&coll->earlies); e; e = next) {
		next = TAILQ_NEXT(e, next);
		early_free(e);
	}
	free_counters(coll);
	free(coll);
}
