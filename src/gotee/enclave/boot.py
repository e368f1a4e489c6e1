"""The first code of an enclave, and what can be imported there: parts of the image, and nothing else. Enclave world.

The platform runs this module's bytecode, which is measured, in an interpreter that can import almost nothing; so it
imports only what is built in. From `start` on, modules come from the image's pages, from archives that the image names
by hash, and from native files that the platform has verified and sealed. Nothing is read from a path.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import gc
import marshal
import posix
import sys
from _frozen_importlib import BuiltinImporter, FrozenImporter, ModuleSpec, module_from_spec
from _frozen_importlib_external import ExtensionFileLoader
from _imp import extension_suffixes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from importlib.abc import Loader as _Loader
    from types import CodeType, ModuleType
    from typing import Any
else:
    _Loader = object  # importlib.abc cannot be imported yet

# The real ones: modules of the program get others (gotee.enclave.system).
_pread, _kernel_read, _exit = posix.pread, posix.read, posix._exit
_NEVER_HIDDEN = frozenset((*sys.builtin_module_names, "encodings"))
PROGRAM, PACKAGES, STANDARD, OWN = "/program/", "/packages/", "/standard/", "/gotee/"
if TYPE_CHECKING:
    Natives = dict[str, tuple[int, tuple[int, ...]]]


def index_of(text: str, offset: int) -> dict[str, tuple[int, int]]:
    """Offset and size of each part, from the lines of an index; ValueError if it is none."""
    places = {}
    for line in text.splitlines():
        size, _, name = line.partition(" ")
        if not name or not size.isdigit():
            raise ValueError(f"not a line of an index: {line[:80]!r}")
        places[name] = (offset, int(size))
        offset += int(size)
    return places


class Block:
    """A sealed block of parts (see gotee.image.parts), read part by part."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        head = _pread(descriptor, 64, 0).partition(b"\n")[0]
        length = int(head.rpartition(b" ")[2])
        text = _read(descriptor, length, len(head) + 1)
        self.places = index_of(text.decode(), len(head) + 1 + length)

    def read(self, name: str) -> bytes:
        """The bytes of a part."""
        offset, size = self.places[name]
        return _read(self._descriptor, size, offset)


