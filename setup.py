"""The compiled modules of gotee; everything else about the package is in pyproject.toml."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCE = Path("src")
OWN_FLAGS = {"scheduler": ["-fexceptions"]}  # so that it sees a thread being unwound

extensions = [
    Extension(
        ".".join(path.relative_to(SOURCE).with_suffix("").parts),
        [str(path)],
        # -g0: symbols for debuggers would be most of what is measured.
        extra_compile_args=["-O2", "-g0", "-std=c11", *OWN_FLAGS.get(path.stem, ())],
    )
    for path in sorted(SOURCE.rglob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        include_path=[str(SOURCE)],
        language_level=3,
        compiler_directives={"binding": True, "embedsignature": False},
        build_dir="build/cython",
    )
)
