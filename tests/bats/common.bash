# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the bats files share.  A file that needs a cluster starts its own in
# setup_file, under a name of its own, and ends it in teardown_file.

psec_repo=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
psec_cluster=$psec_repo/scripts/cluster
# The cluster that cluster_exec and srun_as mean.
export PSEC_CLUSTER=${PSEC_CLUSTER:-psec}

# run_psec COMMAND...: bats' run, and prints the command, its output and its
# status, which bats shows when the test fails.
run_psec() {
    run "$@"
    echo "+ $*"
    plain_statuses
    # bats sets these two.
    # shellcheck disable=SC2154
    echo "$output"
    # shellcheck disable=SC2154
    echo "status: $status"
}

# OpenPMIx names statuses after its constants from 5 on; tests and guides have the
# names of 4.
plain_statuses() {
    [[ $output == *PMIX_* ]] || return 0
    # shellcheck disable=SC2001
    output=$(sed 's/\bPMIX_SUCCESS\b/SUCCESS/g
        s/\bPMIX_ERR_INVALID_CRED\b/INVALID-CREDENTIAL/g
        s/\bPMIX_ERR_NO_PERMISSIONS\b/NO-PERMISSIONS/g
        s/\bPMIX_ERR_UNREACH\b/UNREACHABLE/g
        s/\bPMIX_ERR_NOT_SUPPORTED\b/NOT-SUPPORTED/g
        s/\bPMIX_ERR_JOB_FAILED_TO_LAUNCH\b/JOB FAILED TO LAUNCH/g
        s/\bPMIX_ERR_\(TIMEOUT\|INIT\)\b/\1/g' <<< "$output")
    mapfile -t lines <<< "$output"
}

# succeeds COMMAND..., refuses COMMAND...: run_psec and the check of its status.
succeeds() {
    run_psec "$@"
    (( status == 0 ))
}

refuses() {
    run_psec "$@"
    (( status != 0 ))
}

# says TEXT: is TEXT in the output of the last run?
says() {
    [[ $output == *"$1"* ]] || {
        echo "not said: $1"
        return 1
    }
}

# wait_for SECONDS COMMAND...: polls until COMMAND succeeds; a test that needs
# a bare sleep has a race.  Shows the last try's output only.
wait_for() {
    local end=$(( SECONDS + $1 )) seconds=$1 said=$BATS_TEST_TMPDIR/wait_for
    shift
    until "$@" > "$said" 2>&1; do
        if (( SECONDS > end )); then
            cat "$said"
            echo "not so after $seconds s: $*"
            return 1
        fi
        sleep 0.05
    done
}

# cluster_up [OPTION]...: starts PSEC_CLUSTER.  Descriptor 3 is bats' own, and
# bats waits for everyone who holds it.
cluster_up() {
    "$psec_cluster" up "$@" 3>&-
}

# Where PSEC_KEEP_LOGS names a directory, the logs are copied there before.
cluster_down() {
    if [[ -n ${PSEC_KEEP_LOGS:-} && -d $(cluster_dir)/log ]]; then
        cp -r -- "$(cluster_dir)/log" "$PSEC_KEEP_LOGS/$PSEC_CLUSTER"
    fi
    "$psec_cluster" down "$@"
}

# cluster_exec [--user USER] [--node NODE] [--] COMMAND...: runs COMMAND in
# PSEC_CLUSTER, as root on the head unless told otherwise.
cluster_exec() {
    "$psec_cluster" exec "$@" 3>&-
}

# The name of Slurm's own plugin, such as pmix_v4; pmix is ours.
stock_pmix() {
    local file
    for file in "$(sed -nE 's/^PluginDir=(.*:)?//p' "$(cluster_dir)/slurm.conf")"/mpi_pmix_v*.so; do
        file=${file##*/mpi_}
        printf '%s\n' "${file%.so}"
        return
    done
}

# on NODE COMMAND...
on() {
    local node=$1
    shift
    cluster_exec --node "$node" -- "$@"
}

# srun_as USER ARGUMENT...: srun as USER on the head, for a minute at most.
srun_as() {
    local user=$1
    shift
    cluster_exec --user "$user" -- timeout --kill-after=10 "${PSEC_SRUN_TIMEOUT_S:-60}" srun "$@"
}

# batch_as USER ARGUMENT...: sbatch as USER, and awaits the job's end; fails when the
# job does.  sbatch --wait looks after 2, 6, 14 and 30 seconds only.
batch_as() {
    local user=$1 job said
    shift
    job=$(cluster_exec --user "$user" -- sbatch --parsable "$@") || return
    wait_for 60 batch_over "$job" || return
    # One line for each component of a heterogeneous one.
    said=$(cluster_exec -- scontrol -o show job "$job" | grep -oE '(JobState|ExitCode)=[^ ]*')
    [[ -n $said ]] && ! grep -vxE 'JobState=COMPLETED|ExitCode=0:0' <<< "$said"
}

batch_over() {
    ! cluster_exec -- scontrol -o show job "$1" |
        grep -oE 'JobState=(PENDING|CONFIGURING|RUNNING|SUSPENDED|COMPLETING)'
}

# The files of PSEC_CLUSTER; shared/ among them is for everyone.
cluster_dir() {
    printf '%s/%s\n' "${PSEC_CLUSTER_DIR:-/var/lib/psec-cluster}" "$PSEC_CLUSTER"
}

# --- clusters with our plugin ------------------------------------------------

# The build whose programs the tests run; scripts/test sets it.
psec_build=${PSEC_BUILD:-$psec_repo/build}
export PSEC_INSTALL=${PSEC_INSTALL:-$psec_build/stage}

# own_cluster [OPTION]...: for setup_file.  A cluster under a name of this
# file's own, with the PMIx programs of tests/clients in its shared/bin.  The
# build itself may lie where users cannot get at it.
own_cluster() {
    export PSEC_CLUSTER=${PSEC_TEST_PREFIX:-bats}$$
    cluster_up "$@"
    # srun loads a mechanism, too, and cannot load one that is sanitized.
    if [[ -n ${PSEC_HEAD_MECHDIR:-} ]]; then
        sed "1s|\$| mechdir=$PSEC_HEAD_MECHDIR|" "$(cluster_dir)/plugstack.conf" > "$(cluster_dir)/plugstack.head"
        cluster_exec -- mount --bind "$(cluster_dir)/plugstack.head" "$(cluster_dir)/plugstack.conf"
    fi
    mkdir "$(cluster_dir)/shared/bin"
    find "$psec_build/tests/clients" -maxdepth 1 -name 'c-*' -type f -executable \
        -exec cp -t "$(cluster_dir)/shared/bin" {} +
}

# site_options [WORD]...: the options behind spank_psec.so on all hosts, in
# place of those of the last call.  In one write: a slurmstepd may be reading.
site_options() {
    local conf
    conf=$(cluster_dir)/plugstack.conf
    [[ -e $conf.own ]] || cp -- "$conf" "$conf.own"
    sed "1s|\$| $*|" "$conf.own" > "$conf.new"
    cat "$conf.new" > "$conf"
}

# nodes: the names of PSEC_CLUSTER's nodes.
nodes() {
    cat "$(cluster_dir)/run/nodes"
}

# --- steps -------------------------------------------------------------------

# step ARGUMENT...: a step of psecalice's with our plugin, in the foreground.
step() {
    srun_as psecalice --mpi=pmix "$@"
}

# step_begin ARGUMENT...: the same in the background.
step_begin() {
    step_out=$BATS_TEST_TMPDIR/step.out
    step_command="srun $*"
    : > "$step_out"
    step "$@" > "$step_out" 2>&1 3>&- &
    step_pid=$!
}

# step_end: waits for it and sets status and output like bats' run.
step_end() {
    status=0
    wait "$step_pid" || status=$?
    step_pid=
    output=$(< "$step_out")
    # shellcheck disable=SC2034
    mapfile -t lines < "$step_out"
    plain_statuses
    printf '+ %s (in the background)\n%s\nstatus: %s\n' "$step_command" "$output" "$status"
}

# step_runs PROGRAM [NODE]...: waits until PROGRAM of a background step runs on
# the nodes, by default on all.
step_runs() {
    local program=$1 node
    shift
    (( $# )) || read -ra _nodes < <(nodes)
    for node in "${@:-${_nodes[@]}}"; do
        wait_for 20 on "$node" pgrep -u psecalice,psecbob -x "$program"
    done
}

# on_each COMMAND...: runs COMMAND on every node.
on_each() {
    local node
    for node in $(nodes); do
        on "$node" "$@"
    done
}

# What a step could leave on a node: processes of ours, of Slurm and of the
# users, and step directories.
# shellcheck disable=SC2016
traces_of_steps() {
    on_each sh -c '
        pgrep -l -x psec-pmixd
        pgrep -l -x slurmstepd
        ps -o user=,args= -u psecalice -u psecbob
        find /run/psec -mindepth 1 2> /dev/null
        :'
}

# Of a step that was killed, the directory may stay until the next one.
no_process() {
    ! traces_of_steps | grep -v '^/run/psec/'
}

# all_idle: of the four nodes; slurmctld asks one that was dead only now and
# then, and is told to.
all_idle() {
    local states
    states=$(cluster_exec sinfo -h -N -o %T | sort | uniq -c | xargs)
    echo "$states"
    [[ $states == '4 idle' ]] || {
        cluster_exec scontrol update NodeName=ALL State=RESUME
        false
    }
}

# links_up: of all nodes, whichever were cut.
links_up() {
    local node
    for node in $(nodes); do
        "$psec_cluster" link "$node" up
    done
}

nothing_left() {
    local found
    found=$(traces_of_steps)
    [[ -z $found ]] || {
        echo "left on the nodes: $found"
        return 1
    }
}

# leaves_nothing: no step is running any more, and none has left anything.
leaves_nothing() {
    wait_for 20 nothing_left
}

# end_steps: for teardown, so that a failed test does not spoil the next one.
end_steps() {
    cluster_exec -- scancel --quiet -u psecalice || :
    cluster_exec -- scancel --quiet -u psecbob || :
    if [[ -n ${step_pid:-} ]]; then
        wait "$step_pid" || :
        step_pid=
    fi
    leaves_nothing
}

# rows FILTER: what jq's FILTER prints for the JSON lines of the output.
rows() {
    grep '^{' <<< "$output" | jq -r "$1"
}

# --- munged ------------------------------------------------------------------

# munged_stop NODE [SIGNAL], munged_start NODE [NAME=VALUE]...: with variables
# more.
munged_stop() {
    # shellcheck disable=SC2016
    on "$1" sh -c 'tr "\0" "\n" < "/proc/$(pgrep -x munged)/cmdline" > /run/munged.args && pkill "-$1" -x munged' sh "${2:-TERM}"
    wait_for 10 refuses on "$1" pgrep -x munged
}

munged_start() {
    local node=$1
    shift
    # shellcheck disable=SC2016
    on "$node" sh -c 'pgrep -x munged > /dev/null || { xargs -d "\n" env "$@" < /run/munged.args; }' sh "$@"
}

# munged_mend: for teardown; each node's munged runs, whatever was done to it.
munged_mend() {
    local node
    for node in $(nodes); do
        on "$node" pkill -CONT -x munged || :
        munged_start "$node" || :
    done
}

# --- logs --------------------------------------------------------------------

# mark_logs: from here on.  log_of NODE: what the node's slurmd and slurmstepd
# have logged since.
mark_logs() {
    local node
    for node in $(nodes); do
        stat -c %s "$(cluster_dir)/log/$node.log" > "$BATS_TEST_TMPDIR/mark.$node"
    done
}

log_of() {
    local mark
    # Without one, what earlier tests have logged would do.
    mark=$(cat "$BATS_TEST_TMPDIR/mark.$1") || return
    tail -c "+$(( mark + 1 ))" "$(cluster_dir)/log/$1.log"
}

# log_says NODE TEXT
log_says() {
    log_of "$1" | grep -F -- "$2" || {
        echo "not in the log of $1: $2"
        log_of "$1" | tail -n 20
        return 1
    }
}

# --- sources of packages -----------------------------------------------------

# source_there PACKAGE: has scripts/setup fetched this source package's programs?
# source_or_skip PACKAGE: for tests that need them.  Skips only where the package
# archive itself has lost the file.
source_there() {
    [[ -d ${PSEC_CACHE:-$psec_repo/.cache}/src/$1 ]]
}

source_or_skip() {
    local missing=${PSEC_CACHE:-$psec_repo/.cache}/src/$1.missing
    ! source_there "$1" || return 0
    [[ ! -s $missing ]] || skip "$(cat "$missing")"
    echo "the programs of the source package $1 are not there: run scripts/setup"
    return 1
}

# --- containers --------------------------------------------------------------

# Where the distribution's libraries are, libmunge among them.
library_dir() {
    dirname -- "$(readlink -f -- "$(ldconfig -p | sed -n 's/.*libmunge\.so\.2 .*=> //p' | head -n 1)")"
}

# containers_ready: for setup_file; from here on steps of PSEC_CLUSTER can enter
# containers with srun --enter=..., see tests/spank/container.c.  It comes
# ahead of our plugin in plugstack.conf, as container plugins have to.
containers_ready() {
    local dir
    dir=$(cluster_dir)
    cp "$psec_build/tests/spank/container.so" "$dir"
    printf 'required %s libdir=%s\n' "$dir/container.so" "$(library_dir)" |
        cat - "$dir/plugstack.conf" > "$dir/plugstack.new"
    mv "$dir/plugstack.new" "$dir/plugstack.conf"
}

# container_layer NAME [DIRECTORY]: makes the layer NAME of a container that has
# no libmunge, and what lies in DIRECTORY in place of the host's libraries.
container_layer() {
    local layer libs file conf
    layer=$(cluster_dir)/$1
    libs=$(library_dir)
    mkdir "$layer"
    [[ -z ${2:-} ]] || cp -a "$2/." "$layer"
    for file in "$libs"/libmunge.so*; do
        # An overlay's mark for a file that is not there.
        mknod "$layer/${file##*/}" c 0 0
    done
    conf=$(cluster_dir)/ld.so.conf
    [[ -e $conf ]] || conf=/etc/ld.so.conf
    # shellcheck disable=SC2016
    unshare --mount sh -c 'mount -t overlay -o "lowerdir=$1:$2" layer "$2" &&
        exec /sbin/ldconfig -X -f "$3" -C "$1.cache"' sh "$layer" "$libs" "$conf" 2> /dev/null
    chmod 644 "$layer.cache"
}

# container_or_skip: for setup, where a machine may forbid users' namespaces.
container_or_skip() {
    cluster_exec --user psecalice --node n0 -- unshare --user --mount true ||
        skip 'users may not make user namespaces here'
}
