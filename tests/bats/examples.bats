#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# The examples of doc/examples that get and validate credentials: in C, C++ and
# Python, in steps, jobs and accounts that differ, each with each other's.
# And the command lines of README and guides whose output is shown there.

# bats and common.bash set variables; what is in single quotes is for the
# shells of tasks and nodes.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load common

setup_file() {
    own_cluster --nodes 2
    local dir
    dir=$(cluster_dir)/shared/bin
    cp "$psec_build"/doc/examples/credential_{file,nb,cxx} "$dir"
    cp "$psec_repo/doc/examples/credential.py" "$dir"
    # For both users.
    mkdir -m 1777 "$(cluster_dir)/shared/work"
}

teardown_file() {
    cluster_down
}

setup() {
    alice=$(id -u psecalice) bob=$(id -u psecbob)
    # Without PMIx's binding a Python program can still have one validated.
    makers=(credential_file credential_cxx)
    python=1
    [[ $(dpkg-query -W -f '${db:Status-Status}' python3-pmix) == installed ]] || python=0
    (( ! python )) || makers+=(credential.py)
    # A credential dies with its job: each user has one that lasts.
    local user
    for user in psecalice psecbob; do
        declare -g "job_$user=$(allocation "$user")"
    done
}

# allocation USER: prints the job.
allocation() {
    cluster_exec --user "$1" -- salloc --no-shell -N2 -n2 2>&1 |
        sed -n 's/.*Granted job allocation //p'
}

teardown() {
    end_steps
    rm -rf -- "$(cluster_dir)"/shared/work/*
}

# with USER NODE COMMAND...: a step of USER's; psec is in its PATH.
with() {
    local user=$1 node=$2 job=job_$1
    shift 2
    srun_as "$user" --jobid "${!job}" --mpi=pmix -N1 -n1 -w "$node" \
        env "PATH=$(readlink -f -- "$PSEC_INSTALL")/bin:/usr/bin:/bin" "$@"
}

@test "C: calls that do not block, with directives" {
    succeeds with psecalice n0 bin/credential_nb
    says 'made: pmix.sec.ctype=munge'
    says 'made: psec.lifetime=300'
    says "made: psec.for_uid=$alice"
    says "valid: pmix.euid=$alice"
    says 'valid: psec.proven=pmix.euid,'
    says 'valid: psec.stated='
    succeeds with psecalice n0 bin/credential_nb foo,munge 5
    refuses with psecalice n0 bin/credential_nb foo
    says 'PMIx_Get_credential_nb: '
}

@test "C, C++ and Python read each other's credentials" {
    local maker reader
    for maker in "${makers[@]}"; do
        for reader in credential_file credential_cxx credential.py; do
            succeeds with psecalice n0 "bin/$maker" get work/cred
            succeeds with psecalice n1 "bin/$reader" check work/cred "$alice"
            [[ $output == *"$alice"* ]]
            [[ $(stat -c %a "$(cluster_dir)/shared/work/cred") == 600 ]]
            rm -- "$(cluster_dir)/shared/work/cred"
        done
    done
}

@test "a service of another user's validates a job's credentials" {
    local reader
    for reader in credential_file credential_cxx credential.py; do
        succeeds with psecalice n0 bin/credential_file get work/cred
        # How it is handed over is not PMIx's business.
        cp -- "$(cluster_dir)/shared/work/cred" "$(cluster_dir)/shared/work/for-bob"
        chown psecbob "$(cluster_dir)/shared/work/for-bob"
        succeeds with psecbob n1 "bin/$reader" check work/for-bob "$alice"
        [[ $output == *"$alice"* ]]
        succeeds with psecalice n0 bin/credential_file get work/cred
        cp -- "$(cluster_dir)/shared/work/cred" "$(cluster_dir)/shared/work/for-bob"
        mark_logs
        refuses with psecbob n1 "bin/$reader" check work/for-bob "$bob"
        wait_for 5 log_says n1 "it is of uid $alice, expected was uid $bob"
    done
}

@test "a credential is refused the second time, by each" {
    local reader
    for reader in credential_file credential_cxx credential.py; do
        succeeds with psecalice n0 bin/credential_file get work/cred
        succeeds with psecalice n0 "bin/$reader" check work/cred "$alice"
        mark_logs
        refuses with psecalice n0 "bin/$reader" check work/cred "$alice"
        wait_for 5 log_says n0 '(replayed)'
    done
}

@test "the binding for Python gets credentials in a batch job" {
    (( python )) || skip 'there is no package python3-pmix here'
    cat > "$(cluster_dir)/shared/work/py.sbatch" << SCRIPT
#!/bin/bash
#SBATCH -N2 --ntasks-per-node=1 -o work/py.out
export PATH=$(readlink -f -- "$PSEC_INSTALL")/bin:\$PATH
srun --mpi=pmix -N1 -n1 -w n0 bin/credential.py get work/batch &&
    srun --mpi=pmix -N1 -n1 -w n1 bin/credential.py check work/batch "\$(id -u)"
SCRIPT
    succeeds batch_as psecalice work/py.sbatch
    succeeds cat "$(cluster_dir)/shared/work/py.out"
    says "uid $alice (proven)"
}

# --- command lines of README and guides --------------------------------------

# shown FILE: its commands after a dollar, each with what is shown under it, as
# N.command and N.shown.
shown() {
    awk -v dir="$BATS_TEST_TMPDIR" '
        /^ *\$ / {
            n++
            indent = index($0, "$")
            print substr($0, indent + 2) > (dir "/" n ".command")
            shown = dir "/" n ".shown"
            printf "" > shown
            next
        }
        /^ *$/ { shown = "" }
        shown { print substr($0, indent) > shown }' "$@"
}

# Other numbers are as good, and nodes speak in no order.
alike() {
    sed -E 's/[0-9]+/N/g' | sort
}

@test "README and guides: a command with its output does what is shown" {
    shown "$psec_repo/README.md" "$psec_repo"/doc/*.md
    local file place sbin count=0
    sbin=$(readlink -f -- "$PSEC_INSTALL")/sbin
    for file in "$BATS_TEST_TMPDIR"/*.command; do
        count=$(( count + 1 ))
        place=()
        # So it is shown.
        if grep -q 'is munged running?' "${file%.command}.shown"; then
            place=(--node n0)
            munged_stop n0
        fi
        run_psec cluster_exec --user psecalice "${place[@]}" -- sh -c "PATH=$sbin:\$PATH; $(cat "$file")"
        munged_start n0
        [[ -n $output ]]
        if [[ -s ${file%.command}.shown ]]; then
            diff <(alike < "${file%.command}.shown") <(alike <<< "$output")
        else
            (( status == 0 ))
        fi
    done
    (( count >= 5 ))
}
