#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# psec-check on clusters with each of the faults that it must find.  It runs on
# the head, and looks at the nodes with srun, or as root past Slurm.

# bats and common.bash set variables; dollars in single quotes are for other
# shells.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster --nodes 3
    # In place of ssh: via NODE COMMAND, from the head.
    cat > "$(cluster_dir)/via" << 'END'
#!/bin/sh
pid=$(pgrep -o -f "^bash [^ ]*cluster hold [^ ]* $1\$") || { echo "no node $1" >&2; exit 255; }
exec nsenter --target "$pid" --mount --net --uts --ipc --pid --root --wd -- sh -c "$2"
END
    chmod 755 "$(cluster_dir)/via"
}

teardown_file() {
    cluster_down
}

setup() {
    install=$(readlink -f -- "$PSEC_INSTALL")
    check=$install/sbin/psec-check
    plugin=$(find "$install" -name mpi_pmix.so)
    mechdir=$(dirname -- "$(find "$install" -name psec_munge.so)")
    conf=$(cluster_dir)/slurm.conf
    plugstack=$(cluster_dir)/plugstack.conf
    files=$(cluster_dir)/shared/faults
    [[ -e $conf.own ]] || cp "$conf" "$conf.own"
    [[ -e $plugstack.own ]] || cp "$plugstack" "$plugstack.own"
    rm -rf -- "$files"
    mkdir "$files"
}

teardown() {
    cat "$conf.own" > "$conf"
    cat "$plugstack.own" > "$plugstack"
    local place
    for place in "$install/sbin" "$plugin" "$mechdir" /run/psec "${libpmix:-/none}" "$(cluster_dir)/munge/key" \
        "$conf" "$plugstack"; do
        while on n1 umount "$place" 2> /dev/null; do :; done
    done
    on n0 ip rule del pref 100 2> /dev/null || :
    if [[ -e $BATS_TEST_TMPDIR/munged ]]; then
        on n1 pkill -x munged || :
        wait_for 10 refuses on n1 pgrep -x munged
        munged_start n1
        # slurmctld may have asked in the meantime, without an answer.
        wait_for 60 is_idle n1
    fi
    end_steps
}

# --- helpers -----------------------------------------------------------------

# With srun, as a user; and past Slurm.
as_alice() {
    run_psec cluster_exec --user psecalice -- "$check" --nodes all --timeout 20 "$@"
}

via() {
    run_psec cluster_exec -- "$check" --nodes all --user psecalice --via "$(cluster_dir)/via" --timeout 20 "$@"
}

# finds CHECK HOST TEXT: in the JSON, of level critical; and nothing critical
# of another kind on any host.
finds() {
    [[ $status -eq 2 && $(rows .status) == critical ]]
    rows ".findings[] | select(.level == \"critical\" and .check == \"$1\" and .host == \"$2\") | .what" | grep -F -- "$3"
    [[ -z $(rows ".findings[] | select(.level == \"critical\" and .check != \"$1\") | .check") ]]
    [[ $(rows "[.findings[] | select(.cure == \"\")] | length") == 0 ]]
}

# --- tests -------------------------------------------------------------------

@test "nothing is wrong: with srun, as root past Slurm, on one host" {
    as_alice
    [[ $status -eq 0 && $output == 'PSEC OK - 4 host(s) checked, and a step was tried' ]]
    via --json
    [[ $status -eq 0 && $(rows '"\(.status) \(.hosts) \(.trial) \(.findings)"') == 'ok 4 true []' ]]
    run_psec on n1 "$check"
    [[ $status -eq 0 && $output == 'PSEC OK - 1 host(s) checked' ]]
}

@test "what cannot be found out is unknown: a step by root, no nodes" {
    run_psec cluster_exec -- "$check" --nodes n0
    (( status == 3 ))
    says 'unknown: head: trial: no step was tried: steps of root get no PMIx server'
    run_psec cluster_exec -- "$check" --nodes n0 --no-trial
    (( status == 0 ))
    run_psec cluster_exec -- "$check" --nodes '' --no-such
    (( status == 3 ))
    says "there is no option '--no-such'"
    run_psec cluster_exec -- env SLURM_CONF=/nowhere "$check" --timeout 2
    (( status == 3 ))
    says 'unknown: head: slurm: neither /nowhere can be read nor does slurmctld answer'
}

