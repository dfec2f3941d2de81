#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# What runs with whose rights, seen from /proc while a step runs; and what an
# installation leaves for others to play with.

# bats and common.bash set variables; what is in single quotes is for shells
# on the cluster's nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster --nodes 2
    export stock=$PSEC_CLUSTER-s
    cluster_up --name "$stock" --plugin stock --nodes 1
}

teardown_file() {
    cluster_down
    cluster_down --name "$stock"
}

teardown() {
    if [[ -n ${step_pid:-} ]]; then
        : > "$(cluster_dir)/shared/over"
    fi
    end_steps
}

# busy_begin USER: a step of USER's on both nodes that has fenced, got and
# validated a credential and now waits.  busy_end: it ends, and well.
busy_begin() {
    rm -f -- "$(cluster_dir)"/shared/{over,busy.*}
    step_out=$BATS_TEST_TMPDIR/step.out
    # For step_end.
    # shellcheck disable=SC2034
    step_command="a step of $1's"
    srun_as "$1" --mpi=pmix -N2 --ntasks-per-node=2 sh -c '
        bin/c-cred --mode ring > busy.out.$PMIX_RANK && : > busy.$PMIX_RANK
        for i in $(seq 500); do test -e over && exit 0; sleep 0.1; done; exit 1' \
        > "$step_out" 2>&1 3>&- &
    step_pid=$!
    wait_for 20 test -e "$(cluster_dir)/shared/busy.3"
    pmixd=$(on n0 pgrep -x psec-pmixd)
    stepd=$(on n0 pgrep -x slurmstepd)
    [[ $pmixd =~ ^[0-9]+$ && $stepd =~ ^[0-9]+$ ]]
}

busy_end() {
    : > "$(cluster_dir)/shared/over"
    step_end
    (( status == 0 ))
}

# each_thread FIELD: the values of FIELD in status of psec-pmixd's threads.
each_thread() {
    on n0 sh -c 'cat /proc/$1/task/*/status' sh "$pmixd" |
        sed -n "s/^$1:[[:space:]]*//p" | sed 's/[[:space:]]\+/ /g; s/ $//' | sort -u
}

@test "every thread of psec-pmixd has the user's uid and gid, in all four places" {
    local user uid gid
    for user in psecalice psecbob; do
        uid=$(id -u "$user")
        gid=$(id -g "$user")
        busy_begin "$user"
        (( $(on n0 ls "/proc/$pmixd/task" | wc -l) >= 3 ))
        [[ $(each_thread Uid) == "$uid $uid $uid $uid" ]]
        [[ $(each_thread Gid) == "$gid $gid $gid $gid" ]]
        busy_end
    done
}

@test "every thread of psec-pmixd has the user's groups and no other" {
    busy_begin psecalice
    [[ $(each_thread Groups) == "$(id -G psecalice | tr ' ' '\n' | sort -n | xargs)" ]]
    busy_end
    busy_begin psecbob
    [[ $(each_thread Groups) == "$(id -G psecbob)" ]]
    busy_end
}

@test "no thread of psec-pmixd has a capability or can get one" {
    busy_begin psecalice
    local set
    for set in CapInh CapPrm CapEff CapAmb; do
        [[ $(each_thread "$set") == 0000000000000000 ]]
    done
    [[ $(each_thread NoNewPrivs) == 1 ]]
    busy_end
}

@test "psec-pmixd cannot be dumped or traced, not even by its user" {
    busy_begin psecalice
    run_psec on n0 sh -c 'cd "/proc/$1" && stat -c %U environ mem fd maps exe' sh "$pmixd"
    [[ $(sort -u <<< "$output") == root ]]
    [[ $(on n0 sed -n 's/^Max core file size *//p' "/proc/$pmixd/limits" | xargs) == '0 0 bytes' ]]
    refuses cluster_exec --user psecalice --node n0 -- cat "/proc/$pmixd/environ"
    says 'Permission denied'
    # His own tasks he can look into.
    succeeds cluster_exec --user psecalice --node n0 -- sh -c 'cat "/proc/$(pgrep -f -o bin/c-cred)/environ"'
    busy_end
}

@test "psec-pmixd is no more exempt from the OOM killer than a task" {
    busy_begin psecalice
    [[ $(on n0 cat "/proc/$pmixd/oom_score_adj") == 0 ]]
    busy_end
}

@test "psec-pmixd's environment has nothing of the user's" {
    busy_begin psecalice
    run_psec on n0 sh -c 'tr "\0" "\n" < "/proc/$1/environ" | sort' sh "$pmixd"
    [[ $(cut -d= -f1 <<< "$output" | grep -v '^TZ$' | xargs) == 'PATH SLURM_CONF' ]]
    says 'PATH=/usr/sbin:/usr/bin:/sbin:/bin'
    says "SLURM_CONF=$(cluster_dir)/slurm.conf"
    busy_end
}

