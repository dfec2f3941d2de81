# SPDX-License-Identifier: BSD-3-Clause
"""What strangers may send to a port of psec-pmixd.

garbage.py link|pmix UID LIMIT_S [NAME]...: finds the port on which a process
of UID listens for other nodes, or on loopback for libpmix, and sends each
kind of garbage (or those named) through a connection of its own.  Prints
what became of it.
"""
import os
import socket
import struct
import sys
import time

LOAD = {
    "nothing": b"",
    "one byte": b"x",
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "text": b"GET / HTTP/1.0\r\n\r\n",
    "random": os.urandom(65536),
    "a huge length": struct.pack(">IIII", 1, 0xFFFFFFF0, 0, 0) + bytes(512),
}


def listening(uid):
    """Yields port and whether it is on loopback."""
    for name in ("tcp", "tcp6"):
        with open("/proc/net/" + name, encoding="ascii") as table:
            for line in list(table)[1:]:
                field = line.split()
                if field[3] == "0A" and int(field[7]) == uid:
                    addr, port = field[1].split(":")
                    yield int(port, 16), addr == "0100007F"


def send(port, data, limit_s):
    conn = socket.create_connection(("127.0.0.1", port), 5)
    conn.settimeout(limit_s)
    try:
        conn.sendall(data)
        while conn.recv(65536):
            pass
    except (ConnectionResetError, BrokenPipeError):
        pass
    except socket.timeout:
        return "kept"
    finally:
        conn.close()
    return "dropped"


def main():
    which, uid, limit_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    ports = [p for p, loopback in listening(uid) if loopback == (which == "pmix")]
    if len(ports) != 1:
        sys.exit("uid %d does not listen on one such port but on %s" % (uid, ports))
    for name in sys.argv[4:] or LOAD:
        begun = time.monotonic()
        how = send(ports[0], LOAD[name], limit_s)
        print("%s: %s after %.1f s" % (name, how, time.monotonic() - begun))


main()