@test "fault 1, plugin-order: Slurm's directory is before ours in PluginDir" {
    sed -i -E 's/^(PluginDir=)([^:]*):(.*)/\1\3:\2/' "$conf"
    as_alice --json
    finds plugin-order n2 "so Slurm's own plugin is used"
    finds plugin-order head "$(dirname -- "$plugin")"
}

@test "our directory is missing from PluginDir" {
    sed -i -E 's/^(PluginDir=)([^:]*):(.*)/\1\3/' "$conf"
    run_psec cluster_exec -- "$check" --json
    finds plugin-dir head "has slurm-psec's mpi_pmix.so"
}

@test "fault 2, plugstack-line: plugstack.conf has no line with spank_psec.so" {
    echo '# required spank_psec.so' > "$plugstack"
    as_alice --json
    finds plugstack-line n0 'has no line with spank_psec.so'
    finds plugstack-line head 'has no line with spank_psec.so'
}

@test "plugstack.conf includes the line, or has it as optional" {
    mkdir "$files/d"
    cp "$plugstack" "$files/d/psec.conf"
    echo "include $files/d/*.conf" > "$plugstack"
    run_psec cluster_exec -- "$check"
    (( status == 0 ))
    sed -i 's/^required/optional/' "$files/d/psec.conf"
    run_psec cluster_exec -- "$check"
    (( status == 1 ))
    [[ ${lines[0]} == 'PSEC WARNING - plugstack-line on head' ]]
    says "has spank_psec.so as 'optional'"
}

@test "a wrong word behind spank_psec.so is shown with its sentence" {
    sed -i '1s/$/ probe=maybe/' "$plugstack"
    run_psec cluster_exec --user psecalice -- "$check" --json
    finds plugstack-line head "psec: 'probe=maybe': probe must be on or off"
    # Also where srun can no longer ask.
    via --no-trial --json
    rows '.findings[] | select(.check == "plugstack-line" and .host == "n1") | .what' | grep -F "'probe=maybe'"
}

@test "a host whose slurmd was sent its configuration is checked with that" {
    # As slurmd leaves it; the user cannot read slurmctld's own files there.
    mkdir "$files/conf"
    grep -v '^PlugStackConfig' "$conf" > "$files/conf/slurm.conf"
    cp "$plugstack" "$files/conf"
    : > "$files/hidden"
    chmod 600 "$files/hidden"
    on n1 mkdir -p /run/slurm
    on n1 ln -sfn "$files/conf" /run/slurm/conf
    on n1 mount --bind "$files/hidden" "$conf"
    on n1 mount --bind "$files/hidden" "$plugstack"
    run_psec cluster_exec --user psecalice --node n1 -- env -u SLURM_CONF "$check"
    [[ $status -eq 0 && $output == 'PSEC OK - 1 host(s) checked' ]]
    echo > "$files/conf/plugstack.conf"
    run_psec cluster_exec --user psecalice --node n1 -- env -u SLURM_CONF "$check"
    (( status == 2 ))
    says '/run/slurm/conf/plugstack.conf has no line with spank_psec.so'
    on n1 rm -r /run/slurm
}

@test "fault 3, slurm-version: the plugin was built for another Slurm" {
    # Slurm's header with the next number, and the plugin from that.
    cd "$BATS_TEST_TMPDIR"
    mkdir -p headers/slurm
    python3 -c '
import re
text = open("/usr/include/slurm/slurm_version.h").read()
print(re.sub(r"(#define\s+SLURM_VERSION_NUMBER\s+)(\w+)", lambda m: m[1] + hex(int(m[2], 0) + 1), text))' \
        > headers/slurm/slurm_version.h
    CFLAGS="-isystem $PWD/headers" meson setup -Dtests=false --prefix="$install" \
        -Dplugindir="$(dirname -- "$plugin")" build "$psec_repo" > meson.log
    ninja -C build mpi_plugin/mpi_pmix.so > ninja.log
    install -m 755 build/mpi_plugin/mpi_pmix.so "$files"
    on n1 mount --bind "$files/mpi_pmix.so" "$plugin"
    as_alice --json
    finds slurm-version n1 "which refuses it"
    # Slurm agrees.
    run_psec on n1 srun --mpi=pmix -N1 -n1 true
    says 'Incompatible Slurm plugin'
}