# descriptors PID: "number target" of each.
descriptors() {
    on n0 sh -c 'cd "/proc/$1/fd" && for n in *; do echo "$n $(readlink "$n")"; done' sh "$1"
}

@test "psec-pmixd has only descriptors of its own" {
    busy_begin psecalice
    local ours theirs n target
    ours=$(descriptors "$pmixd")
    theirs=$(descriptors "$stepd")
    echo "$ours"
    grep -qx '0 /dev/null' <<< "$ours"
    grep -qx '1 /dev/null' <<< "$ours"
    grep -qx '2 pipe:.*' <<< "$ours"
    grep -qx '3 socket:.*' <<< "$ours"
    while read -r n target; do
        case $target in
        /dev/null | socket:* | pipe:* | 'anon_inode:[eventpoll]' | 'anon_inode:[eventfd]') ;;
        /run/psec/*) ;;
        *)
            echo "unexpected: $n is $target"
            false
            ;;
        esac
        # The log's pipe has its other end there.
        if [[ $n != [012] ]] && grep -qF " $target" <<< "$(grep -F -e socket: -e pipe: <<< "$theirs")"; then
            echo "slurmstepd has it, too: $n is $target"
            false
        fi
    done <<< "$ours"
    busy_end
}

@test "a task has no descriptor that it would not have without a PMIx server" {
    local with without
    without=$(srun_as psecalice --mpi=none -w n0 -n1 ls /proc/self/fd | xargs)
    with=$(srun_as psecalice --mpi=pmix -w n0 -n1 ls /proc/self/fd | xargs)
    echo "without: $without, with: $with"
    [[ $with == "$without" ]]
}

# mapped PROGRAM [OPTION]...: base names of the libraries that processes of
# PROGRAM have mapped; OPTIONs are cluster_exec's and say where.
mapped() {
    local program=$1
    shift
    cluster_exec "$@" -- sh -c 'pgrep -x "$1" | while read -r p; do cat "/proc/$p/maps"; done' sh "$program" |
        sed -n 's,.* /.*/\([^/]*\.so[^/ ]*\)$,\1,p' | sort -u
}

# more_than OURS THEIRS: what OURS names and THEIRS does not.
more_than() {
    comm -23 <(echo "$1") <(echo "$2")
}

@test "no process of root has libpmix or libmunge by our doing" {
    local where ours theirs name more
    # Tasks of the stock step are there when its slurmstepd is looked at.
    PSEC_CLUSTER=$stock srun_as psecalice --mpi=none -N1 -n1 sleep 30 3>&- &
    local other=$!
    wait_for 20 cluster_exec --name "$stock" --node n0 -- pgrep -x sleep -u psecalice
    busy_begin psecalice
    for name in slurmctld slurmd slurmstepd; do
        where=(--node n0)
        [[ $name != slurmctld ]] || where=()
        ours=$(mapped "$name" "${where[@]}")
        theirs=$(mapped "$name" --name "$stock" "${where[@]}")
        # Both are what they seem.
        grep -q '^libslurm' <<< "$ours"
        grep -q '^libslurm' <<< "$theirs"
        more=$(more_than "$ours" "$theirs")
        echo "$name has more: ${more//$'\n'/ }"
        [[ ! $more =~ (pmix\.so\.|libpmix|libmunge|psec_munge|libevent|libhwloc|libjansson) ]]
        if [[ $name == slurmstepd ]]; then
            grep -qx mpi_pmix.so <<< "$more"
            grep -qx spank_psec.so <<< "$more"
        fi
    done
    # And whatever else root runs there.
    run_psec on n0 sh -c 'grep -lE "/(libpmix|libmunge|psec_munge)[^/]*\.so" $(ps -U 0 -o pid= | sed "s,.* *,/proc/&/maps," | tr -d " ") 2> /dev/null |
        cut -d/ -f3 | xargs -r ps -o comm= -p | sort -u'
    [[ $(grep -vx -e slurmd -e slurmstepd -e munged <<< "$output") == '' ]]
    busy_end
    cluster_exec --name "$stock" -- scancel -u psecalice
    wait "$other" || :
}

@test "psec-pmixd is the one that has libpmix and libmunge" {
    busy_begin psecalice
    local libs
    libs=$(mapped psec-pmixd --node n0)
    grep -q '^libpmix\.so' <<< "$libs"
    grep -q '^libmunge\.so' <<< "$libs"
    busy_end
}

