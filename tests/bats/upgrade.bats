#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# An upgrade: the files of an installation are replaced by those of a version
# that speaks otherwise between slurmstepd and psec-pmixd, all or some of them.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    export old prefix=${PSEC_STAGE_DIR:-/var/lib/psec-stage}/upgrade.$$ next=$BATS_FILE_TMPDIR/next
    old=$(readlink -f -- "$PSEC_INSTALL")
    mkdir -p "$prefix"
    cp -a "$old/." "$prefix"
    plugindir=$(dirname -- "$(find "$prefix" -name spank_psec.so)")
    export plugindir
    own_cluster --nodes 2 --prefix "$prefix"
    # The next version, which differs in nothing else.
    mkdir "$next"
    tar -C "$psec_repo" --exclude='./build*' --exclude=./.cache --exclude=./.git -cf - . | tar -C "$next" -xf -
    sed -i -E 's/^(#define CTL_VERSION) [0-9]+u/\1 999u/' "$next/mpi_plugin/ctl.h"
    (
        cd "$next"
        meson setup --optimization 0 -Dtests=false --prefix="$old" -Dplugindir="$(dirname -- "$(find "$old" -name spank_psec.so)")" build
        ninja -C build mpi_plugin/mpi_pmix.so mpi_plugin/pmixd/psec-pmixd
    ) > "$next/log" 2>&1 || {
        tail -n 20 "$next/log"
        return 1
    }
}

teardown_file() {
    cluster_down
    rm -rf -- "${prefix:?}"
}

setup() {
    current=$(sed -nE 's/^#define CTL_VERSION ([0-9]+)u/\1/p' "$psec_repo/mpi_plugin/ctl.h")
    go=$(cluster_dir)/shared/go
}

teardown() {
    : > "$go"
    end_steps
    rm -f -- "$go"
    replace "$(find "$old" -name mpi_pmix.so)" "$plugindir/mpi_pmix.so"
    replace "$old/sbin/psec-pmixd" "$prefix/sbin/psec-pmixd"
}

# As a package manager does: the old file goes on for those who have it.
replace() {
    install -m 755 "$1" "$2.new"
    mv -- "$2.new" "$2"
}

new_plugin() {
    replace "$next/build/mpi_plugin/mpi_pmix.so" "$plugindir/mpi_pmix.so"
}

new_pmixd() {
    replace "$next/build/mpi_plugin/pmixd/psec-pmixd" "$prefix/sbin/psec-pmixd"
}

@test "a step that runs while all is replaced goes on, and the next one works" {
    step_begin -N2 -n4 sh -c "touch $go.\$PMIX_RANK; until [ -e $go ]; do sleep 0.05; done; exec bin/c-cred"
    for rank in 0 1 2 3; do
        wait_for 20 test -e "$go.$rank"
    done
    new_plugin
    new_pmixd
    : > "$go"
    step_end
    (( status == 0 ))
    rm -f -- "$go".*
    run_psec step -N2 -n4 bin/c-cred
    (( status == 0 ))
    run_psec on n0 "$prefix/sbin/psec-pmixd" --version
    says 'control 999'
}

@test "the new plugin and an old psec-pmixd refuse each other with a sentence" {
    new_plugin
    run_psec step -N2 -n2 bin/c-init
    (( status != 0 ))
    says "psec-pmixd speaks version $current with slurmstepd, mpi_pmix.so version 999: they are of different installations"
    leaves_nothing
}

@test "the old plugin and a new psec-pmixd refuse each other with a sentence" {
    new_pmixd
    run_psec step -N2 -n2 bin/c-init
    (( status != 0 ))
    says "psec-pmixd speaks version 999 with slurmstepd, mpi_pmix.so version $current: they are of different installations"
    leaves_nothing
}