@test "fault 5, munge-key: one node has another key" {
    head -c 128 /dev/urandom > "$(cluster_dir)/munge/other"
    chmod 400 "$(cluster_dir)/munge/other"
    : > "$BATS_TEST_TMPDIR/munged"
    munged_stop n1
    on n1 mount --bind "$(cluster_dir)/munge/other" "$(cluster_dir)/munge/key"
    munged_start n1
    via --json
    finds munge-key n1 'they have different MUNGE keys'
    finds munge-key head 'a credential of n1 is not accepted on head'
}

@test "fault 6, clock: one node's clock is wrong" {
    : > "$BATS_TEST_TMPDIR/munged"
    munged_stop n1
    munged_start n1 LD_PRELOAD="$psec_build/tests/unit/clockshift.so" PSEC_TEST_CLOCK_OFFSET_S=3600
    via --json
    finds clock head 'a credential of n1 is not accepted on head'
    rows '.findings[] | select(.host == "n1") | .check' | grep -x clock
}

@test "clocks that differ by seconds are a warning, by minutes a fault" {
    # Nobody can set one node's clock here; its date is replaced.
    mkdir "$files/bin"
    printf '#!/bin/sh\nexec /bin/date -d "$1 seconds" +%%s.%%N\n' > "$files/date"
    sed "s|sh -c|env PATH=$files/bin:\$PATH sh -c|" "$(cluster_dir)/via" > "$files/via"
    chmod 755 "$files/via"
    sed 's/"$1 seconds"/"10 seconds"/' "$files/date" > "$files/bin/date"
    chmod 755 "$files/bin/date"
    run_psec cluster_exec -- "$check" --nodes n1 --no-trial --via "$files/via"
    (( status == 1 ))
    says 'clock: the clock of n1 differs by'
    run_psec cluster_exec -- "$check" --nodes n1 --no-trial --max-skew 15 --via "$files/via"
    (( status == 0 ))
    sed 's/"$1 seconds"/"-400 seconds"/' "$files/date" > "$files/bin/date"
    run_psec cluster_exec -- "$check" --nodes n1 --no-trial --json --via "$files/via"
    finds clock head 'the clock of n1 differs by -'
    # The longer the question took, the less is sure.
    [[ $(rows '.findings[0].what') =~ differs\ by\ -(3[0-9][0-9]|400)\. ]]
}

@test "fault 7, spool: step directories cannot be made" {
    on n1 mkdir -p /run/psec
    on n1 mount -t tmpfs -o ro,mode=755 none /run/psec
    as_alice --json
    finds spool n1 'stepdir (/run/psec) is on a file system that is mounted read-only'
    on n1 umount /run/psec
    # Two bytes of room.
    on n1 mount -t tmpfs -o size=64k,mode=755 none /run/psec
    as_alice --json
    finds spool n1 'less than 16 MiB free'
}

@test "fault 8, pmixd: psec-pmixd is missing on one node" {
    on n1 mount -t tmpfs -o mode=755 none "$install/sbin"
    as_alice --json
    finds pmixd n1 'psec-pmixd is missing: there is no'
}

@test "fault 9, port: nodes cannot connect to each other's ports" {
    sed -i '1s/$/ ports=60001-60003/' "$plugstack"
    on n0 ip rule add pref 100 ipproto tcp dport 60001-60003 prohibit
    as_alice --json
    finds port n0 'n0 cannot connect to n1 (10.20.0.11) on TCP port 60001 60002 60003'
    [[ $(rows '[.findings[].host] | unique | join(" ")') == n0 ]]
}

