#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# A newcomer's day: a Debian that has nothing yet, and the README's two commands.
# And what chroots leave behind.
#
# scripts/test runs in part: all the units, and the bats files that want most of a
# system (namespaces, overlays, compilers, Open MPI in four languages, the sources
# that scripts/setup fetches).  All of it on a new machine is what .ci/run does, and
# in a chroot with PSEC_CI_RELEASES; a third and fourth time would take half an hour
# and find nothing more of what a newcomer may lack.

# bats and common.bash set variables; dollars in single quotes are for other
# shells.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load ../common

chroots=${PSEC_CHROOT_DIR:-/var/lib/psec-chroot}

# newcomer RELEASE VERSION
newcomer() {
    run_psec timeout 2400 "$psec_repo/scripts/chroot" --fresh --release "$1" -- sh -euc '
        cat /etc/debian_version
        if command -v gcc; then exit 1; fi
        scripts/demo
        scripts/test --unit
        scripts/test --jobs 2 --bats cluster containers credentials docs examples mpi'
    (( status == 0 ))
    [[ ${lines[0]} == "$2"* ]]
    says 'all of it is as it must be'
    # The units' and the others'; a release may not have all that tests can use.
    (( $(grep -cE '^[1-9][0-9]* passed, 0 failed, [0-9]+ skipped$' <<< "$output") == 2 ))
}

@test "in a fresh Debian 12 the two commands are all that is needed" {
    newcomer bookworm 12
}

@test "in a fresh Debian 13 the two commands are all that is needed" {
    newcomer trixie 13
}

# commands_after TEXT: the commands of README.md's next block of code after TEXT.
commands_after() {
    awk -v text="$1" '
        !found { found = index($0, text); next }
        /^ *$/ { if (n) exit; next }
        /^    / { n++; print; next }
        n { exit }' "$psec_repo/README.md"
}

@test "on a cluster's node, the README's way to install it from source" {
    commands_after 'and their headers; on Debian:' > "$BATS_TEST_TMPDIR/source-install"
    commands_after 'must be of one Slurm version' >> "$BATS_TEST_TMPDIR/source-install"
    # None was lost.
    run_psec cat "$BATS_TEST_TMPDIR/source-install"
    says 'apt-get install meson '
    says 'meson setup build --prefix=/usr '
    says 'ninja -C build install'
    run_psec timeout 900 "$psec_repo/scripts/chroot" --fresh --with "$BATS_TEST_TMPDIR/source-install" -- bash -euc '
        export DEBIAN_FRONTEND=noninteractive
        # What a cluster has, and nobody here to say yes.
        apt-get -qq update
        apt-get -qq -y --no-install-recommends install slurmctld slurmd slurm-client munge iproute2 procps \
            > apt.log 2>&1 || { cat apt.log; exit 1; }
        echo "APT::Get::Assume-Yes true;" > /etc/apt/apt.conf.d/91yes
        bash -eux source-install > install.log 2>&1 || { cat install.log; exit 1; }
        scripts/demo --installed /usr
        ninja -C build uninstall > /dev/null
        if find /usr ! -type d ! -path "*/pmix2/*" \( -name "libpsec*" -o -name "psec[-_]*" -o -name "spank_psec*" \) | grep .; then
            exit 1
        fi'
    (( status == 0 ))
    says 'all of it is as it must be'
}

# What there is on this host of the chroot of process $pid; others may have theirs.
traces() {
    grep -F "$chroots/fresh.$pid" /proc/self/mounts
    ls -d "$chroots/fresh.$pid"
    pgrep -x -f 'sleep 4711'
    :
}

no_traces() {
    [[ -z $(traces 2> /dev/null) ]]
}

@test "an interrupted chroot leaves no mount, process or directory" {
    local signal pid
    for signal in TERM HUP; do
        # Somebody may have begun the tests with nohup.
        env --default-signal "$psec_repo/scripts/chroot" --fresh -- sh -c 'mount -t tmpfs none /mnt; sleep 4711 & setsid sleep 4711' \
            > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
        pid=$!
        wait_for 300 pgrep -x -f 'sleep 4711'
        [[ -d $chroots/fresh.$pid ]]
        kill -"$signal" "$pid"
        wait_for 20 no_traces
    done
    # Killed outright, the directory stays till the next run, and nothing else.
    "$psec_repo/scripts/chroot" --fresh -- sleep 4711 > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    pid=$!
    wait_for 300 pgrep -x -f 'sleep 4711'
    kill -KILL "$pid"
    wait_for 20 refuses pgrep -x -f 'sleep 4711'
    run_psec "$psec_repo/scripts/chroot" --fresh -- true
    (( status == 0 ))
    no_traces
}
