"""The compiled modules of gotee; everything else about the package is in pyproject.toml.

They are linked into one file for each side of the boundary: src/gotee/compiled.py says which, and why.
"""

import hashlib
import os
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

SOURCE = Path("src")
FLAGS = [
    *("-O2", "-std=c11"),
    "-g0",  # symbols for debuggers would be most of what is measured
    "-fexceptions",  # so that the scheduler sees a thread being unwound
]


class Build(build_ext):
    """Compiles several sources at a time, and only what has changed."""

    def build_extensions(self):
        made_for = repr((sys.version, FLAGS, self.compiler.compiler_so, os.environ.get("CFLAGS")))
        objects = f"build/objects/{hashlib.sha256(made_for.encode()).hexdigest()[:16]}"
        compile_some = self.compiler.compile

        def compile_one(source, options):
            (made,) = self.compiler.object_filenames([source], output_dir=objects)
            if self.force or newer_group([source], made):
                compile_some([source], output_dir=objects, **options)
            return made

        def compile_all(sources, output_dir=None, **options):
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                return list(pool.map(lambda source: compile_one(source, options), sources))

        self.compiler.compile = compile_all
        super().build_extensions()


def linked(file, modules):
    """One file with all these modules."""
    compiled = cythonize(
        [Extension(name, [str(SOURCE / f"{name.replace('.', '/')}.pyx")]) for name in modules],
        include_path=[str(SOURCE)],
        language_level=3,
        compiler_directives={"binding": True, "embedsignature": False},
        build_dir="build/cython",
        nthreads=os.cpu_count() or 1,
    )
    sources = [each.sources[0] for each in compiled]
    if len({Path(source).name for source in sources}) != len(sources):
        raise SystemExit(f"{file}: the last parts of its modules' names must differ: they name their entry points")
    return Extension(file, sources, extra_compile_args=FLAGS)


FILES = runpy.run_path(str(SOURCE / "gotee" / "compiled.py"))["FILES"]

setup(ext_modules=[linked(*each) for each in FILES.items()], cmdclass={"build_ext": Build})
