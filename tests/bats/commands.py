#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""commands.py PREFIX FILE...: each command line of ours in these guides exists:
the script, the subcommand, each of its options, by their own --help, which is
run; and each of meson's options.  Prints those that do not."""
import os
import re
import subprocess
import sys

repo = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
prefix = sys.argv[1]
helps = {}


def help_of(*command):
    if command not in helps:
        run = subprocess.run([*command, "--help"], capture_output=True, text=True)
        helps[command] = run.stdout if run.returncode == 0 else None
    return helps[command]


def lines_of(path):
    """Lines of code blocks, and code spans."""
    text = open(path, encoding="utf-8").read()
    text = text.replace("\\\n", " ")
    for block in re.findall(r"^```\w*\n(.*?)^```", text, flags=re.S | re.M):
        yield from block.split("\n")
    for line in text.split("\n"):
        if line.startswith("    "):
            yield line
        yield from re.findall(r"`([^`]+)`", line)


def commands(line):
    """(command, its words) of ours in a line."""
    line = re.sub(r"\s#\s.*", "", line)
    for part in re.split(r"\|\|?|&&|;|\$\(|\)", line):
        words = part.replace("'", "").replace("[", "").replace("]", "").split()
        while words and not re.match(r"(scripts/[\w-]+|psec|psec-check|meson)$", words[0]):
            words.pop(0)
        # A table's row and the names of messages in the formats look alike.
        if words and words[1:2] not in (["itself"], ["native"]):
            yield words


def check(words):
    """What is wrong with a command line, or None."""
    name, rest = words[0], words[1:]
    # What follows is a command of its own.
    for stop in ("--", "srun"):
        if stop in rest:
            rest = rest[:rest.index(stop)]
    options = [o.split("=")[0] for o in rest if re.match(r"--[a-z]", o)]
    if name == "meson":
        known = open(os.path.join(repo, "meson_options.txt"), encoding="utf-8").read()
        for option in re.findall(r"-D(\w+)=", " ".join(rest)):
            if f"option('{option}'" not in known and not re.match(r"(c_args|c_link_args|werror)$", option):
                return f"meson knows no -D{option}"
        return None
    if name.startswith("scripts/"):
        if not os.path.exists(os.path.join(repo, name)):
            return f"there is no {name}"
        if name.endswith(("lib.sh", ".py", "meson.build")):
            return None
        said = help_of(os.path.join(repo, name))
    elif name == "psec-check":
        said = help_of(os.path.join(prefix, "sbin", name))
    elif rest and re.match(r"[a-z]+$", rest[0]):
        said = help_of(os.path.join(prefix, "bin", "psec"), rest[0])
        if said is None:
            return f"psec knows no {rest[0]}"
    else:
        said = help_of(os.path.join(prefix, "bin", "psec"))
    if said is None:
        return f"{name} --help fails"
    for option in options:
        if option not in ("--help", "--version") and not re.search(re.escape(option) + r"\b", said):
            return f"its help does not know {option}"
    return None


wrong = count = 0
for path in sys.argv[2:]:
    for line in lines_of(path):
        for words in commands(line):
            count += 1
            problem = check(words)
            if problem:
                print(f"{path}: '{' '.join(words)}': {problem}")
                wrong += 1
print(f"{count} command lines, {wrong} wrong")
sys.exit(1 if wrong or count < 50 else 0)