def _read(descriptor: int, size: int, offset: int) -> bytes:
    pieces = []
    while size:
        piece = _pread(descriptor, min(size, 1 << 30), offset)
        if not piece:
            raise EOFError("the image is shorter than its index says")
        pieces.append(piece)
        size -= len(piece)
        offset += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Importer(_Loader):
    """The only finder inside beside those for builtin and frozen modules, and the loader of what it finds.

    Parts are named `module NAME PATH` and `package NAME PATH` (bytecode), `file PATH`, and `source PATH`, each PATH
    being that inside; `natives` maps the names of extension modules, and the paths of other native files of
    distributions, to sealed files. More may come with the image.
    """

    trusted_world = True  # gotee.runtime.worlds asks its own loader

    def __init__(self, blocks: Sequence[Block], natives: Natives) -> None:
        self._code: dict[str, tuple[Block, str, str, bool]] = {}
        self._program: dict[str, tuple[Block, str, str, bool]] = {}  # its modules, which are found once it begins
        self._own: dict[str, tuple[Block, str, str, bool]] = {}
        self._hidden: set[str] = set()  # modules of the library that the program has others for
        self._set_aside: dict[str, ModuleType] = {}  # of these two, those that are not in place
        self._files: dict[str, tuple[Block, str]] = {}
        self._folders: dict[str, str] = {}
        self.pages: Block  # the image's own, once it is there
        self._natives: Natives = {}
        self._open: set[int] = set()
        self._archives: Sequence[int] = ()
        self._require: Callable[[int], None] = _filled
        self.beforehand: dict[str, Callable[[], None]] = {}  # what is to be done before a module is run
        self.afterwards: dict[str, Callable[[], None]] = {}  # what completes a module, right behind its import
        for block in blocks:
            self._add(block)
        self._add_natives(natives)

    def extend(self, pages: Block, archives: Sequence[int], natives: Natives, require: Callable[[int], None]) -> None:
        """Find what an image has beside what is there already.

        `archives` are opened when something is looked for that the blocks do not have. `require` has a descriptor's
        memory filled and sealed, if it is not yet.
        """
        self.pages = pages
        self._add(pages)
        self._add_natives(natives)
        self._archives = archives
        self._require = require

    def _add_natives(self, natives: Natives) -> None:
        self._natives.update(natives)
        for name in natives:
            if name[0] == "/":
                continue
            parent = name.rpartition(".")[0]
            self._add_folders(parent, PACKAGES + parent.replace(".", "/"))

    def _add(self, block: Block) -> None:
        """Find the parts of a block, too."""
        for part in block.places:
            kind, _, rest = part.partition(" ")
            if kind in ("module", "package"):
                name, _, path = rest.partition(" ")
                if path[0] != "/":  # the main file's name may have blanks
                    name, _, path = rest.partition(" /")
                    path = "/" + path
                modules = self._program if path.startswith(PROGRAM) else self._code
                modules[name] = (block, part, path, kind == "package")
                self._add_folders(name if kind == "package" else name.rpartition(".")[0], path.rpartition("/")[0])
            elif kind in ("file", "source"):
                self._files[rest if kind == "file" else f"source {rest}"] = (block, part)

    def _open_archives(self) -> None:
        """Whatever is looked for now may be in them."""
        archives, self._archives = self._archives, ()
        for number in archives:
            self._require(number)
            self._add(Block(number))

    def _add_folders(self, package: str, folder: str) -> None:
        """Packages without `__init__` are folders that hold modules."""
        while package and package not in self._folders:
            self._folders[package] = folder
            package, folder = package.rpartition(".")[0], folder.rpartition("/")[0]

    def install(self) -> None:
        """From now on nothing else is found."""
        sys.meta_path[:] = [BuiltinImporter, FrozenImporter, self]
        sys.path_hooks[:] = [self._folder_finder]
        sys.path_importer_cache.clear()
        sys.path[:] = [PROGRAM.rstrip("/"), PACKAGES.rstrip("/"), STANDARD.rstrip("/")]

    def begin(self) -> None:
        """Find the program's own modules from now on, and before others of their names, as outside."""
        names = sys.stdlib_module_names.intersection(self._program).difference(_NEVER_HIDDEN)
        self._hidden = {name for name in names if FrozenImporter.find_spec(name) is None}
        if self._hidden:
            from gotee.runtime.library import keep_library

            keep_library()
            self._exchange()
        self._own = self._program
        for name, (_, _, path, package) in self._own.items():
            if package:
                self._folders[name] = path.rpartition("/")[0]

    def _exchange(self) -> None:
        """Modules that the program hides and the program's own of their names: put in place those that are not."""
        taken = {name: sys.modules.pop(name) for name in [*sys.modules] if name.partition(".")[0] in self._hidden}
        sys.modules.update(self._set_aside)
        self._set_aside = taken

    # -- finding -------------------------------------------------------------------------------------------

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        own = fullname.partition(".")[0] in self._own  # no other has parts of a module or package of the program
        native = None if own else self._natives.get(fullname)
        if native is not None:
            origin = f"/proc/self/fd/{native[0]}"
            return ModuleSpec(fullname, _Native(self, fullname, origin), origin=origin)
        found = self._own.get(fullname) if own else self._known(fullname)
        if found is not None:
            spec = ModuleSpec(fullname, self, origin=found[2], is_package=found[3])
            spec.has_location = True
            if found[3]:
                spec.submodule_search_locations = [found[2].rpartition("/")[0]]
            return spec
        folder = self._folders.get(fullname)
        if folder is not None and (not own or folder.startswith(PROGRAM)):
            spec = ModuleSpec(fullname, None, is_package=True)
        elif (folder := self._folder_of_data(fullname)) is not None:
            spec = ModuleSpec(fullname, _Data(self, folder), is_package=True)
        else:
            return None
        spec.submodule_search_locations = [folder]
        return spec

    def _folder_of_data(self, fullname: str) -> str | None:
        """A folder without modules is a package too, for `importlib.resources`."""
        for root in (PROGRAM, PACKAGES):
            folder = root + fullname.replace(".", "/")
            if any(path.startswith(folder + "/") for path in self._files):
                return folder
        return None

    def invalidate_caches(self) -> None:
        """Nothing changes inside."""

    def load_libraries(self, name: str) -> int:
        """Load what a native file is linked to, as far as it is not yet; returns the sealed file itself."""
        file, libraries = self._natives[name]
        new = tuple(number for number in libraries if number not in self._open)
        for number in (*new, file):
            self._require(number)
        self._open.update(new)
        if new:
            from gotee.enclave.natives import load

            for number in new:
                load(f"/proc/self/fd/{number}")
        return file

    def native_at(self, path: str) -> str | None:
        """The name by which the native file of this path is known, if a distribution has it."""
        for suffix in extension_suffixes():
            name = path.removeprefix(PACKAGES).removesuffix(suffix).replace("/", ".")
            if path.startswith(PACKAGES) and path.endswith(suffix) and name in self._natives:
                return name
        return path if path in self._natives else None

    # -- loading -------------------------------------------------------------------------------------------

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        own = self._own
        if self._hidden and own and module.__name__.startswith("gotee."):
            self._own = {}
            self._exchange()  # gotee's rooms, and what they import, get the library's
            try:
                self._execute(module)
            finally:
                self._exchange()
                self._own = own
        else:
            self._execute(module)

    def _execute(self, module: ModuleType) -> None:
        code = self.get_code(module.__name__)
        before = None if module.__name__ in self._own else self.beforehand.pop(module.__name__, None)
        if before is not None:
            before()
        exec(code, module.__dict__)  # noqa: S102 - measured bytecode
        if module.__name__ not in self._own:
            self.complete(module.__name__)

    def complete(self, name: str) -> None:
        """Do what is to be done once a module has been imported."""
        action = self.afterwards.pop(name, None)
        if action is not None:
            action()

    def begun(self, name: str, contents: dict[str, Any]) -> ModuleType:
        """A module that need not be run to be there: these are its contents, or it is run later."""
        spec = self.find_spec(name)
        if spec is None:
            raise ImportError(f"the image has no module {name}", name=name)
        module = sys.modules[name] = module_from_spec(spec)
        vars(module).update({key: value for key, value in contents.items() if not key.startswith("__")})
        return module

    def get_code(self, fullname: str) -> CodeType:
        block, part, _, _ = self._found(fullname)
        code: CodeType = marshal.loads(block.read(part))  # noqa: S302 - measured
        return code

    def get_source(self, fullname: str) -> str | None:
        """The program's own modules have their text inside, for tracebacks and `inspect`; others do not."""
        path = self._found(fullname)[2]
        found = self._files.get(f"source {path}")
        return None if found is None else found[0].read(found[1]).decode()

    def is_package(self, fullname: str) -> bool:
        return self._found(fullname)[3]

    def get_filename(self, fullname: str) -> str:
        return self._found(fullname)[2]

    def _known(self, fullname: str) -> tuple[Block, str, str, bool] | None:
        found = self._own.get(fullname) or self._code.get(fullname)
        if found is None and self._archives:
            self._open_archives()
            found = self._code.get(fullname)
        return found

    def _found(self, fullname: str) -> tuple[Block, str, str, bool]:
        found = self._known(fullname)
        if found is None:
            raise ImportError(f"the image has no module {fullname}", name=fullname)
        return found

    # -- files ---------------------------------------------------------------------------------------------

    def get_data(self, path: str) -> bytes:
        """A file of the image, for pkgutil.get_data and importlib.resources."""
        self._open_archives()
        found = self._files.get(path) or self._files.get(f"source {path}")
        if found is None:
            raise FileNotFoundError(2, "the image has no such file", path)
        return found[0].read(found[1])

    def has_data(self, path: str) -> bool:
        """Whether the image has a file of this path."""
        self._open_archives()
        return path in self._files or f"source {path}" in self._files

    def size_of(self, path: str) -> int:
        """The size of a file of the image, in bytes."""
        self._open_archives()
        block, part = self._files.get(path) or self._files[f"source {path}"]
        return block.places[part][1]

    def data_paths(self) -> set[str]:
        """The paths of all files of the image."""
        self._open_archives()
        return {name.removeprefix("source ") for name in self._files}

    def files_below(self, folder: str) -> list[str]:
        """Paths of the image's files in a folder and below it."""
        self._open_archives()
        names = (name.removeprefix("source ") for name in self._files)
        return [name for name in names if name.startswith(folder + "/")]

    def get_resource_reader(self, fullname: str) -> Any:
        from gotee.enclave.resources import Reader

        folder = self._folders.get(fullname)
        return None if folder is None else Reader(self, folder)

    def find_distributions(self, context: Any = None) -> Iterable[Any]:
        """For importlib.metadata: the image's distributions."""
        from gotee.enclave.distributions import distributions

        return distributions(self, None if context is None else context.name)

    # -- folders, for pkgutil --------------------------------------------------------------------------------

    def _folder_finder(self, path: str) -> _Folder:
        if path.startswith((PROGRAM, PACKAGES, STANDARD)) or path + "/" in (PROGRAM, PACKAGES, STANDARD):
            return _Folder(self, path)
        raise ImportError(f"nothing is imported from {path} inside")

    def modules_in(self, folder: str) -> Iterator[tuple[str, bool]]:
        """The last names of the modules in one folder, and whether each is a package."""
        self._open_archives()
        for name in sorted({*self._own, *self._code, *self._folders, *self._natives}):
            path, known = self._folders.get(name), self._known(name)
            inside = path if path is not None else known[2] if known is not None else ""
            if inside.rpartition("/")[0] == folder:
                yield name.rpartition(".")[2], path is not None


