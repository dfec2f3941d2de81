#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A service that lets in whom a credential proves, and its client.

    ./credential_service.py serve ADDRESS-FILE
    srun --mpi=pmix ./credential_service.py ask ADDRESS-FILE [UID]

The service need not be part of a job, nor a PMIx program: a licence server or
a data base would do the same.  All it needs is MUNGE with the cluster's key and
the command psec(1).  It listens on a port that the kernel picks, and writes
"host port" into ADDRESS-FILE.

UID is the service's, by default the caller's own.  A credential is made for it
alone: a service that is not run by UID cannot use what it is sent, and so can
nobody to whom it might pass it on.  Host and port come from a file and prove
nothing.

What follows the credential on the connection is not protected: it tells who
began it.  Where others can read or change what is on the network, use the
handshake of libpsec (see psec_handshake.c), which agrees on keys.
"""
import json
import os
import pathlib
import socket
import socketserver
import subprocess
import sys

CREDENTIAL_MAX = 64 * 1024
TIMEOUT_S = 10


def who(cred):
    """What psec finds proven about the sender of CRED; else why it is refused."""
    answer = subprocess.run(["psec", "validate", "--local", "--json"], input=cred,
                            stdout=subprocess.PIPE, timeout=TIMEOUT_S, check=False)
    told = json.loads(answer.stdout)
    if told.get("valid"):
        return told["proven"], None
    return None, told["error"]["text"]


class Visitor(socketserver.StreamRequestHandler):
    """One connection: a credential, until the visitor ends his side; a line."""

    # Who says nothing must not hold a thread for ever.
    timeout = TIMEOUT_S

    def handle(self):
        cred = self.rfile.read(CREDENTIAL_MAX + 1)
        if len(cred) > CREDENTIAL_MAX:
            return
        proven, why = who(cred)
        print("refused: " + why if why else f"let in: uid {proven['uid']}", flush=True)
        # Why is not for strangers.
        answer = "refused" if why else f"welcome, uid {proven['uid']}"
        self.wfile.write(answer.encode() + b"\n")


class Service(socketserver.ThreadingTCPServer):
    """A thread for each visitor."""

    daemon_threads = True


def serve(address_file):
    """Take visitors until somebody ends us."""
    with Service(("", 0), Visitor) as service:
        new = pathlib.Path(address_file + ".new")
        new.write_text(f"{socket.gethostname()} {service.server_address[1]}\n",
                       encoding="ascii")
        # So that nobody reads half of it.
        new.rename(address_file)
        service.serve_forever()


def ask(address_file, uid):
    """Show a credential that only UID can validate, and print the answer."""
    host, port = pathlib.Path(address_file).read_text(encoding="ascii").split()
    cred = subprocess.run(["psec", "get", "--for-uid", uid],
                          stdout=subprocess.PIPE, check=True).stdout
    with socket.create_connection((host, int(port)), TIMEOUT_S) as conn:
        conn.sendall(cred)
        conn.shutdown(socket.SHUT_WR)
        answer = conn.makefile().readline().strip()
    print(f"task {os.environ.get('PMIX_RANK', '-')}: {answer}")
    if not answer.startswith("welcome"):
        sys.exit(1)


def main():
    """The command line."""
    args = sys.argv[1:]
    if len(args) == 2 and args[0] == "serve":
        serve(args[1])
    elif len(args) in (2, 3) and args[0] == "ask":
        ask(args[1], args[2] if len(args) == 3 else str(os.getuid()))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
