#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# The documentation and what it is about agree: links, command lines, options,
# messages.  No cluster.

# bats and common.bash set variables; single quotes are for patterns.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup() {
    cd "$psec_repo" || return
    install=$(readlink -f -- "$PSEC_INSTALL")
}

@test "all links of README and guides lead to a file and a heading" {
    run_psec scripts/docs --check
    (( status == 0 ))
    says ', 0 wrong'
    # It can fail.
    printf '[a](doc/none.md) [b](README.md#none) `[c](none)`\n' > "$BATS_TEST_TMPDIR/bad.md"
    cp README.md "$BATS_TEST_TMPDIR"
    refuses python3 scripts/links.py "$BATS_TEST_TMPDIR/bad.md"
    says '2 links in 1 files, 2 wrong'
}

@test "the site has a page of each guide and manual page, and no dead links" {
    command -v pandoc > /dev/null || skip 'pandoc is not installed'
    local file
    succeeds scripts/docs --dir "$BATS_TEST_TMPDIR/site"
    says ', 0 wrong'
    for file in doc/*.md doc/man/*.[1-9]; do
        [[ -s $BATS_TEST_TMPDIR/site/${file%.md}.html ]]
    done
    grep -q '<h1.*slurm-psec' "$BATS_TEST_TMPDIR/site/index.html"
}

@test "all of our command lines in README and guides exist, with their options" {
    run_psec python3 tests/bats/commands.py "$install" README.md doc/*.md
    (( status == 0 ))
    printf '    scripts/none\n    scripts/test --none\n    psec none\n    psec list --none\n    meson setup b -Dnone=1\n    psec-check --none\n' > "$BATS_TEST_TMPDIR/bad.md"
    refuses python3 tests/bats/commands.py "$install" "$BATS_TEST_TMPDIR/bad.md"
    says '6 command lines, 6 wrong'
}

@test "manual pages say what they are, and refer to pages that there are" {
    local page name ref
    for page in doc/man/*.[1-9]; do
        name=${page##*/}
        grep -q '^\.TH [A-Z\\_-]* '"${name##*.}" "$page"
        [[ -e $install/share/man/man${name##*.}/$name ]]
        # Of our pages; the others are other people's.
        while read -r ref; do
            [[ -e $install/share/man/man${ref##*.}/$ref ]] || {
                echo "$page refers to $ref"
                return 1
            }
        done < <(sed -nE 's/[\]//g; s/^\.BR (psec|libpsec|spank_psec)([a-z_-]*) \(([0-9])\).*/\1\2.\3/p' "$page")
    done
}

@test "each option of plugstack.conf is in the manual and in the admin guide" {
    local key count=0
    while read -r key; do
        count=$(( count + 1 ))
        grep -qE "^\.B[IR]* ${key//_/[\\]?_}(=| |\$)" doc/man/spank_psec.5 || {
            echo "not in spank_psec(5): $key"
            return 1
        }
        grep -qE "^\| \`$key\`" doc/admin-guide.md || {
            echo "not in the admin guide: $key"
            return 1
        }
    done < <(sed -nE 's/^\t\{ "([a-z_]+)", .*offsetof.*/\1/p' spank/options.c)
    (( count > 10 ))
}

@test "each message that a site or a user can see has an entry in the admin guide" {
    succeeds python3 tests/bats/messages.py "$psec_repo" doc/admin-guide.md
    # They were found.
    [[ $output =~ ^([0-9]+)\ messages,\ 0\ wrong$ ]]
    (( BASH_REMATCH[1] > 150 ))
    # It can fail: in a log, at the start of a step, of psec, a cause.
    grep -vE 'is in use by another slurmd|is no text for a terminal|^\| .replayed|with status N: TEXT' \
        doc/admin-guide.md > "$BATS_TEST_TMPDIR/guide.md"
    refuses python3 tests/bats/messages.py "$psec_repo" "$BATS_TEST_TMPDIR/guide.md"
    says 'stepdir.c: no entry for: the step directory # is in use by another slurmd'
    says 'psec-cmd-cred.c: no entry for: a credential of type # is no text for a terminal'
    says 'abort.c: no entry for: rank # on node # called PMIx_Abort'
    says 'no entry for the cause: replayed'
    says ' messages, 4 wrong'
}

@test "each check of psec-check is in its manual and in the admin guide" {
    local name count=0
    while read -r name; do
        count=$(( count + 1 ))
        grep -qF "\`$name\`" doc/admin-guide.md
        grep -qF "${name//-/\\-}" doc/man/psec-check.8
    done < <(grep -oE 'finding (critical|warning|unknown|"\$level") [a-z-]+' scripts/psec-check | awk '{ print $3 }' | sort -u)
    (( count > 15 ))
}

@test "the version is the same everywhere" {
    local version
    version=$(sed -nE "s/^  version: '([0-9.]+)',/\1/p" meson.build)
    [[ -n $version ]]
    [[ $(scripts/psec-check --version) == "psec-check $version" ]]
    [[ $("$install/bin/psec" --version) == *"$version"* ]]
    grep -q "^slurm-psec ($version)" debian/changelog
    grep -q "^Version: *$version\$" packaging/slurm-psec.spec
    run_psec grep -L "slurm-psec $version" doc/man/*.[1-9]
    [[ -z $output ]]
}

# --- what tables say of tests ------------------------------------------------

@test "each test that the tables of attacks and of the RFCs name exists" {
    succeeds python3 "$BATS_TEST_DIRNAME/named_tests.py" "$psec_repo" doc/security.md doc/rfc-table.md
    # Tables were read.
    [[ $output =~ ^([0-9]+)\ tests\ are\ named$ ]]
    (( BASH_REMATCH[1] > 150 ))
}

@test "a test that does not exist is noticed" {
    mkdir -p "$BATS_TEST_TMPDIR/doc"
    ln -s "$psec_repo/tests" "$BATS_TEST_TMPDIR/tests"
    cat > "$BATS_TEST_TMPDIR/doc/table.md" << 'END'
| a | b | c |
|---|---|---|
| 1 | "no test" | `steps.bats` "a step of one task", "... of eight tasks ..."; `unit/psec_list` no_such_test_is_here |
| 2 | | `steps.bats` "a step of no task"; `unit/nothing`; `none.bats` |
END
    refuses python3 "$BATS_TEST_DIRNAME/named_tests.py" "$BATS_TEST_TMPDIR" doc/table.md
    says 'doc/table.md:3: tests/unit/test_psec_list.c has no test no_such_test_is_here'
    says 'doc/table.md:4: tests/bats/steps.bats has no test "a step of no task"'
    says 'doc/table.md:4: there is no tests/unit/test_nothing.c'
    says 'doc/table.md:4: there is no tests/bats/none.bats'
    # Of these lines, and no more.
    (( ${#lines[@]} == 5 ))
}
