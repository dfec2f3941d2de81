# SPDX-License-Identifier: BSD-3-Clause
"""Swaps what root's part might follow, for as long as steps come and go.

swap.py BASE TREASURE OVER: in BASE, the directory of step directories, and in
each that it can enter, tries again and again to put links to TREASURE, a
directory of root's, in the place of whatever is there and of what may come;
until there is a file OVER, or for a minute.  Prints what came of it, as JSON:
how much was tried and how much done, in BASE itself and below, and how many
files in step directories were of other users.
"""
import json
import os
import random
import shutil
import sys
import time

base, treasure, over = sys.argv[1:]
KEPT = os.path.join(treasure, "kept")
count = {"tried": 0, "done": 0, "inside_tried": 0, "inside_done": 0, "foreign": 0}
where = ""


def attempt(what, *args):
    count[where + "tried"] += 1
    try:
        what(*args)
        count[where + "done"] += 1
    except OSError:
        pass


def listing(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def put_link(target, path):
    """In one step, whatever is there."""
    aside = path + ".swap"
    os.symlink(target, aside)
    try:
        os.rename(aside, path)
    except OSError:
        os.unlink(aside)
        raise


def swap_inside(path):
    """Some of it, at some time: not each step is to end at the same place."""
    time.sleep(random.random() / 50)
    for name in listing(path) + ["wire", "status", "x"]:
        if random.random() < 0.7:
            continue
        entry = os.path.join(path, name)
        try:
            if os.lstat(entry).st_uid != os.getuid():
                count["foreign"] += 1
        except OSError:
            pass
        attempt(os.rename, entry, entry + ".was")
        attempt(shutil.rmtree, entry + ".was")
        attempt(put_link, KEPT if name == "status" else treasure, entry)
        attempt(os.link, KEPT, entry + ".hard")
    attempt(os.makedirs, os.path.join(path, "d/e/e/p"))
    attempt(os.chmod, path, 0o777)


def swap(names):
    """The names that are there, and one of a step to come."""
    global where
    jobs = [int(n.split(".")[0]) for n in names if n.split(".")[0].isdigit()]
    for name in names + ["%d.0" % (max(jobs, default=0) + 1)]:
        path = os.path.join(base, name)
        where = ""
        attempt(os.rename, path, path + ".was")
        attempt(os.rmdir, path)
        attempt(put_link, treasure, path)
        attempt(os.mkdir, path)
        if os.access(path, os.X_OK):
            where = "inside_"
            swap_inside(path)
    where = ""
    attempt(os.rename, base, base + ".was")
    attempt(put_link, treasure, base)


end = time.monotonic() + 60
while not os.path.exists(over) and time.monotonic() < end:
    swap(listing(base))
print(json.dumps(count))
