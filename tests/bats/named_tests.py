# SPDX-License-Identifier: BSD-3-Clause
"""Do the tests that tables name exist?

named_tests.py REPO DOCUMENT...: in each cell of a table that names a file of
tests, `X.bats` or `unit/X`, the names behind it must be tests of that file:
"in quotes" of the first kind, words_with_underscores of the second.  "..."
stands for anything.  Prints what does not exist, and how many were named.
"""
import os
import re
import sys

TOKEN = re.compile(r'`(?P<bats>[a-z-]+\.bats)`|`unit/(?P<unit>\w+)`|`[^`]*`|"(?P<quoted>[^"]+)"|\b(?P<word>[a-z0-9]+(?:_[a-z0-9]+){2,})\b')


def tests_of(repo, path):
    """The names of the tests in a file, or None."""
    try:
        with open(os.path.join(repo, path), encoding="utf-8") as f:
            text = f.read()
    except FileNotFoundError:
        return None
    if path.endswith(".bats"):
        return [re.sub(r"\\(.)", r"\1", n) for n in re.findall(r"^@test [\"'](.*)[\"'] \{$", text, re.M)]
    return re.findall(r"\b(?:T|cmocka_unit_test\w*)\(\s*(\w+)", text) + re.findall(r"^static void (\w+)\(void \*\*", text, re.M)


def is_there(name, tests):
    pattern = ".*".join(re.escape(p.strip()) for p in name.split("..."))
    return any(re.fullmatch(pattern, t) for t in tests)


def check_cell(repo, cell, say):
    path, tests, named = None, [], 0
    for token in TOKEN.finditer(cell):
        if token["bats"] or token["unit"]:
            path = "tests/bats/" + token["bats"] if token["bats"] else "tests/unit/test_%s.c" % token["unit"]
            tests = tests_of(repo, path)
            if tests is None:
                say("there is no " + path)
                path = None
            continue
        name = token["quoted"] if path and path.endswith(".bats") else token["word"]
        if not path or not name:
            continue
        named += 1
        if not is_there(name, tests):
            say("%s has no test %s" % (path, '"%s"' % name if token["quoted"] else name))
    return named


def main():
    repo, wrong, named = sys.argv[1], [], 0
    for document in sys.argv[2:]:
        with open(os.path.join(repo, document), encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                if not line.startswith("|"):
                    continue
                for cell in line.split(" | "):
                    named += check_cell(repo, cell, lambda what: wrong.append("%s:%d: %s" % (document, number, what)))
    print("\n".join(wrong + ["%d tests are named" % named]))
    return 1 if wrong else 0


sys.exit(main())
