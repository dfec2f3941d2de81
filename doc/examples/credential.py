#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Get a credential into a file, or validate one from it, in Python.

    srun --mpi=pmix -n1 ./credential.py get PATH
    srun --mpi=pmix -n1 ./credential.py check PATH UID

As credential_file.c, whose files it reads, and the other way round.

"get" uses PMIx's own binding (on Debian the package python3-pmix).  Its
validate_credential() passes on the first eight bytes of a credential only
(seen with 4.2.2), so "check" asks the command psec(1), which asks this step's
PMIx server; in a process of its own, since a rank can be in PMIx once only.
"""
import glob
import json
import os
import subprocess
import sys
import warnings


def binding():
    """PMIx's module for Python."""
    # The binding uses a call that Python wants to do away with.
    warnings.simplefilter("ignore", DeprecationWarning)
    # Debian 13 has it where Python does not look.
    sys.path += glob.glob("/usr/lib/python3/dist-packages/pypmix-*.egg")
    import pmix
    return pmix


def get(path):
    """Have this step's server make a credential, and keep it in PATH."""
    pmix = binding()
    client = pmix.PMIxClient()
    status, _ = client.init([])
    if status != pmix.PMIX_SUCCESS:
        sys.exit(f"PMIx_Init: {client.error_string(status)}")
    wish = [
        {"key": pmix.PMIX_CRED_TYPE, "value": "munge", "val_type": pmix.PMIX_STRING},
        {"key": pmix.PMIX_TIMEOUT, "value": 10, "val_type": pmix.PMIX_INT},
    ]
    status, cred = client.get_credential(wish)
    if status != pmix.PMIX_SUCCESS:
        sys.exit(f"PMIx_Get_credential: {client.error_string(status)}")
    # A credential is as good as its owner: nobody else may read the file.
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(bytes(cred["bytes"]))
    client.finalize([])


def check(path, uid):
    """Print what the credential in PATH says, if it is UID's."""
    answer = subprocess.run(
        ["psec", "validate", "--json", "--expect-uid", uid, path],
        stdout=subprocess.PIPE, check=False)
    told = json.loads(answer.stdout)
    if not told.get("valid"):
        sys.exit(f"refused: {told['error']['text']}")
    # The job is proven where slurmctld has confirmed it.
    for kind in "proven", "stated":
        if told[kind].get("job"):
            print(f"uid {told['proven']['uid']} (proven), "
                  f"job {told[kind]['job']} ({kind})")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "get":
        get(sys.argv[2])
    elif len(sys.argv) == 4 and sys.argv[1] == "check":
        check(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
