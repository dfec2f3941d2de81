#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# One source for headers of Slurm that differ.  Only one Slurm is installed, so
# its slurm.h is rewritten to declare what later ones declare (read in their
# slurm.h; the developer guide has a table), and what knows Slurm is compiled and
# linked with that.  Nothing is run: the library behind it is another.

# bats and common.bash set variables.
# shellcheck disable=SC2030,SC2031,SC2154

load common

# later_header DIRECTORY CHANGE...: slurm.h with these changes.
later_header() {
    mkdir -p "$1/slurm"
    python3 - "$@" << 'END'
import re, sys

to, changes = sys.argv[1], sys.argv[2:]
text = open("/usr/include/slurm/slurm.h").read()

def replace(pattern, by):
    global text
    text, n = re.subn(pattern, by, text, flags=re.S)
    if n != 1:
        sys.exit(f"slurm.h has {pattern} {n} times: this test does not know it")

kill = r"extern int slurm_kill_job_step\(.*?\);"
load = r"extern int slurm_load_job\(.*?\);"
for change in changes:
    if change == "kill-plain":
        replace(kill, "extern int slurm_kill_job_step(uint32_t job_id, uint32_t step_id,"
                " uint16_t signal);")
    elif change == "kill-flags":
        replace(kill, "extern int slurm_kill_job_step(uint32_t job_id, uint32_t step_id,"
                " uint16_t signal, uint16_t flags);")
    elif change == "kill-id":
        replace(kill, "extern int slurm_kill_job_step(slurm_step_id_t *step_id,"
                " uint16_t signal, uint16_t flags);")
    elif change == "steps-id":
        replace(r"extern int slurm_get_job_steps\(.*?\);",
                "extern int slurm_get_job_steps(slurm_step_id_t *step_id,"
                " job_step_info_response_msg_t **resp, uint16_t show_flags);")
    elif change == "step-id":
        # Larger, with an initializer, and ahead of all that has one.
        if "SLURM_STEP_ID_INITIALIZER" in text:
            continue
        text = re.sub(r"typedef struct (slurm_step_id_msg )?\{\s*(sluid_t sluid;\s*)?uint32_t job_id;"
                      r"\s*uint32_t step_het_comp;\s*uint32_t step_id;\s*\} slurm_step_id_t;",
                      "", text, count=1)
        replace(r"enum job_states \{", """
            typedef struct {
                uint64_t sluid;
                uint32_t job_id;
                uint32_t step_het_comp;
                uint32_t step_id;
            } slurm_step_id_t;
            #define SLURM_STEP_ID_INITIALIZER ((slurm_step_id_t) { .sluid = 0, \\\\
                .job_id = NO_VAL, .step_het_comp = NO_VAL, .step_id = NO_VAL })
            enum job_states {""")
    elif change == "load-id":
        replace(load, "extern int slurm_load_job(job_info_msg_t **resp,"
                " slurm_step_id_t step_id, uint16_t show_flags);")
        end = text.index("} slurm_job_info_t;")
        start = text.rindex("typedef struct", 0, end)
        body, n = re.subn(r"uint32_t job_id;", "slurm_step_id_t step_id;", text[start:end])
        if n != 1:
            sys.exit(f"slurm_job_info_t has {n} members job_id")
        text = text[:start] + body + text[end:]
open(f"{to}/slurm/slurm.h", "w").write(text)
END
}

# compiles_with CONSTANT,... CHANGE...: what knows Slurm, and config.h has exactly
# these of the constants that tell Slurms apart.
compiles_with() {
    local wanted=$1 found
    shift
    cd "$BATS_TEST_TMPDIR" || return
    later_header headers "$@"
    CFLAGS="-isystem $PWD/headers" run_psec meson setup --optimization 0 -Dtests=false \
        build "$psec_repo"
    (( status == 0 ))
    found=$(sed -n 's/^#define PSEC_\(KILL_STEP_[A-Z_]*\|LOAD_JOB_[A-Z_]*\|JOB_STEPS_[A-Z_]*\) 1$/\1/p' build/config.h | sort | paste -sd ,)
    [[ $found == "$wanted" ]] || {
        echo "config.h has '$found', wanted is '$wanted'"
        return 1
    }
    # What includes the header, without examples and the command.
    run_psec ninja -C build mpi_plugin/mpi_pmix.so spank/spank_psec.so mpi_plugin/pmixd/psec-pmixd
    (( status == 0 ))
}

@test "it compiles with a Slurm whose slurm_kill_job_step() takes no flags (22.05, 23.02)" {
    compiles_with KILL_STEP_PLAIN kill-plain
}

@test "it compiles with a Slurm whose slurm_kill_job_step() takes flags (23.11 to 25.05)" {
    compiles_with KILL_STEP_FLAGS kill-flags
}

@test "it compiles with a Slurm whose slurm_kill_job_step() takes a pointer (25.11)" {
    compiles_with JOB_STEPS_BY_ID,KILL_STEP_BY_ID step-id kill-id steps-id
}

@test "it compiles with a Slurm whose jobs are named by a structure (26.05)" {
    compiles_with JOB_STEPS_BY_ID,KILL_STEP_BY_ID,LOAD_JOB_BY_ID step-id kill-id load-id steps-id
}

@test "a Slurm that declares something else is refused" {
    cd "$BATS_TEST_TMPDIR" || return
    later_header headers
    sed -i 's/slurm_kill_job_step(/slurm_kill_job_step_no_more(/' headers/slurm/slurm.h
    CFLAGS="-isystem $PWD/headers" run_psec meson setup -Dtests=false build "$psec_repo"
    (( status != 0 ))
    says 'this slurm.h declares slurm_kill_job_step() as no Slurm from 22.05 to 26.05 does'
}
