#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# What goes wrong: in the site's configuration, in the services and processes
# that a step needs, on the network.  Each failure ends in time, with a
# sentence that says what it was, and leaves nothing behind.

# bats and common.bash set variables; what is in single quotes is for shells
# on the cluster.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

# No failure here may take longer than that.
export PSEC_SRUN_TIMEOUT_S=50

setup_file() {
    # slurmctld is to take a silent node for dead soon.
    own_cluster --conf SlurmdTimeout=12
    local dir
    dir=$(cluster_dir)
    cp "$dir/plugstack.conf" "$dir/plugstack.good"
    cp "$BATS_TEST_DIRNAME/garbage.py" "$dir/shared/bin"
}

teardown_file() {
    cluster_down
}

teardown() {
    local node
    # What is mounted there is not in the way of the file itself.
    for node in $(nodes); do
        until refuses on "$node" umount "$(cluster_dir)/plugstack.conf" > /dev/null; do :; done
        "$psec_cluster" link "$node" up
        munged_start "$node"
        on "$node" pkill -CONT -x munged
    done
    cat "$(cluster_dir)/plugstack.good" > "$(cluster_dir)/plugstack.conf"
    rm -f -- "$(cluster_dir)"/shared/{go,up.*}
    end_steps
    wait_for 40 all_idle
}

# options WORD...: more options behind spank_psec.so, for all hosts.
options() {
    sed "1s|\$| $*|" "$(cluster_dir)/plugstack.good" > "$(cluster_dir)/plugstack.conf"
}

# plugstack_of NODE FILE: FILE is this node's plugstack.conf.
plugstack_of() {
    on "$1" mount --bind "$2" "$(cluster_dir)/plugstack.conf"
}

# fails SENTENCE ARGUMENT...: a step that fails with this in srun's output.
fails() {
    local sentence=$1
    shift
    refuses step "$@"
    in_time
    says "$sentence"
}

# in_time: the step ended by itself.
in_time() {
    (( status != 124 )) && [[ $output != *'no end in sight'* ]]
}

# works: after all that, a step goes well.
works() {
    succeeds step -N4 --ntasks-per-node=2 bin/c-init
}

# A step of four nodes, two ranks each, that goes from fence to fence; it is in
# the midst of it on return.  All have left their first program when the first
# begins his second: libpmix 4.2 takes a rank that has just finalised for one
# that will not come to a fence which others have begun meanwhile.
endless_begin() {
    step_begin -N4 --ntasks-per-node=2 sh -c '
        bin/c-init || exit
        : > up.$PMIX_RANK
        until test -e up.0 -a -e up.1 -a -e up.2 -a -e up.3 -a -e up.4 -a -e up.5 -a -e up.6 -a -e up.7; do sleep 0.05; done
        sleep 0.2
        exec bin/c-init --loops 1000000 --limit 45'
    in_full_swing
}

in_full_swing() {
    local rank
    for rank in {0..7}; do
        wait_for 20 test -e "$(cluster_dir)/shared/up.$rank"
    done
    step_runs c-init
}

# endless_fails SENTENCE SECONDS
endless_fails() {
    local begun=$SECONDS
    step_end
    (( status != 0 ))
    in_time
    says "$1"
    (( SECONDS - begun <= $2 )) || {
        echo "it took $(( SECONDS - begun )) s"
        return 1
    }
}

# --- the site's configuration ------------------------------------------------

@test "an unknown option is named" {
    options colour=red
    fails "psec: unknown option 'colour' behind spank_psec.so in plugstack.conf" -N2 true
    # Whatever the MPI plugin: the administrator is to see it.
    refuses srun_as psecalice --mpi=none -N1 true
    says "unknown option 'colour'"
}

@test "an unknown option on the nodes alone is named in their logs" {
    options colour=red
    cp "$(cluster_dir)/plugstack.conf" "$(cluster_dir)/plugstack.bad"
    # Slurm lets the tasks of the other node run; ours do not wait for ever.
    options timeout=3
    plugstack_of n1 "$(cluster_dir)/plugstack.bad"
    mark_logs
    refuses step -w n0,n1 bin/c-init
    in_time
    says 'Plugin initialization failed'
    log_says n1 "psec: unknown option 'colour' behind spank_psec.so in plugstack.conf"
}