@test "ports that others have are named" {
    sed -i '1s/$/ ports=60001-60001/' "$plugstack"
    on n2 timeout 60 "$install/bin/psec" handshake --listen :60001 -n 100 --wait 60 > "$BATS_TEST_TMPDIR/holder" 2>&1 3>&- &
    wait_for 10 grep -q listening "$BATS_TEST_TMPDIR/holder"
    as_alice --json --no-trial
    on n2 pkill -x psec
    finds port n2 'none of the ports 60001 can be listened on'
}

@test "fault 10, libpmix: one node's libpmix is older than that of the build" {
    # No older one can be had: this one, which says that it is.
    local built
    libpmix=$(readlink -f -- "$(ldd "$install/sbin/psec-pmixd" | awk '/libpmix/ { print $3 }')")
    built=$(sed -n 's/^built with libpmix //p' <("$install/sbin/psec-pmixd" --version))
    python3 - "$libpmix" "$files/libpmix.so" "$built" << 'END'
import sys
data = open(sys.argv[1], "rb").read()
old, new = sys.argv[3].encode(), b"3" + sys.argv[3].encode()[1:]
assert b"OpenPMIx " + old in data
open(sys.argv[2], "wb").write(data.replace(b"OpenPMIx " + old, b"OpenPMIx " + new))
END
    on n1 mount --bind "$files/libpmix.so" "$libpmix"
    as_alice --json
    finds libpmix n1 "psec-pmixd was built with $built: it is too old"
    on n1 umount "$libpmix"
    # One in which something is missing that psec-pmixd needs.
    gcc -shared -fPIC -Wl,-soname,libpmix.so.2 -o "$files/none.so" -x c /dev/null
    on n1 mount --bind "$files/none.so" "$libpmix"
    as_alice --json
    finds libpmix n1 'psec-pmixd does not start with this libpmix'
}

@test "fault 11, plugin-shadowed: Slurm's plugin lies in our place" {
    local stock
    stock=$(sed -nE 's/^PluginDir=[^:]*:(.*)/\1/p' "$conf")/mpi_pmix.so
    [[ -e $stock ]]
    on n1 mount --bind "$stock" "$plugin"
    as_alice --json
    finds plugin-shadowed n1 "is not slurm-psec's"
}

@test "fault 12, permissions: others can change what runs in users' steps" {
    on n1 mount -t tmpfs -o mode=755 none "$mechdir"
    on n1 cp "$plugin" "$mechdir/psec_native.so"
    cp "$mechdir/psec_munge.so" "$files"
    on n1 cp "$files/psec_munge.so" "$mechdir"
    on n1 chmod 666 "$mechdir/psec_munge.so"
    run_psec on n1 "$check" --json
    (( status == 2 ))
    rows '.findings[] | select(.check == "permissions") | .what' | grep -F 'can be written by others than root (mode 666)'
    on n1 chmod 644 "$mechdir/psec_munge.so"
    on n1 chmod 777 "$mechdir"
    run_psec on n1 "$check" --json
    rows '.findings[] | select(.check == "permissions") | .what' | grep -F "$mechdir can be written by others than root (mode 777)"
}

@test "psec-pmixd that users cannot execute is a fault of permissions" {
    on n1 mount -t tmpfs -o mode=755 none "$install/sbin"
    cp "$install/sbin/psec-pmixd" "$check" "$files"
    on n1 cp "$files/psec-pmixd" "$install/sbin"
    on n1 chmod 700 "$install/sbin/psec-pmixd"
    as_alice --json
    finds permissions n1 'has mode 700: users cannot execute it'
}

@test "root runs nothing that others may have put there" {
    on n1 mount -t tmpfs -o mode=755 none "$install/sbin"
    cat > "$files/psec-pmixd" << 'END'
#!/bin/sh
id -u >> /tmp/who
END
    cp "$check" "$files"
    on n1 install -m 777 "$files/psec-pmixd" "$install/sbin"
    on n1 install -m 666 /dev/null /tmp/who
    run_psec on n1 bash "$files/psec-check" --json
    (( status == 2 ))
    rows '.findings[] | select(.check == "permissions") | .what' | grep -F 'psec-pmixd can be written by others than root (mode 777)'
    succeeds on n1 sort -u /tmp/who
    [[ $output == 65534 ]]
}