class _Folder:
    """A folder of the image, as pkgutil looks at it."""

    def __init__(self, importer: Importer, path: str) -> None:
        self._importer = importer
        self.path = path

    def find_spec(self, fullname: str, target: Any = None) -> ModuleSpec | None:
        return self._importer.find_spec(fullname)

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        for name, package in self._importer.modules_in(self.path):
            if name != "__init__":
                yield prefix + name, package


class _Data(_Loader):
    """The loader of a folder without modules: there is nothing to run."""

    def __init__(self, importer: Importer, folder: str) -> None:
        self._importer = importer
        self._folder = folder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        pass

    def get_resource_reader(self, fullname: str) -> Any:
        from gotee.enclave.resources import Reader

        return Reader(self._importer, self._folder)


class _Native(ExtensionFileLoader):
    """Loads an extension module from its sealed file, after the libraries that it is linked to."""

    def __init__(self, importer: Importer, name: str, path: str) -> None:
        super().__init__(name, path)
        self._importer = importer

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self._importer.load_libraries(spec.name)
        return super().create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        self._importer.complete(module.__name__)


def start(argv: Sequence[str]) -> None:
    """Begin: GROUND ARCHIVES NATIVES GATE IMAGE.

    All are descriptors, `-` for none, `,` between them: what every enclave of this base begins with, and
    nothing of a program. At GATE it waits until these are verified, shuts itself in, imports gotee's own rooms, and is
    handed an image (see gotee.enclave.handed). What shuts it in comes first and alone: the process that goes on behind
    that is a copy, and every page is copied that it writes. It can be handed one image only: it serves it and ends.
    IMAGE are the first and the last of the image's descriptors, if it has them already.
    """
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # `signal` imports `enum` to name these
    gc.disable()  # until the program's own code: what is imported until then stays
    gate = int(argv[3])
    archives, opened = numbers(argv[1]), numbers(argv[2])
    files = (*archives, *opened)
    ground = (int(argv[0]), *files)
    first, last = numbers(argv[4]) or (0, -1)
    image = range(first, last + 1)
    lines = Block(ground[0]).read("loading").decode().splitlines()
    wait_at(gate)
    importer = Importer([Block(number) for number in archives], modules_of(lines, files, opened))
    importer.install()
    package = importer.begun("gotee", {})
    importer.begun(__name__, globals())
    # If the platform has ended before the sandbox binds this process to it, `gate` has ended too.
    from gotee.enclave import sandbox

    tried = sandbox.begin((*ground, gate, *image))
    importer.exec_module(package)
    from gotee.enclave.main import main

    main(importer, ground, gate, image, tried)


def modules_of(lines: Iterable[str], files: Iterable[int], natives: Sequence[int]) -> Natives:
    """The extension modules of a part `loading`, which is measured: one line a file, archives first, natives then.

    A line is `+` for a file that gotee's own rooms load, the modules in it (`,` between them), the path of a library or
    `-`, and the places among the natives of what it is linked to.
    """
    found: Natives = {}
    for line, number in zip(lines, files, strict=True):
        modules, _, needs = line.lstrip("+").partition(" ")
        if modules != "-":
            loaded = (number, tuple([natives[int(place)] for place in needs.split()]))
            found.update(dict.fromkeys([modules] if modules[0] == "/" else modules.split(","), loaded))
    return found


def _filled(number: int) -> None:
    """What an enclave begins with is there."""


def wait_at(gate: int) -> None:
    """Go on when the platform says that the next part is verified; end if it never will."""
    if not _kernel_read(gate, 1):
        _exit(1)


def numbers(text: str) -> list[int]:
    """The numbers of one argument.

    >>> numbers("3,4"), numbers("-")
    ([3, 4], [])
    """
    return [int(number) for number in text.split(",")] if text != "-" else []