@test "a bad value is named, with what would be right" {
    options loglevel=loud
    fails "psec: 'loglevel=loud': loglevel must be error, info, verbose, debug or debug2" -N1 true
    options timeout=0
    fails "psec: 'timeout=0': timeout must be seconds, from 1 to 86400" -N1 true
    options start_timeout=soon
    fails "psec: 'start_timeout=soon': start_timeout must be seconds" -N1 true
    options ports=9-1
    fails "psec: 'ports=9-1': ports must be a range of ports such as 60001-60999" -N1 true
    options pmixd=bin/psec-pmixd
    fails "psec: 'pmixd=bin/psec-pmixd': pmixd must be an absolute path" -N1 true
    options 'mechanisms=mu:nge'
    fails "psec: 'mechanisms=mu:nge': mechanisms must be names of mechanisms separated by commas" -N1 true
    options stepdir
    fails "psec: option 'stepdir' needs a value: stepdir=an absolute path" -N1 true
}

@test "without the SPANK plugin on a node the missing line is named" {
    local node
    for node in $(nodes); do
        plugstack_of "$node" /dev/null
    done
    fails "spank_psec.so has not run in this slurmstepd: add the line 'required spank_psec.so' to plugstack.conf on this node" \
        -N2 bin/c-init
    # On one node of several, too, and the others do not wait for it.
    for node in n0 n2 n3; do
        on "$node" umount "$(cluster_dir)/plugstack.conf"
    done
    fails "slurmstepd-n1: error: mpi/pmix: spank_psec.so has not run in this slurmstepd" -N4 bin/c-init
    succeeds srun_as psecalice --mpi=none -w n1 true
}

@test "without the SPANK plugin anywhere the missing line is named" {
    : > "$(cluster_dir)/plugstack.conf"
    fails "add the line 'required spank_psec.so' to plugstack.conf" -N2 bin/c-init
}

@test "a psec-pmixd that is missing is named" {
    options pmixd=/nowhere/psec-pmixd
    fails 'mpi/pmix: cannot start psec-pmixd (/nowhere/psec-pmixd): could not execute it: No such file or directory; check pmixd= in plugstack.conf' \
        -N2 bin/c-init
}

@test "a psec-pmixd that cannot be executed is named" {
    options pmixd=/etc/passwd
    fails 'mpi/pmix: cannot start psec-pmixd (/etc/passwd): could not execute it: Permission denied; check pmixd= in plugstack.conf' \
        -N2 bin/c-init
    # One that its user may not reach.
    on n0 mkdir -m 700 -p /run/private
    on n0 cp /bin/true /run/private/psec-pmixd
    options pmixd=/run/private/psec-pmixd
    fails 'cannot start psec-pmixd (/run/private/psec-pmixd): could not execute it: Permission denied' -N1 -w n0 bin/c-init
}

@test "a program that is not psec-pmixd is noticed" {
    options pmixd=/bin/true
    fails 'psec-pmixd (/bin/true) ended while it was starting' -N2 bin/c-init
    options pmixd=/bin/cat start_timeout=2
    fails 'mpi/pmix: psec-pmixd' -N2 bin/c-init
}

@test "a psec-pmixd that does not get ready is given up" {
    local pmixd
    pmixd=$(cluster_dir)/shared/bin/slow
    printf '#!/bin/sh\nexec sleep 40\n' > "$pmixd"
    chmod 755 "$pmixd"
    options pmixd="$pmixd" start_timeout=2
    fails 'psec-pmixd was not ready after 2 seconds; see start_timeout= in plugstack.conf' -N2 bin/c-init
}

@test "a mechanism that does not exist is named" {
    options mechanisms=foo
    fails "none of the security mechanisms 'foo' works on node n0: mechanism foo cannot be loaded:" -N1 -w n0 bin/c-init
    # With one that works it is only a line in the log.
    options mechanisms=foo,munge
    mark_logs
    works
    log_says n0 'mechanism foo does not work on node n0: mechanism foo cannot be loaded:'
}

