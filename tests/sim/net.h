/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net.h - a discrete-event network: nodes that exchange messages, and what
 * that costs in time.  Knows nothing of what is sent.
 *
 * A message costs its sender's processor, then occupies the sender's network
 * interface, travels, occupies the receiver's interface and costs the
 * receiver's processor; then it is handed over.  Each node has one thread
 * and one interface in each direction; where several nodes live on one
 * machine, their threads share its cores.
 *
 * Times are microseconds.  One thread; everything is deterministic.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
	double latency_us;  /* from interface to interface */
	double us_per_byte; /* of an interface: 8e-3 / (Gbit/s) */
	double send_us;	    /* of the processor, per message */
	double recv_us;
	double cpu_us_per_byte; /* of the processor, at each end: copying,
				   encrypting */
	unsigned cores;		/* that all nodes share; 0: each has its own */
} net_model_t;

typedef struct net net_t;

/*
 * A message, or a wake-up where FROM is the node itself, reaches NODE.  BODY
 * is what was passed in, and becomes the callee's.
 */
typedef void (*net_handler_fn)(void *arg, uint32_t node, uint32_t from,
			       void *body);

/* Never NULL: without memory the program ends. */
net_t *net_open(uint32_t nodes, const net_model_t *model, net_handler_fn fn,
		void *arg);
void net_close(net_t *net);

/*
 * Send BODY from FROM to TO, as a message of BYTES.  Within a handler it is
 * sent when the node's processor has done what it has to do so far.
 */
void net_send(net_t *net, uint32_t from, uint32_t to, double bytes, void *body);
/* Hand BODY to NODE itself, after CPU_US of its processor's time. */
void net_wake(net_t *net, uint32_t node, double cpu_us, void *body);

/* Run until nothing is under way.  Returns the time at which that was. */
double net_run(net_t *net);
/* The time now. */
double net_now(const net_t *net);

typedef struct {
	uint64_t messages;
	double bytes;
	double most_bytes; /* sent by one node */
} net_count_t;

net_count_t net_count(const net_t *net);

#endif
