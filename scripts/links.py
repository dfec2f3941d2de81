#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""links.py FILE...: every link in these Markdown or HTML files leads somewhere:
to a file, and to a heading in it where it names one.  Links to other hosts are
only looked at.  Prints what is wrong; exits with 1 if anything is."""
import os
import re
import sys
from html.parser import HTMLParser
from urllib.parse import unquote


def without_code(text):
    """Code blocks and spans have brackets that are no links."""
    text = re.sub(r"^( *)(```|~~~).*?^\1\2", "", text, flags=re.S | re.M)
    text = re.sub(r"^(    |\t).*$", "", text, flags=re.M)
    return re.sub(r"`[^`\n]+`", "", text)


def slug(heading):
    """The name that renderers give a heading."""
    heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    heading = re.sub(r"[`*]", "", heading).strip().lower()
    return re.sub(r" ", "-", re.sub(r"[^\w\- ]", "", heading))


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if attrs.get("id"):
            self.names.add(attrs["id"])


def read(path):
    """Links and names of headings of a file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".html"):
        page = Page(text)
        return page.links, page.names
    if not path.endswith(".md"):
        return [], set()
    plain = re.sub(r"^( *)(```|~~~).*?^\1\2", "", text, flags=re.S | re.M)
    names, seen = set(), {}
    for heading in re.findall(r"^#+ +(.*)$", plain, flags=re.M):
        name = slug(heading)
        seen[name] = seen.get(name, -1) + 1
        names.add(f"{name}-{seen[name]}" if seen[name] else name)
    text = without_code(text)
    return re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)", text), names


def main(paths):
    wrong = count = 0
    for path in paths:
        for link in read(path)[0]:
            count += 1
            if re.match(r"[a-z]+:", link):
                if not re.match(r"(https|mailto):", link):
                    print(f"{path}: {link}: neither https: nor mailto:")
                    wrong += 1
                continue
            file, _, name = unquote(link).partition("#")
            target = os.path.join(os.path.dirname(path), file) if file else path
            if not os.path.exists(target):
                print(f"{path}: {link}: there is no {os.path.normpath(target)}")
                wrong += 1
            elif name and not os.path.isdir(target) and name not in read(target)[1]:
                print(f"{path}: {link}: {os.path.normpath(target)} has no heading '{name}'")
                wrong += 1
    print(f"{count} links in {len(paths)} files, {wrong} wrong")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