@test "several nodes need munge for their links" {
    options mechanisms=native
    fails "a step of several nodes needs the mechanism munge for its links, and this one has only 'native'" -N2 bin/c-init
    succeeds step -N1 -n2 bin/c-init
}

@test "a wrong directory of mechanisms is named" {
    options mechdir=/nowhere
    fails 'mechanism munge cannot be loaded: there is no /nowhere/psec_munge.so; is it installed?' -N2 bin/c-init
}

@test "a step directory that is not root's is refused" {
    on n0 install -d -o psecbob /run/bobs
    options stepdir=/run/bobs
    fails "/run/bobs (stepdir) must belong to root and be writable by nobody else: it belongs to uid $(id -u psecbob), mode 0755" \
        -N1 -w n0 bin/c-init
}

@test "a step directory that others can write is refused" {
    on n0 install -d -m 1777 /run/open
    options stepdir=/run/open
    fails '/run/open (stepdir) must belong to root and be writable by nobody else: it belongs to uid 0, mode 1777' \
        -N1 -w n0 bin/c-init
    on n0 ln -sfn /run/psec /run/link
    options stepdir=/run/link
    fails 'cannot open /run/link (stepdir)' -N1 -w n0 bin/c-init
    options stepdir=/run/no/such
    fails 'cannot make the directory /run/no/such for step directories: No such file or directory; make it, or set stepdir=' \
        -N1 -w n0 bin/c-init
}

# --- what earlier steps left -------------------------------------------------

# Files of psecalice's in DIR on n0, and traps for whoever deletes as root.
stale_dir() {
    on n0 sh -c '
        mkdir -p /run/psec && install -d -m 700 -o psecalice "$1" || exit
        mkdir -p /run/treasure && : > /run/treasure/kept
        setpriv --reuid psecalice --clear-groups sh -c "cd \"\$1\" && mkdir -p a/b && : > a/b/c &&
            ln -s /run/treasure dir && ln -s /run/treasure/kept file" sh "$1"' sh "$1"
}

@test "directories of dead steps are removed, and nothing else" {
    stale_dir /run/psec/4000000.0
    stale_dir /run/psec/stale.4000001.0.17
    refuses nothing_left
    succeeds step -N1 -w n0 bin/c-init
    leaves_nothing
    succeeds on n0 ls /run/treasure
    [[ $output == kept ]]
}

@test "a dead step's directory of the same name is no obstacle" {
    succeeds step -N1 -w n0 sh -c 'echo $SLURM_JOB_ID'
    local next=$(( output + 1 ))
    stale_dir "/run/psec/$next.0"
    succeeds step -N1 -w n0 sh -c 'bin/c-init && echo $SLURM_JOB_ID'
    # A job that waits for the one before says so.
    [[ $(tail -n 1 <<< "$output") == "$next" ]]
    leaves_nothing
    succeeds on n0 ls /run/treasure
    [[ $output == kept ]]
}

@test "what in the directory of step directories is no step's stays there" {
    on n0 sh -c 'cd /run/psec && mkdir empty 2026.11 4000003.0.1 .new && install -d -o psecalice home 4000004 &&
        install -o psecalice /dev/null home/kept'
    succeeds step -N1 -w n0 bin/c-init
    succeeds on n0 sh -c 'cd /run/psec && ls -d home/kept && rm -r home && rmdir empty 2026.11 4000003.0.1 .new 4000004'
    leaves_nothing
}

@test "a dead step's directory that its user has closed to himself is removed" {
    stale_dir /run/psec/4000005.0
    on n0 sh -c 'cd /run/psec/4000005.0 && chmod 500 a/b && chmod 0 a .'
    succeeds step -N1 -w n0 bin/c-init
    leaves_nothing
    succeeds on n0 ls /run/treasure
    [[ $output == kept ]]
}

