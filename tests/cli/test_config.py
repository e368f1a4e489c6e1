"""The environment's settings: read in one place, refused with the variable's name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gotee.config import Config, check, default_tee, from_environment
from gotee.errors import UsageError


@pytest.fixture
def _as_a_program() -> Iterator[None]:
    """The default of programs, not that of pytest runs."""
    before = default_tee("process")
    yield
    default_tee(before)


def test_secured_routines_of_a_pytest_run_are_inline_unless_said_otherwise() -> None:
    assert from_environment({}).tee == "inline"
    assert from_environment({"GOTEE_TEE": "process"}).tee == "process"


@pytest.mark.usefixtures("_as_a_program")
@pytest.mark.parametrize("environ", [{}, {"GOTEE_TEE": "", "GOTEE_LEVEL": "", "GOTEE_IMAGE": ""}], ids=str)
def test_absent_and_empty_variables_mean_the_defaults(environ: dict[str, str]) -> None:
    assert from_environment(environ) == Config()


@pytest.mark.parametrize(
    ("environ", "parts"),
    [
        ({"GOTEE_TEE": "Inline"}, ["GOTEE_TEE='Inline'", "did you mean 'inline'?"]),
        ({"GOTEE_TEE": "xyz"}, ["GOTEE_TEE='xyz' is unknown", "inline, process, vm, nitro, sgx"]),
        ({"GOTEE_TEE": "vm"}, ["GOTEE_TEE='vm' is not built yet"]),
        ({"GOTEE_LEVEL": "developement"}, ["GOTEE_LEVEL=", "did you mean 'development'?"]),
        ({"GOTEE_LEVEL": "service", "GOTEE_TEE": "inline"}, ["GOTEE_LEVEL='service'", "needs --tee process"]),
        ({"GOTEE_IMAGE": "x.sgxs"}, ["GOTEE_IMAGE='x.sgxs'", "no such file", "gotee build"]),
        ({"GOTEE_IMAGE": __file__, "GOTEE_TEE": "inline"}, ["GOTEE_IMAGE=", "inline"]),
        ({"GOTEE_TEES": "inline"}, ["GOTEE_TEES", "did you mean GOTEE_TEE?"]),
    ],
    ids=str,
)
def test_bad_values_are_refused_by_the_variables_name(environ: dict[str, str], parts: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        from_environment(environ)
    assert all(part in str(caught.value) for part in parts), caught.value


@pytest.mark.usefixtures("_as_a_program")
def test_a_foreign_variable_with_our_prefix_is_let_be() -> None:
    assert from_environment({"GOTEE_DATABASE_URL": "x"}) == Config()


def test_options_are_named_as_options() -> None:
    with pytest.raises(UsageError, match=r"^--tee sgx is not built yet"):
        check("sgx", None, None)


def test_config_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Config().tee = "process"  # type: ignore[misc]
