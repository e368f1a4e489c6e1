"""The compiled modules of gotee, and one program; everything else about the package is in pyproject.toml.

The modules are linked into one file for each side of the boundary: src/gotee/compiled.py says which, and why. The
program is what a platform process begins with, before there is Python: src/gotee/platform/begin.c.
"""

import hashlib
import os
import runpy
import shutil
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
PROGRAM = "gotee/platform/begin"


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

        program = compile_one(f"{SOURCE}/{PROGRAM}.c", {"extra_postargs": [*FLAGS, "-Wall", "-Wextra"]})
        self.compiler.link_executable([program], f"{self.build_lib}/{PROGRAM}")
        self.compiler.compile = compile_all
        super().build_extensions()

    def copy_extensions_to_source(self):
        super().copy_extensions_to_source()
        shutil.copy(f"{self.build_lib}/{PROGRAM}", SOURCE / PROGRAM)

    def get_source_files(self):
        return [*super().get_source_files(), f"{SOURCE}/{PROGRAM}.c"]


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
