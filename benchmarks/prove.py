"""`make prove`: every slow proof in turn; each leaves a results file.

    python -m benchmarks.prove

The proof on real radiographs is skipped, with the reason, where their folder is absent.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REAL = Path("../shared/data/real_cxr")
PROOFS = (
    "phantom_speed",
    "train_kills",
    "training",
    "train_plan",
    "demo_proof",
    "real_cxr",
    "build_speed",
    "build_kills",
    "convert_speed",
    "copies_real",
    "llm_scale",
    "priors",
    "label_reader",
    "judge_agreement",
    "metrics_speed",
    "inference",
    "serving",
    "diffchest",
)


def main() -> None:
    failed = []
    for name in PROOFS:
        if name == "real_cxr" and not (REAL / "manifest.csv").exists():
            print(f"{name}: skipped, {REAL} is absent")
            continue
        print(f"{name}:", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
