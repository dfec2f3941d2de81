#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# The Debian packages: built here, installed in a Debian that has nothing else,
# and used there by the demo, which gets nothing of a build.

# bats and common.bash set variables; dollars in single quotes are for other
# shells.
# shellcheck disable=SC2016,SC2154

load ../common

setup_file() {
    export packages=$BATS_FILE_TMPDIR/packages
    "$psec_repo/scripts/package" --dir "$packages" > "$BATS_FILE_TMPDIR/log" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/log"
        return 1
    }
}

@test "lintian finds no error in the packages" {
    run_psec lintian --allow-root --fail-on error "$packages"/*.changes
    (( status == 0 ))
    [[ $output != *'E: '* ]]
}

@test "the packages are those that there should be, and are for this Slurm alone" {
    local version
    run_psec sh -c 'cd "$1" && for p in *.deb; do echo "${p%%_*}"; done | grep -v dbgsym | xargs' sh "$packages"
    [[ $output == 'libpsec-dev libpsec-munge libpsec0 psec slurm-psec-doc slurm-wlm-psec-plugin' ]]
    version=$(slurmctld -V)
    run_psec dpkg-deb -f "$packages"/slurm-wlm-psec-plugin_*.deb Depends
    says "slurm-wlm-basic-plugins (>= ${version##* })"
    # Nothing but what Debian has is needed, and of libpsec nothing of Slurm.
    run_psec dpkg-deb -f "$packages"/libpsec0_*.deb Depends
    [[ $output != *slurm* && $output != *munge* && $output != *pmix* ]]
}

@test "installed in a fresh Debian, they run the demo, and psec-check is content" {
    run_psec timeout 900 "$psec_repo/scripts/chroot" --fresh --with "$packages" -- bash -euc '
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update
        apt-get -qq -y --no-install-recommends install $(ls ./packages/*.deb | grep -v dbgsym) \
            slurmctld slurmd slurm-client munge iproute2 procps util-linux passwd \
            gcc libc6-dev libpmix-dev pkg-config man-db > apt.log 2>&1 || { cat apt.log; exit 1; }
        # What the headers are for is compiled, the manual is there.
        cc -o example doc/examples/psec_credential.c $(pkg-config --cflags --libs libpsec)
        man -w 5 spank_psec; man -w 8 psec-check; man -w 1 psec; man -w 3 psec_create
        test ! -e build
        scripts/demo --installed /usr
        scripts/cluster up --name check --nodes 2 --prefix /usr
        scripts/cluster exec --name check --user psecalice -- psec-check --nodes all
        scripts/cluster down --name check
        dpkg --verify libpsec0 libpsec-munge psec slurm-wlm-psec-plugin
        apt-get -qq -y purge libpsec0 slurm-psec-doc > /dev/null
        ! find /usr -name "*psec*" ! -path "*/share/*/psec*" | grep psec
        echo all of it was removed'
    (( status == 0 ))
    says 'all of it is as it must be'
    says 'PSEC OK - 3 host(s) checked, and a step was tried'
    says 'all of it was removed'
}