@test "dead steps' directories that cannot be emptied hold nobody up for long" {
    local begun dir
    # Nobody can remove what something is mounted on; and what is mounted on a
    # step directory is not looked at.
    for dir in 4000006.0/busy 4000007.0/busy 4000008.0/busy 4000009.0/busy 4000010.0; do
        [[ $dir != */* ]] || stale_dir "/run/psec/${dir%/*}"
        on n0 sh -c 'install -d -o psecalice "$1" && mount -t tmpfs none "$1" && chown psecalice "$1" &&
            install -o psecalice /dev/null "$1/kept"' sh "/run/psec/$dir"
    done
    begun=$SECONDS
    succeeds step -N1 -w n0 bin/c-init
    wait_for 20 all_idle
    (( SECONDS - begun < 10 ))
    for dir in 4000006.0/busy 4000007.0/busy 4000008.0/busy 4000009.0/busy 4000010.0; do
        succeeds on n0 sh -c 'ls "$1/kept" && umount "$1"' sh "/run/psec/$dir"
    done
    succeeds step -N1 -w n0 bin/c-init
    leaves_nothing
}

# --- munged ------------------------------------------------------------------

@test "a munged that cannot be reached at the start is named" {
    options mechanisms=munge munge_socket=/nowhere/socket
    fails "none of the security mechanisms 'munge' works on node n0: no socket at /nowhere/socket: is munged running?" \
        -N1 -w n0 bin/c-init
    # Not only when links have not come up in time.
    options munge_socket=/nowhere/socket
    fails 'a step of several nodes needs the mechanism munge for its links, and on node n' -N2 bin/c-init
    says 'it does not work: no socket at /nowhere/socket: is munged running?'
}

@test "a step of one node does without munged" {
    options munge_socket=/nowhere/socket
    mark_logs
    succeeds step -N1 -n2 -w n0 bin/c-init
    log_says n0 'mechanism munge does not work on node n0: no socket at /nowhere/socket: is munged running?'
    # There is nobody to make a credential.
    run_psec step -N1 -n1 -w n0 bin/c-cred --mode file=none
    (( status != 0 ))
    says 'UNREACH'
}

# creds_begin: rank 1 on n1 gets and validates credentials for 6 s, whatever
# comes of it, and once more when the file go is there: then all must be well.
creds_begin() {
    mark_logs
    step_begin -w n0,n1 --ntasks-per-node=1 sh -c '
        bin/c-cred --rank 1 --mode loop=6 --failures-ok --timeout 2 --max-ms 3000 || exit
        for i in $(seq 200); do test -e go && break; sleep 0.1; done
        bin/c-cred --mode loop=1'
    step_runs c-cred n0 n1
}

# What rank 1's first loop reports of its gets.
first_loop() {
    grep '^{' <<< "$output" | jq -r "select(.rank == 1 and .what == \"get\") | $1" | head -n 1
}

@test "a munged that ends in mid-step is reported, and its return noticed" {
    creds_begin
    munged_stop n1
    wait_for 15 log_says n1 'is munged running?'
    wait_for 15 refuses on n1 pgrep -x c-cred
    munged_start n1
    : > "$(cluster_dir)/shared/go"
    step_end
    (( status == 0 ))
    (( $(first_loop .good) > 0 ))
    [[ $(first_loop .last_bad) == UNREACHABLE ]]
}

@test "a munged that hangs in mid-step is answered in time" {
    creds_begin
    on n1 pkill -STOP -x munged
    wait_for 15 log_says n1 'took longer than 2 s; does munged answer on node n1?'
    wait_for 15 refuses on n1 pgrep -x c-cred
    on n1 pkill -CONT -x munged
    : > "$(cluster_dir)/shared/go"
    step_end
    (( status == 0 ))
    [[ $(first_loop .last_bad) == TIMEOUT ]]
}

# --- processes that are killed -----------------------------------------------

@test "the loss of psec-pmixd ends the step, on whichever node" {
    local node
    for node in n0 n1 n3; do
        rm -f -- "$(cluster_dir)"/shared/up.*
        endless_begin
        mark_logs
        on "$node" pkill -KILL -x psec-pmixd
        # Its own tasks may fail sooner than slurmstepd can say so to srun; the
        # other nodes say it in any case, and the log has the whole sentence.
        endless_fails "node $node is lost" 15
        wait_for 5 log_says "$node" 'ended before its tasks did; the step cannot go on and is killed'
        leaves_nothing
    done
    works
}

@test "the loss of psec-pmixd ends a step that does nothing" {
    step_begin -N4 --ntasks-per-node=2 sleep 40
    step_runs sleep
    on n2 pkill -KILL -x psec-pmixd
    endless_fails 'slurmstepd-n2: error: mpi/pmix: psec-pmixd of step' 15
    leaves_nothing
}

@test "the loss of slurmstepd ends the step, on whichever node" {
    local node
    for node in n0 n2 n3; do
        rm -f -- "$(cluster_dir)"/shared/up.*
        endless_begin
        on "$node" pkill -KILL -x slurmstepd
        endless_fails "psec-pmixd: node $node: slurmstepd is gone; step" 25
        # Its directory may stay until the next step there.
        wait_for 20 no_process
    done
    works
    leaves_nothing
}

@test "tasks that do nothing end with their slurmstepd, and what they have started" {
    step_begin -N2 --ntasks-per-node=2 sh -c 'sleep 45 & sleep 50; :'
    step_runs sleep n0 n1
    on n1 pkill -KILL -x slurmstepd
    step_end
    # srun's own status is 0 where it gives up waiting for tasks.
    in_time
    says 'psec-pmixd: node n1: slurmstepd is gone; step'
    wait_for 10 no_process
    works
    leaves_nothing
}

# lose PROCESS NODE: it is killed, and the step has ended in time.
lose() {
    on "$2" pkill -KILL -n -x "$1"
    on "$2" pkill -CONT -x psec-pmixd || :
    step_end
    in_time
    (( status == 0 )) || grep -qE 'psec-pmixd|mpi/pmix|Killed' <<< "$output"
    wait_for 20 no_process
}

@test "the loss of a process while ranks ask for each other's data ends the step" {
    local what
    for what in 'psec-pmixd n0' 'slurmstepd n1' 'c-dmodex n3'; do
        # Rank 7, on n3, has not put what all the others ask for.
        step_begin -N4 --ntasks-per-node=2 bin/c-dmodex --sleep-ms 3000 --no-missing --limit 40
        step_runs c-dmodex
        sleep 0.5
        # shellcheck disable=SC2086 # two words
        lose $what
        (( status != 0 ))
    done
    works
    leaves_nothing
}

@test "the loss of a process while ranks finalise" {
    local what
    for what in 'psec-pmixd n0' 'slurmstepd n1' 'c-init n3'; do
        rm -f -- "$(cluster_dir)/shared/go"
        step_begin -N4 --ntasks-per-node=2 bin/c-init --hold go --limit 30
        wait_for 20 all_hold
        # Nobody answers them on that node, so that they are in the midst of it.
        on "${what#* }" pkill -STOP -x psec-pmixd
        : > "$(cluster_dir)/shared/go"
        wait_for 5 refuses on n2 pgrep -x c-init
        # shellcheck disable=SC2086
        lose $what
    done
    works
    leaves_nothing
}

all_hold() {
    (( $(grep -c ' holds$' "$step_out") == 8 ))
}

@test "scancel ends the step" {
    endless_begin
    cluster_exec --user psecalice -- scancel -u psecalice
    endless_fails 'CANCELLED' 15
    leaves_nothing
    works
}

@test "scancel ends a step that ignores SIGTERM" {
    step_begin -N2 --ntasks-per-node=1 sh -c 'trap "" TERM; bin/c-init && : > up.$PMIX_RANK
        while :; do sleep 1; done'
    wait_for 20 test -e "$(cluster_dir)/shared/up.1"
    cluster_exec --user psecalice -- scancel -u psecalice
    step_end
    # srun's own status is 0 where it gives up waiting for tasks.
    in_time
    says CANCELLED
    leaves_nothing
}

@test "a fence fails when a rank ends instead of joining it" {
    mark_logs
    succeeds step -N4 --ntasks-per-node=2 bin/c-abort --rank 5 --die
    succeeds step -N1 -n4 bin/c-abort --rank 1 --die
    log_says n2 'a fence cannot complete: a rank of node n2 has ended before it joined'
}

# dies WORD...: of the tasks of `step WORD...` number 1 dies before PMIx_Init, the
# others then wait for it in a fence.
dies() {
    run_psec step "$@" sh -c '[ "$SLURM_PROCID" != 1 ] || { sleep 0.4; kill -KILL $$; }; exec bin/c-init --limit 30'
    (( status != 0 ))
    says 'Killed'
    says 'PMIx_Fence'
    [[ $output != *'no end in sight'* ]]
}

@test "a rank that dies before PMIx_Init does not leave the others waiting" {
    mark_logs
    dies -N1 -n3
    dies -N4 --ntasks-per-node=2
    log_says n0 'rank 1 has died before it called PMIx_Init'
    # It is dead before the others come.
    run_psec step -N2 --ntasks-per-node=2 sh -c '[ "$SLURM_PROCID" != 1 ] || exit 3; sleep 0.6; exec bin/c-init --limit 30'
    (( status != 0 ))
    [[ $output != *'no end in sight'* ]]
    leaves_nothing
}

# Programs without PMIx, of which libpmix need not know.
@test "a task that fails without PMIx has nobody stand in for it" {
    mark_logs
    refuses step -N1 -n3 false
    succeeds step -N1 -n3 sh -c '[ "$SLURM_PROCID" != 1 ] || exit 0; exec bin/c-init --loops 0'
    refuses log_says n0 'before it called PMIx_Init'
}

@test "a killed rank does not leave the others waiting" {
    endless_begin
    on n2 pkill -KILL -o -x c-init
    endless_fails 'n2: task 4: Killed' 15
    leaves_nothing
}

@test "a killed rank ends the whole step where the user says so" {
    step_begin -N4 --ntasks-per-node=2 --kill-on-bad-exit=1 sleep 40
    step_runs sleep
    on n2 pkill -KILL -o -x sleep -u psecalice
    endless_fails 'Killed' 15
    leaves_nothing
}

# --- the network -------------------------------------------------------------

@test "a node that cannot reach another ends the step in time" {
    options timeout=3
    on n1 ip route add blackhole 10.20.0.10
    run_psec step -w n0,n1 --ntasks-per-node=2 bin/c-init --limit 30
    on n1 ip route del blackhole 10.20.0.10
    (( status != 0 ))
    in_time
    says 'psec-pmixd: a fence cannot complete: node n1 is lost'
    leaves_nothing
    options ''
    works
}

@test "a node that is cut off before the links are up ends the step in time" {
    local pmixd
    pmixd=$(cluster_dir)/shared/bin/held
    sed "s,@,$(readlink -f -- "$PSEC_INSTALL")/sbin/psec-pmixd," > "$pmixd" << 'SCRIPT'
#!/bin/sh
while ! test -e "$(dirname "$0")/../go"; do sleep 0.1; done
exec @
SCRIPT
    chmod 755 "$pmixd"
    options pmixd="$pmixd" timeout=3
    mark_logs
    step_begin -w n0,n1 --ntasks-per-node=1 bin/c-init --limit 30
    # Their psec-pmixd wait, and nobody has met anybody.
    step_runs held n0 n1
    "$psec_cluster" link n1 down
    : > "$(cluster_dir)/shared/go"
    wait_for 15 grep -F 'psec-pmixd: a fence cannot complete: node n1 is lost' "$step_out"
    # srun must still hear from n1.
    "$psec_cluster" link n1 up
    endless_fails 'node n1 is lost' 30
    wait_for 40 all_idle
    leaves_nothing
    options ''
    works
}

@test "a link that is cut for a moment is no fault" {
    endless_begin
    "$psec_cluster" link n1 down
    # It is a time that is tested: less than SlurmdTimeout.
    sleep 2
    "$psec_cluster" link n1 up
    rm -f -- "$(cluster_dir)"/shared/up.*
    # Nothing has failed, and a new step of the job's nodes goes well.
    works
    [[ -z $(cat "$step_out") ]]
    cluster_exec --user psecalice -- scancel -u psecalice
    endless_fails 'CANCELLED' 15
}

@test "a node that is cut off in mid-step ends the step in time" {
    endless_begin
    "$psec_cluster" link n1 down
    endless_fails 'Node failure on n1' 50
    "$psec_cluster" link n1 up
    wait_for 40 all_idle
    leaves_nothing
    works
}

# wait_begin: a step of two nodes that has fenced and waits for the file go,
# then fences again.  wait_end: it does so, and all is well.
wait_begin() {
    mark_logs
    step_begin -w n0,n1 --ntasks-per-node=2 sh -c '
        bin/c-init && : > up.$PMIX_RANK || exit
        for i in $(seq 400); do test -e go && exec bin/c-init --loops 20; sleep 0.1; done; exit 1'
    local rank
    for rank in {0..3}; do
        wait_for 20 test -e "$(cluster_dir)/shared/up.$rank"
    done
}

wait_end() {
    : > "$(cluster_dir)/shared/go"
    step_end
    (( status == 0 ))
    [[ -z $output ]]
}

# The nodes cannot reach each other, slurmctld reaches both, and no connection
# ends.
@test "a way between two nodes that is cut ends the step in time" {
    options timeout=4
    wait_begin
    # To where nobody is.
    on n0 ip neigh replace 10.20.0.11 lladdr 02:00:00:00:00:01 dev eth0
    on n1 ip neigh replace 10.20.0.10 lladdr 02:00:00:00:00:01 dev eth0
    : > "$(cluster_dir)/shared/go"
    step_end
    on n0 ip neigh del 10.20.0.11 dev eth0
    on n1 ip neigh del 10.20.0.10 dev eth0
    (( status != 0 ))
    says 'is lost: its tasks had finalised; it has acknowledged nothing for 4 s; is the network between the nodes cut?'
    leaves_nothing
    options ''
    works
}

# garbage USER PORT LIMIT [NAME]...: USER sends garbage to psecalice's port on
# n0, and all of it is dropped.
garbage() {
    local user=$1 port=$2 limit=$3
    shift 3
    succeeds cluster_exec --user "$user" --node n0 -- timeout 50 \
        python3 bin/garbage.py "$port" "$(id -u psecalice)" "$limit" "$@"
    (( ${#lines[@]} == ($# ? $# : 7) ))
    [[ $output != *kept* ]]
}

@test "garbage of another user on a link's port is dropped, and the step goes on" {
    wait_begin
    garbage psecbob link 15
    log_says n0 'was dropped: the peer does not speak the psec handshake'
    log_says n0 'was dropped: the handshake took too long'
    wait_end
}

@test "garbage of the same user on a link's port is dropped, and the step goes on" {
    wait_begin
    garbage psecalice link 15
    log_says n0 'was dropped: the peer does not speak the psec handshake'
    wait_end
}

@test "a flood of connections on a link's port does not keep nodes from meeting" {
    wait_begin
    local flood
    # Fewer than a second apart they are not all logged.
    cluster_exec --user psecbob --node n0 -- timeout 20 sh -c '
        for i in $(seq 60); do python3 bin/garbage.py link "$1" 5 text random ones; done' sh "$(id -u psecalice)" \
        > "$BATS_TEST_TMPDIR/flood" 2>&1 3>&- &
    flood=$!
    wait_for 20 grep -q 'ones: dropped' "$BATS_TEST_TMPDIR/flood"
    works
    kill "$flood" 2> /dev/null || :
    wait "$flood" || :
    wait_end
}

@test "another user on libpmix's port is refused, and the step goes on" {
    wait_begin
    garbage psecbob pmix 5
    log_says n0 "a connection to the PMIx server was refused: it comes from a process of uid $(id -u psecbob), and the step is of uid $(id -u psecalice)"
    wait_end
}

@test "garbage of the same user on libpmix's port is dropped, and the step goes on" {
    wait_begin
    # libpmix waits for who says nothing; so much for the others.
    garbage psecalice pmix 5 zeros ones text random 'a huge length'
    wait_end
}
