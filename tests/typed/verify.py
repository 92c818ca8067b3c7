"""Whether pyright knows the type of each name of the installed package.

Left out are the env.py files of `templates/`, which are copied into projects and not imported.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

PACKAGE = "migrate_script"
LEFT_OUT = f"{PACKAGE}.templates."


def main() -> int:
    """Print the names whose type is not known, and return whether there are any."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--ignoreexternal"]
    with tempfile.TemporaryDirectory() as elsewhere:  # the checkout is not the installed package
        done = subprocess.run(
            [*command, "--verifytypes", PACKAGE], cwd=elsewhere, stdout=subprocess.PIPE, text=True
        )
    symbols = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    exported = [
        symbol
        for symbol in symbols
        if symbol["isExported"] and not symbol["name"].startswith(LEFT_OUT)
    ]
    assert exported, done.stdout
    unknown = [s for s in exported if not s["isTypeKnown"] or s["isTypeAmbiguous"]]
    for symbol in unknown:
        print(symbol["name"], *(each["message"] for each in symbol["diagnostics"]), sep=": ")
    known = len(exported) - len(unknown)
    print(f"the types of {known} of {len(exported)} names are known")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
