"""From a program to its image, as its project's settings say. Host world."""

from __future__ import annotations

from pathlib import Path

from gotee.compiler.partition import Partition, no_collection
from gotee.image import sign
from gotee.image.build import Built, Options, build
from gotee.image.keys import error_key_of
from gotee.image.settings import Settings


def options_of(settings: Settings, extra: tuple[str, ...] = ()) -> Options:
    """What the settings say of the contents; `extra` are modules of the standard library that are inside as well."""
    return Options(
        name=settings.name,
        threads=settings.threads,
        limits=settings.limits,
        policy={"ocalls": settings.ocalls, **({"ceilings": settings.ceilings} if settings.ceilings else {})},
        include=settings.include,
        extra=extra,
        error_key=error_key_of(settings.error_key_file) if settings.error_key_file else "",
    )


def build_program(
    partition: Partition, settings: Settings, lock: Path | None = None, *, extra: tuple[str, ...] = ()
) -> Built:
    """Build, and compare with a base lock if there is one."""
    with no_collection():
        built = build(partition, options_of(settings, extra))
    if lock is not None:
        from gotee.image import base

        base.compare(base.read_lock(lock), {file.path: (file.size, file.sha256) for file in built.manifest.files})
    return built


def signature_of(built: Built, settings: Settings, passphrase: bytes | None = None) -> bytes:
    """The signature that the settings ask for."""
    if settings.key is None:
        return sign.for_development(
            built.measurement, product_id=settings.product_id, security_version=settings.security_version
        )
    structure = sign.unsigned(
        built.measurement,
        product_id=settings.product_id,
        security_version=settings.security_version,
        debug=bool(settings.debug),
    )
    return sign.signed(structure, settings.key, passphrase).to_bytes()