@test "the step directory is the user's alone, below a directory of root's" {
    busy_begin psecalice
    local dir
    dir=$(on n0 find /run/psec -mindepth 1 -maxdepth 1)
    [[ $dir =~ ^/run/psec/[0-9]+\.0$ ]]
    [[ $(on n0 stat -c '%U %G %a' /run/psec) == 'root root 755' ]]
    [[ $(on n0 stat -c '%U %G %a' "$dir") == 'psecalice psecalice 700' ]]
    # Whatever is in it.
    [[ $(on n0 find "$dir" -printf '%u\n' | sort -u) == psecalice ]]
    busy_end
}

# knock USER PATH: connects to the socket PATH on n0.
knock() {
    run_psec cluster_exec --user "$1" --node n0 -- python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(5)
s.connect(sys.argv[1])
print("connected")' "$2"
}

@test "another user cannot enter the step directory nor connect to its socket" {
    busy_begin psecalice
    local dir
    dir=$(on n0 find /run/psec -mindepth 1 -maxdepth 1)
    refuses cluster_exec --user psecbob --node n0 -- ls "$dir"
    says 'Permission denied'
    refuses cluster_exec --user psecbob --node n0 -- touch "$dir/x"
    says 'Permission denied'
    refuses cluster_exec --user psecbob --node n0 -- touch /run/psec/x
    says 'Permission denied'
    knock psecbob "$dir/wire"
    (( status != 0 ))
    says PermissionError
    # There is something to connect to.
    knock psecalice "$dir/wire"
    says connected
    busy_end
}

# run_paths DIR: "file path" for each program and library below DIR that names
# directories to look for libraries in.
run_paths() {
    local file
    find "$1/" -type f | while read -r file; do
        readelf -d "$file" 2> /dev/null |
            sed -n "s,.*(R\(UN\)\?PATH).*\[\(.*\)\],$(basename -- "$file") \2,p"
    done
}

# sound FILES: of run_paths, no element is empty or relative.
sound() {
    local file path
    while read -r file path; do
        [[ ":$path:" =~ ^(:/[^:]*)+:$ ]] || {
            echo "the run path of $file is '$path'"
            return 1
        }
    done
}

@test "no installed file looks for libraries in the current directory" {
    local paths file
    paths=$(run_paths "$PSEC_INSTALL")
    echo "$paths"
    for file in psec-pmixd mpi_pmix.so spank_psec.so; do
        grep -q "^$file /" <<< "$paths"
    done
    sound <<< "$paths"
    # What the test does not overlook.
    refuses sound <<< 'x '
    refuses sound <<< 'x /usr/lib:'
    refuses sound <<< 'x lib:/usr/lib'
    refuses sound <<< 'x /a::/b'
}

@test "nor where it is configured with --prefix=/usr" {
    local build=$BATS_TEST_TMPDIR/build root=$BATS_TEST_TMPDIR/root paths
    meson setup --prefix=/usr -Dtests=false "$build" "$psec_repo" > "$BATS_TEST_TMPDIR/log" 2>&1
    ninja -C "$build" >> "$BATS_TEST_TMPDIR/log" 2>&1
    DESTDIR=$root meson install -C "$build" --no-rebuild >> "$BATS_TEST_TMPDIR/log" 2>&1
    local file
    for file in psec-pmixd mpi_pmix.so spank_psec.so libpsec_step.so psec_munge.so; do
        [[ -n $(find "$root" -type f -name "$file") ]]
    done
    paths=$(run_paths "$root")
    echo "run paths: $paths"
    sound <<< "$paths"
    # The plugins find their own library, which is not where libraries are.
    run_psec readelf -d "$(find "$root" -name mpi_pmix.so)"
    says libpsec_step.so
}

@test "psec-pmixd does not look for libpmix's files in the user's home" {
    local home
    home=$(getent passwd psecalice | cut -d : -f 6)
    # Whoever opens it waits for ever; echo has no libpmix.
    on n0 mount -t tmpfs none "$home"
    on n0 sh -c 'mkdir "$1/.pmix" && mkfifo "$1/.pmix/mca-params.conf" && chmod -R a+rX "$1"' sh "$home"
    PSEC_SRUN_TIMEOUT_S=20 run_psec srun_as psecalice --mpi=pmix -N1 -n1 -w n0 echo well
    on n0 umount --lazy "$home"
    [[ $status -eq 0 && $output == well ]]
}

@test "root cannot have psec-pmixd stand in for a task" {
    refuses env -i "$(readlink -f -- "$PSEC_INSTALL")/sbin/psec-pmixd" --stand-in
    [[ $output == "psec-pmixd must run as the step's user, not as uid 0 "* ]]
}
