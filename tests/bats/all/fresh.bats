#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# A newcomer's day: a Debian that has nothing yet, and the README's command.  And
# what chroots leave behind.

# bats and common.bash set variables; dollars in single quotes are for other
# shells.
# shellcheck disable=SC2016,SC2154

load ../common

chroots=${PSEC_CHROOT_DIR:-/var/lib/psec-chroot}

# newcomer RELEASE VERSION
newcomer() {
    run_psec timeout 1200 "$psec_repo/scripts/chroot" --fresh --release "$1" -- \
        sh -c 'cat /etc/debian_version; ! command -v gcc; scripts/demo'
    (( status == 0 ))
    [[ ${lines[0]} == "$2"* ]]
    says 'all of it is as it must be'
}

@test "in a fresh Debian 12 scripts/demo is all that is needed" {
    newcomer bookworm 12
}

@test "in a fresh Debian 13 scripts/demo is all that is needed" {
    newcomer trixie 13
}

# What of chroots there is on this host.
traces() {
    grep -F "$chroots" /proc/self/mounts
    ls -d "$chroots"/fresh.*
    pgrep -x -f 'sleep 4711'
    :
}

no_traces() {
    [[ -z $(traces 2> /dev/null) ]]
}

@test "an interrupted chroot leaves no mount, process or directory" {
    local signal pid
    for signal in TERM HUP; do
        "$psec_repo/scripts/chroot" --fresh -- sh -c 'mount -t tmpfs none /mnt; sleep 4711 & setsid sleep 4711' \
            > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
        pid=$!
        wait_for 60 pgrep -x -f 'sleep 4711'
        kill -"$signal" "$pid"
        wait_for 20 no_traces
    done
    # Killed outright, the directory stays till the next run, and nothing else.
    "$psec_repo/scripts/chroot" --fresh -- sleep 4711 > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    pid=$!
    wait_for 60 pgrep -x -f 'sleep 4711'
    kill -KILL "$pid"
    wait_for 20 refuses pgrep -x -f 'sleep 4711'
    run_psec "$psec_repo/scripts/chroot" --fresh -- true
    (( status == 0 ))
    no_traces
}
