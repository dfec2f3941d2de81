# SPDX-License-Identifier: BSD-3-Clause
"""Has each message an entry in the admin guide?

messages.py REPO GUIDE: what the plugins and psec-pmixd write into slurmd's log
at level verbose or above, the sentences with which a step does not start, and
the causes for which credentials are refused.  An entry is a code span of the
chapter "Failure messages"; "..." and words in capitals stand for anything.
Prints what has none, and how many messages there are.
"""
import glob
import os
import re
import sys

LOGS = r"\b(?:slurm|plog)_(?:error|info|verbose)\("
# The files whose failures end the start of a step.
STARTS = ("startup", "server", "stepdir", "plugin", "het", "main", "layout", "apps", "stepconf", "nspace", "control",
          "spank_psec", "options")
FAILS = r'\b(?:error_set|psec_fail|fail|refuse|snprintf)\((?:[^;"]*?,)\s*(?=")'
# Of the command psec, but for wrong usage.
SAYS = r'\bpsec_fail\((?:[^;"]*?,)\s*(?=")'
LITERAL = r'"(?:\\.|[^"\\])*"'
FORMAT = re.compile(r"%[-+ #0-9.*]*(?:hh|h|ll|l|z)?[a-zA-Z]|\0")
PREFIX = re.compile(r"^(?:psec-pmixd|mpi/pmix|psec): ")
ANY = re.compile(r"\.\.\.|\b[A-Z][A-Z_]*[A-Z]\b(?:[.:][A-Z]+\b)?|\b[NRSM]\b|\bnN\b")


def squeeze(text):
    return PREFIX.sub("", " ".join(text.split()))


def pattern(text, wild):
    """A regular expression: what WILD matches is anything."""
    return re.compile(".*".join(re.escape(p.strip()) for p in wild.split(squeeze(text))) + ".*")


def messages_of(path):
    with open(path, encoding="utf-8") as f:
        text = re.sub(r"(" + LITERAL + r")|/\*.*?\*/", lambda m: m[1] or " ", f.read(), flags=re.S)
    calls = [LOGS]
    name = os.path.basename(path)[:-2]
    if name in STARTS:
        calls.append(FAILS)
    elif name.startswith("psec-cmd-") and name != "psec-cmd-address":
        calls.append(SAYS)
    for call in re.finditer("|".join(calls), text):
        # Adjacent literals, and macros between them.
        said = re.match(r"\s*((?:" + LITERAL + r"|[A-Z][A-Z_0-9]+|\s)+)", text[call.end():])
        if said:
            parts = re.findall(r'"((?:\\.|[^"\\])*)"|([A-Z][A-Z_0-9]+)', said[1])
            message = "".join("\0" if macro else literal.replace('\\"', '"') for literal, macro in parts)
            if len(FORMAT.sub("", message)) > 8:
                yield message


def causes_of(path):
    with open(path, encoding="utf-8") as f:
        return re.findall(r'\[CRED_\w+\] = \{ "([^"]*)"', f.read())


def main():
    repo, guide = sys.argv[1:]
    with open(os.path.join(repo, guide), encoding="utf-8") as f:
        chapter = re.search(r"^## Failure messages\n(.*?)^## ", f.read(), re.S | re.M)[1]
    spans = [" ".join(s.split()) for s in re.findall(r"`([^`]+)`", chapter)]
    entries = [(squeeze(s), pattern(s, ANY)) for s in spans if len(ANY.sub("", squeeze(s))) > 8]
    count, wrong = 0, 0
    for path in sorted(sum((glob.glob(os.path.join(repo, d, "*.c")) for d in ("spank", "mpi_plugin", "mpi_plugin/pmixd", "libpsec")), [])):
        for message in messages_of(path):
            count += 1
            plain, wild = FORMAT.sub("#", squeeze(message)), pattern(message, FORMAT)
            if not any(e.match(plain) or wild.fullmatch(s) for s, e in entries):
                print("%s: no entry for: %s" % (os.path.relpath(path, repo), plain))
                wrong += 1
    for cause in causes_of(os.path.join(repo, "mpi_plugin/pmixd/cred_cause.c")):
        count += 1
        if cause != "ok" and cause not in spans:
            print("no entry for the cause: " + cause)
            wrong += 1
    print("%d messages, %d wrong" % (count, wrong))
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
