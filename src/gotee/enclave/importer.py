"""What can be imported inside: the image's modules, the base's standard library, the image's packages. Enclave world.

It replaces Python's own path finder. In this version the standard library and packages are read from disk, from the
folders that the image names, and are not measured.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import linecache
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from types import CodeType, ModuleType
from typing import Any


class Importer(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """The only finder inside beside those for builtin and frozen modules.

    `modules` are the program's own; `packages` maps the top-level names of others to the folders they are in;
    `standard` are the folders of the standard library.
    """

    def __init__(
        self,
        modules: Mapping[str, Mapping[str, Any]],
        packages: Mapping[str, Sequence[str]],
        distributions: Iterable[str],
        standard: Sequence[str],
    ) -> None:
        self._modules = modules
        self._packages = packages
        self._distributions = frozenset(distributions)
        self._standard = list(standard)

    def install(self) -> None:
        """From now on nothing else is found."""
        sys.meta_path[:] = [BuiltinImporter, FrozenImporter, self]
        sys.path[:] = self._standard

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        module = self._modules.get(fullname)
        if module is not None:
            spec = importlib.util.spec_from_loader(fullname, self, is_package=module["package"])
            if spec is not None:
                spec.origin = module["file"]
                spec.has_location = True
            return spec
        top = fullname.partition(".")[0]
        if top in self._modules:
            return None  # a package of the program has no parts but the image's
        if top in self._packages:
            return PathFinder.find_spec(fullname, list(self._packages[top]) if path is None else path)
        if top in sys.stdlib_module_names:
            return PathFinder.find_spec(fullname, self._standard if path is None else path)
        return None

    def find_distributions(self, context: Any = None) -> Iterable[Any]:
        """For importlib.metadata: the image's distributions."""
        from importlib.metadata import DistributionFinder, MetadataPathFinder

        name = None if context is None else context.name
        paths = list(dict.fromkeys(folder for folders in self._packages.values() for folder in folders))
        for found in MetadataPathFinder.find_distributions(DistributionFinder.Context(name=name, path=paths)):
            if re.sub(r"[-_.]+", "-", found.metadata["Name"] or "").lower() in self._distributions:
                yield found

    # -- the program's modules ----------------------------------------------------------------------------

    def is_package(self, fullname: str) -> bool:
        return bool(self._modules[fullname]["package"])

    def get_source(self, fullname: str) -> str:
        return str(self._modules[fullname]["source"])

    def get_code(self, fullname: str) -> CodeType:
        module = self._modules[fullname]
        lines = module["source"].splitlines(keepends=True)
        linecache.cache[module["file"]] = (len(module["source"]), None, lines, module["file"])
        return compile(module["source"], module["file"], "exec", dont_inherit=True)
