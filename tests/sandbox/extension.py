"""A distribution whose extension module makes any system call, past every library. For tests."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

SOURCE = Path(__file__).parent / "raw.c"


def build(folder: Path) -> Path:
    """Put `raw` there, as an installer would."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    words = ["-shared", "-fPIC", "-O1", f"-I{sysconfig.get_path('include')}", str(SOURCE), "-o", str(folder / "raw.so")]
    subprocess.run([compiler, *words], check=True, timeout=60)
    information = folder / "raw-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: raw\nVersion: 1.0\n")
    (information / "RECORD").write_text("raw.so,,\nraw-1.0.dist-info/METADATA,,\nraw-1.0.dist-info/RECORD,,\n")
    return folder
