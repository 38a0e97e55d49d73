"""How numeric libraries share the processors of one process, told before any of them is loaded.

The work is parallel where it is cut: chunks of a recording, files, requests. Two habits of the libraries below spoil
that. OpenBLAS starts threads of its own inside each of ours, and they wait for each other; OpenMP, which torch uses,
lets threads spin while they wait for work. Where other work runs beside it, a question to the verifier then takes
several times the processor time. Both habits are read from the environment when the library is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping

HABITS = {
    "OPENBLAS_NUM_THREADS": "1",  # numpy and scipy
    "OMP_WAIT_POLICY": "PASSIVE",  # torch; how many threads it may use is `ASSAY_TORCH_THREADS`
}


def share_processors(environment: MutableMapping[str, str]) -> None:
    """Add `HABITS` to the environment unless the operator has set them, or the libraries are loaded already."""
    if "numpy" in sys.modules or "torch" in sys.modules:
        return
    for name, value in HABITS.items():
        environment.setdefault(name, value)