@test "what nodes say gets no control characters onto a terminal" {
    printf '#!/bin/sh\nprintf "psec-check:\\t%%s\\tF\\tcritical\\tmunge\\tnot \\033[31mso\\tcure\\n" "$1"\n' > "$files/via"
    chmod 755 "$files/via"
    run_psec cluster_exec -- "$check" --nodes n0 --no-trial --no-ports --via "$files/via"
    (( status == 2 ))
    says 'critical: n0: munge: not [31mso'
}

@test "a step that fails is shown with its sentence" {
    sed -i '1s/$/ mechanisms=native/' "$plugstack"
    as_alice --json
    finds trial head 'a step of several nodes needs the mechanism munge for its links'
    [[ $(rows .trial) == false ]]
}

@test "no credential of root's is made" {
    mkdir "$files/bin"
    cat > "$files/trace" << 'END'
#!/bin/sh
exec 2> /dev/null
for f in /proc/[0-9]*; do tr '\0' ' ' < "$f/cmdline"; done | grep -o 'PSEC_CHECK_CREDENTIAL=MUNGE:[^ ]*'
END
    run_psec cluster_exec -- bash -c '
        "$1" --nodes all --no-trial --no-ports > /dev/null & pid=$!
        while kill -0 "$pid" 2> /dev/null; do sh "$2"; done | sort -u > "$3"; wait "$pid"' \
        sh "$check" "$files/trace" "$files/seen"
    (( status == 0 ))
    [[ -s $files/seen ]]
    # Root cannot even look into it: it is nobody's, for nobody.
    sed 's/.*=//' "$files/seen" | head -n 1 > "$files/cred"
    cluster_exec --node n2 -- unmunge < "$files/cred" > "$files/un" 2>&1 || :
    cat "$files/un"
    grep -qi 'unauthorized' "$files/un"
}

@test "a node that Slurm does not give out is named, and --via looks all the same" {
    cluster_exec -- scontrol update nodename=n2 state=drain reason=test
    as_alice --json --no-trial
    (( status == 1 ))
    [[ $(rows '.findings[] | "\(.level) \(.host) \(.check): \(.what)"') == \
        'warning n2 node: it was not looked at: its state is drained' ]]
    # The step is tried on the others.
    as_alice --json
    [[ $status -eq 1 && $(rows '"\(.trial) \(.checked | sort | join(" "))"') == 'true head n0 n1' ]]
    via --json
    [[ $status -eq 1 && $(rows '"\(.trial) \(.hosts)"') == 'true 4' ]]
    via --no-trial
    (( status == 0 ))
    cluster_exec -- scontrol update nodename=n2 state=resume
}

is_idle() {
    [[ $(cluster_exec -- sinfo -h -n "$1" -o %T) == idle ]]
}

# What the node said before its link was cut may still bring it back.
stays_down() {
    cluster_exec -- scontrol update nodename="$1" state=down reason=test
    sleep 1
    [[ $(cluster_exec -- sinfo -h -n "$1" -o %T) == down* ]]
}

@test "a node that there is not, and one whose slurmd is gone" {
    run_psec cluster_exec --user psecalice -- "$check" --nodes n0,n7 --no-trial
    (( status == 3 ))
    says 'unknown: n7: node: slurmctld does not show a node of this name'
    # So that it does not come back by itself.
    "$psec_cluster" link n2 down
    wait_for 20 stays_down n2
    as_alice --json
    finds node n2 'Slurm does not give out this node: its state is down'
    "$psec_cluster" link n2 up
    # slurmctld of 24.11 refuses it where the node has come back by itself.
    cluster_exec -- scontrol update nodename=n2 state=resume || :
    wait_for 30 is_idle n2
}

@test "fault 4, munged: munged is down on one node" {
    : > "$BATS_TEST_TMPDIR/munged"
    munged_stop n1
    via --json
    finds munged n1 'is munged running?'
    # Where Slurm cannot look either, it says so.
    as_alice --json
    (( status == 2 ))
    [[ $(rows '.findings[] | select(.level == "critical") | "\(.check) \(.host)"') == 'node n1' ]]
    rows '.findings[].cure' | grep -F -- '--via ssh'
}
