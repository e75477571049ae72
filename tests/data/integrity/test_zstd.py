"""The decoder comes without the rest of numcodecs, and leaves a package that can be imported whole."""

import subprocess
import sys

import pytest

CODE = """
import sys, threading
from foundational.data.integrity.zstd import decoder
if sys.argv[1] == "beside a thread":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
decode = decoder()
alone = "numcodecs.registry" not in sys.modules
assert ("numcodecs" in sys.modules) is not alone
import numcodecs
assert decode(numcodecs.zstd.Zstd().encode(b"some bytes")) == b"some bytes"
assert numcodecs.registry.get_codec({"id": "blosc"}) is not None
print(alone)
"""


@pytest.mark.parametrize(("case", "alone"), [("alone", True), ("beside a thread", False)])
def test_the_decoder_leaves_a_whole_package(case: str, alone: bool) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, case], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{alone}\n", "")
