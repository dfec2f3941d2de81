#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# The Debian packages: built, installed in a Debian that has nothing else, and used
# there by the demo, which gets nothing of a build; in this host's release and in
# Debian 13.  And the RPM spec file.

# bats and common.bash set variables; dollars in single quotes are for other
# shells.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load ../common

setup_file() {
    export packages=$BATS_FILE_TMPDIR/packages
    "$psec_repo/scripts/package" --dir "$packages" > "$BATS_FILE_TMPDIR/log" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/log"
        return 1
    }
}

fresh() {
    timeout 900 "$psec_repo/scripts/chroot" --fresh "$@"
}

@test "lintian finds no error in the packages" {
    run_psec lintian --allow-root --fail-on error "$packages"/*.changes
    (( status == 0 ))
    [[ $output != *'E: '* ]]
}

# The packages in DIRECTORY are those that there should be.
all_there() {
    run_psec sh -c 'cd "$1" && for p in *.deb; do echo "${p%%_*}"; done | grep -v dbgsym | xargs' sh "$1"
    [[ $output == 'libpsec-dev libpsec-munge libpsec0 psec slurm-psec-doc slurm-wlm-psec-plugin' ]]
    # Nothing but what Debian has is needed, and of libpsec nothing of Slurm.
    run_psec dpkg-deb -f "$1"/libpsec0_*.deb Depends
    [[ $output != *slurm* && $output != *munge* && $output != *pmix* ]]
}

@test "the packages are those that there should be, and are for this Slurm alone" {
    local version
    all_there "$packages"
    version=$(slurmctld -V)
    run_psec dpkg-deb -f "$packages"/slurm-wlm-psec-plugin_*.deb Depends
    says "slurm-wlm-basic-plugins (>= ${version##* })"
}

# installed DIRECTORY [OPTION]...: the packages there, in a fresh Debian.
installed() {
    local from=$1
    shift
    run_psec fresh "$@" --with "$from" -- bash -euc '
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
        if find /usr ! -type d ! -path "*/pmix2/*" \( -name "libpsec*" -o -name "psec[-_]*" -o -name "spank_psec*" \) | grep .; then
            exit 1
        fi
        echo all of it was removed'
    (( status == 0 ))
    says 'all of it is as it must be'
    says 'PSEC OK - 3 host(s) checked, and a step was tried'
    says 'all of it was removed'
}

@test "installed in a fresh Debian, they run the demo, and psec-check is content" {
    installed "$packages"
}

@test "in Debian 13: built from what debian/control names, no error of lintian, installed and used" {
    local out=$BATS_TEST_TMPDIR/trixie
    mkdir "$out"
    # What comes of it is all that is in its output.
    fresh --release trixie -- bash -euc '
        {
            export DEBIAN_FRONTEND=noninteractive
            apt-get -qq update
            apt-get -qq -y --no-install-recommends install lintian dpkg-dev
            apt-get -qq -y --no-install-recommends build-dep ./
            scripts/package --no-setup --dir packages
        } >&2
        tar -cf - packages' > "$out.tar" 2> "$out.log" || {
        tail -n 60 "$out.log"
        return 1
    }
    tar -C "$out" -xf "$out.tar"
    run_psec grep -E '^[EW]: ' "$out.log"
    [[ $output != *'E: '* ]]
    all_there "$out/packages"
    installed "$out/packages" --release trixie
}

# --- RPM ---------------------------------------------------------------------

# Debian's rpm builds packages, but has neither the macros that Fedora's package
# meson brings nor packages that the spec file could require.
@test "the spec file builds packages that have all that meson installs, each file once" {
    run_psec fresh -- bash -euc '
        export DEBIAN_FRONTEND=noninteractive
        {
            apt-get -qq update
            apt-get -qq -y --no-install-recommends install rpm dpkg-dev
            apt-get -qq -y --no-install-recommends build-dep ./
        } > apt.log 2>&1 || { cat apt.log; exit 1; }
        version=$(sed -n "s/^Version: *//p" packaging/slurm-psec.spec)
        top=$PWD/rpm
        mkdir -p "$top/SOURCES"
        tar --exclude=./rpm --exclude=./apt.log --transform "s|^\.|slurm-psec-$version|" -czf "$top/SOURCES/slurm-psec-$version.tar.gz" .
        printf "%s\n" "%_vpath_srcdir ." "%_vpath_builddir redhat-linux-build" \
            "%meson meson setup --buildtype=plain --prefix=%{_prefix} --libdir=%{_libdir} --libexecdir=%{_libexecdir} --bindir=%{_bindir} --sbindir=%{_sbindir} --includedir=%{_includedir} --datadir=%{_datadir} --mandir=%{_mandir} --sysconfdir=%{_sysconfdir} %{_vpath_srcdir} %{_vpath_builddir}" \
            "%meson_build meson compile -C %{_vpath_builddir}" \
            "%meson_install DESTDIR=%{buildroot} meson install -C %{_vpath_builddir} --no-rebuild" > macros
        rpmbuild -bb --nodeps --define "_topdir $top" --load "$PWD/macros" packaging/slurm-psec.spec > rpm.log 2>&1 || {
            tail -n 60 rpm.log
            exit 1
        }
        cd "$top/RPMS"
        for p in */*.rpm; do
            case $p in *-debug*) continue ;; esac
            echo "package $(rpm -qp --qf "%{NAME}" "$p")"
            rpm -qp --qf "[%{FILEMODES:perms} %{FILENAMES}\n]" "$p" | sed -n "s|^[-l].* /|file /|p"
        done
        cd "$OLDPWD"
        meson setup -Dtests=false --prefix=/usr --libdir=/usr/lib64 -Dslurm_plugindir=/usr/lib64/slurm other > /dev/null
        meson introspect --installed other'
    (( status == 0 ))
    [[ $(sed -n 's/^package //p' <<< "$output" | sort | xargs) == \
        'libpsec libpsec-devel libpsec-munge psec slurm-psec-doc slurm-psec-plugin' ]]
    # rpmbuild adds links for debuggers, the licence and what %doc names.
    diff <(grep '^{' <<< "$output" | jq -r '.[]' | sort) \
        <(sed -n 's|^file ||p' <<< "$output" | sed -E 's|(/man/.*)\.gz$|\1|' |
            grep -vE '/(\.build-id|licenses|doc/slurm-psec-doc[^/]*)/' | sort)
}
