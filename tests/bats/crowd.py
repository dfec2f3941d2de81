#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""crowd.py OVER PORT...: keeps the one of these ports of this host busy where
the psec handshake is spoken: 20 silent connections, and a new one for each that
is closed, until there is a file OVER."""

import os
import select
import socket
import sys

over, ports = sys.argv[1], sys.argv[2:]


def call(port):
    return socket.create_connection(("127.0.0.1", int(port)), timeout=5)


def greets(port):
    with call(port) as conn:
        return bool(select.select([conn], [], [], 0.5)[0]) and conn.recv(4) == b"PSEC"


port = next(p for p in ports if greets(p))
conns = []
said = False
while not os.path.exists(over):
    try:
        while len(conns) < 20:
            conns.append(call(port))
    except ConnectionRefusedError:
        break  # srun is gone
    for conn in select.select(conns, [], [], 0.05)[0]:
        try:
            gone = not conn.recv(4096)
        except OSError:
            gone = True
        if gone:
            conn.close()
            conns.remove(conn)
    if not said:
        print("crowded", flush=True)
        said = True
