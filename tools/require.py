"""Run the first example with everything of the sandbox required that this machine can give; say what it cannot.

Used by .ci/run. With nothing missing this is GOTEE_REQUIRE=all. Without the sandbox's floor it fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

GOTEE = [sys.executable, "-m", "gotee"]


def main() -> int:
    """The exit status of the example, or 1 if the doctor and the enclave do not agree."""
    asked = subprocess.run([*GOTEE, "doctor", "--json"], stdout=subprocess.PIPE, text=True)
    layers = json.loads(asked.stdout)["sandbox"]["layers"]
    for layer in layers:
        if not layer["holds"]:
            print(f"not to be had here: {layer['name']}: {layer['missing']} ({layer['cure']})")
    held = [layer["name"] for layer in layers if layer["holds"]]
    require = "all" if len(held) == len(layers) else ",".join(held)
    print(f"GOTEE_REQUIRE={require}", flush=True)
    done = subprocess.run(
        [*GOTEE, "run", "--tee", "process", "examples/hello/hello.py"],
        env={**os.environ, "GOTEE_REQUIRE": require},
        stderr=subprocess.PIPE,
        text=True,
    )
    print(done.stderr, end="", file=sys.stderr)
    missing = ", ".join(layer["name"] for layer in layers if not layer["holds"])
    agree = f"the sandbox lacks {missing};" in done.stderr if missing else "the sandbox lacks" not in done.stderr
    if not held or not agree:
        print("the doctor and the enclave do not agree on what is missing", file=sys.stderr)
        return 1
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
