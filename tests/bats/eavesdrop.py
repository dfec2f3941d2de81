# SPDX-License-Identifier: BSD-3-Clause
"""Whoever owns the network between two nodes: records, and says it again.

eavesdrop.py record FILE PORT-PORT: as root; each direction of each TCP
connection to one of these ports, from the begin on, until FILE.stop is there.
eavesdrop.py replay FILE: connects to where those went and sends the same bytes
as before, all of them; then only the first half of them.  Prints what came of
each.
"""
import json
import os
import socket
import struct
import sys
import time


def segments(packet):
    """(source, destination), sequence number and payload of a TCP packet."""
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != 6:
        return None
    ip_len = (packet[0] & 15) * 4
    total = struct.unpack_from(">H", packet, 2)[0] or len(packet)
    sport, dport, seq = struct.unpack_from(">HHI", packet, ip_len)
    tcp_len = (packet[ip_len + 12] >> 4) * 4
    ends = (socket.inet_ntoa(packet[12:16]), sport, socket.inet_ntoa(packet[16:20]), dport)
    return ends, seq, packet[ip_len + tcp_len : total]


def record(path, ports):
    first, last = (int(p) for p in ports.split("-"))
    # All protocols: with IPv4 alone what this node sends is not seen.
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    sock.settimeout(0.2)
    found = {}
    open(path + ".ready", "w", encoding="ascii").close()
    while not os.path.exists(path + ".stop"):
        try:
            part = segments(sock.recv(1 << 18))
        except socket.timeout:
            continue
        if part and part[2] and first <= part[0][3] <= last:
            found.setdefault(part[0], {})[part[1]] = part[2]
    told = [
        {"host": ends[2], "port": ends[3], "hex": b"".join(parts[s] for s in sorted(parts)).hex()}
        for ends, parts in found.items()
    ]
    with open(path + ".new", "w", encoding="ascii") as out:
        json.dump(told, out)
    os.rename(path + ".new", path)


def say_again(host, port, data):
    conn = socket.create_connection((host, port), 5)
    conn.settimeout(15)
    heard = 0
    begun = time.monotonic()
    try:
        conn.sendall(data)
        while True:
            some = conn.recv(65536)
            if not some:
                break
            heard += len(some)
    except (ConnectionResetError, BrokenPipeError):
        pass
    except socket.timeout:
        return "kept"
    finally:
        conn.close()
    return "dropped after %.1f s, %d bytes were sent, %d heard" % (time.monotonic() - begun, len(data), heard)


if sys.argv[1] == "record":
    record(sys.argv[2], sys.argv[3])
else:
    with open(sys.argv[2], encoding="ascii") as recorded:
        for conversation in json.load(recorded):
            whole = bytes.fromhex(conversation["hex"])
            for bytes_said in whole, whole[: len(whole) // 2]:
                print(say_again(conversation["host"], conversation["port"], bytes_said))
