"""Slice entries of real packages, as code of a program, and compare each with the package as it is.

usage: tools/packages.py [NAME...]       fetches the packages with pip into a temporary folder, and removes them again

For each package a small main module holds a few entries; `gotee slice` takes each by itself, and both trees are run in
a new interpreter. Printed: the result, and how much of the lines stays outside. Exit status: 1 if one differs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
RUN = "import sys; sys.path.insert(0, sys.argv[1]); import main; print(repr(main.entry()))"

# package -> what it needs beside it, and its programs
PROGRAMS: dict[str, tuple[list[str], list[str]]] = {
    "itsdangerous": (
        [],
        [
            """
from itsdangerous import URLSafeSerializer, BadSignature
def entry():
    s = URLSafeSerializer("secret", salt="x")
    token = s.dumps({"a": [1, 2]})
    try: s.loads(token + "x")
    except BadSignature as error: return token, s.loads(token), str(error)
""",
            """
from itsdangerous import TimestampSigner
class Fixed(TimestampSigner):
    def get_timestamp(self): return 1700000000
def entry():
    signed = Fixed("key").sign("value")
    return signed, Fixed("key").unsign(signed, return_timestamp=True)
""",
            """
from itsdangerous.encoding import base64_encode, base64_decode, int_to_bytes
def entry(): return base64_encode(b"abc"), base64_decode("YWJj"), int_to_bytes(70000)
""",
        ],
    ),
    "rsa": (
        ["pyasn1"],
        [
            """
import rsa
KEY = rsa.PrivateKey(3727264081, 65537, 3349121513, 65063, 57287)
def entry(): return rsa.core.encrypt_int(42, KEY.e, KEY.n), KEY.blinded_decrypt(rsa.core.encrypt_int(42, KEY.e, KEY.n))
""",
            """
import rsa
P = 170141183460469231731687303715884105727
Q = 162259276829213363391578010288127
def entry():
    pub = rsa.PublicKey(P * Q, 65537)
    key = rsa.PrivateKey(P * Q, 65537, pow(65537, -1, (P - 1) * (Q - 1)), P, Q)
    try: rsa.sign(b"m", key, "SHA-1")
    except OverflowError as error: return type(error).__name__, rsa.PublicKey.load_pkcs1(pub.save_pkcs1()) == pub
    return "signed"
""",
            """
from rsa import prime, transform
def entry(): return prime.is_prime(7919), prime.gcd(48, 18), transform.int2bytes(70000), transform.bytes2int(b"abc")
""",
        ],
    ),
    "ecdsa": (
        ["six"],
        [
            """
import hashlib
from ecdsa import SigningKey, NIST256p
def entry():
    key = SigningKey.from_secret_exponent(12345, NIST256p, hashlib.sha256)
    signature = key.sign_deterministic(b"hello")
    return signature.hex(), key.verifying_key.verify(signature, b"hello"), key.verifying_key.to_pem()
""",
            """
from ecdsa import Ed25519, SigningKey
def entry():
    key = SigningKey.from_string(bytes(range(32)), Ed25519)
    return key.sign(b"m").hex(), key.verifying_key.to_string().hex()
""",
            """
from ecdsa import der, numbertheory
def entry(): return der.encode_integer(300), numbertheory.inverse_mod(3, 11), numbertheory.is_prime(97)
""",
        ],
    ),
    "pyjwt": (
        [],
        [
            """
import jwt
def entry():
    token = jwt.encode({"sub": "a", "n": 1}, "k" * 32, algorithm="HS256")
    try: jwt.decode(token, "w" * 32, algorithms=["HS256"])
    except jwt.InvalidSignatureError as error:
        return token, jwt.decode(token, "k" * 32, algorithms=["HS256"]), str(error)
""",
            """
import jwt
def entry():
    token = jwt.encode({"exp": 10}, "k" * 32, headers={"kid": "1"})
    try: return jwt.decode(token, "k" * 32, algorithms=["HS256"])
    except jwt.ExpiredSignatureError as error: return str(error), jwt.get_unverified_header(token)
""",
            """
from jwt.utils import base64url_encode, base64url_decode, from_base64url_uint
def entry(): return base64url_encode(b"abc?"), base64url_decode("YWJj"), from_base64url_uint("AQAB")
""",
        ],
    ),
    "asn1crypto": (
        [],
        [
            """
from asn1crypto import core
class Point(core.Sequence):
    _fields = [("x", core.Integer), ("name", core.UTF8String, {"optional": True})]
def entry():
    data = Point({"x": 5, "name": "n"}).dump()
    return data.hex(), Point.load(data).native
""",
            """
from asn1crypto import x509, pem
NAME = x509.Name.build({"common_name": "a.example", "country_name": "DE"})
def entry(): return NAME.human_friendly, NAME.dump().hex(), pem.armor("CERTIFICATE", b"abc")
""",
            """
from asn1crypto import keys
def entry():
    info = keys.PublicKeyInfo.wrap(keys.RSAPublicKey({"modulus": 3233, "public_exponent": 17}), "rsa")
    return info.dump().hex(), info.algorithm, info.native["public_key"]["modulus"]
""",
            """
from asn1crypto import algos, cms
def entry():
    algorithm = algos.DigestAlgorithm({"algorithm": "sha256"})
    return algorithm.dump().hex(), cms.ContentType("signed_data").dotted
""",
        ],
    ),
    "attrs": (
        [],
        [
            """
import attr
@attr.s(auto_attribs=True, order=True)
class P:
    x: int
    y: list = attr.Factory(list)
    z: str = attr.ib(default="a", validator=attr.validators.instance_of(str))
def entry(): return repr(P(1)), attr.asdict(P(2, [3])), P(1) < P(2), [f.name for f in attr.fields(P)]
""",
        ],
    ),
    "click": (
        [],
        [
            """
import click
from click.testing import CliRunner
@click.command()
@click.option("--count", default=1, type=click.IntRange(1, 3))
@click.argument("name")
def hello(count, name):
    for _ in range(count): click.echo(f"hello {name}")
def entry():
    run = CliRunner().invoke
    return run(hello, ["--count", "2", "x"]).output, run(hello, ["--count", "9", "x"]).output
""",
            """
from click import style, unstyle
def entry(): return style("a", fg="red"), unstyle(style("b", bold=True))
""",
        ],
    ),
    "jinja2": (
        ["markupsafe"],
        [
            """
import jinja2
def entry():
    page = "{% for x in xs %}{{ x|upper }}{% if not loop.last %}, {% endif %}{% endfor %}"
    return jinja2.Environment().from_string(page).render(xs=["a", "b"])
""",
        ],
    ),
    "idna": (
        [],
        [
            """
import idna
def entry(): return idna.encode("b\\u00fccher.example"), idna.decode("xn--bcher-kva.example")
""",
        ],
    ),
    "packaging": (
        [],
        [
            """
from packaging.version import Version
from packaging.specifiers import SpecifierSet
def entry(): return Version("1.2rc1") < Version("1.2"), "1.5" in SpecifierSet(">=1.0,<2"), str(Version("1.0.post1"))
""",
            """
from packaging.requirements import Requirement
def entry():
    r = Requirement("name[a]>=1; python_version > '3'")
    return r.name, sorted(r.extras), str(r.specifier), r.marker.evaluate()
""",
        ],
    ),
    "six": ([], ["\nimport six\ndef entry(): return six.ensure_binary('a'), six.moves.urllib.parse.quote('a b')\n"]),
    "more-itertools": (
        [],
        [
            """
from more_itertools import chunked, windowed
def entry(): return list(chunked("abcde", 2)), list(windowed("abc", 2))
"""
        ],
    ),
    "python-dateutil": (
        ["six"],
        [
            """
from dateutil import parser, relativedelta
import datetime
def entry(): return parser.parse("3 May 2020 10:11"), datetime.date(2020, 1, 31) + relativedelta.relativedelta(months=1)
""",
            """
from dateutil.rrule import rrulestr
import datetime
def entry(): return list(rrulestr("FREQ=DAILY;COUNT=2", dtstart=datetime.datetime(2020, 1, 1)))
""",
        ],
    ),
    "sortedcontainers": (
        [],
        [
            """
from sortedcontainers import SortedDict
def entry(): return SortedDict(b=1, a=2), SortedDict(a=1).peekitem()
"""
        ],
    ),
}


def fetch(names: list[str], folder: Path) -> None:
    """Put the packages' modules under a folder."""
    wheels = folder / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), *names]
    subprocess.run(command, check=True)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "modules", [n for n in archive.namelist() if ".dist-info/" not in n])


def run(folder: Path) -> str:
    """What the entry of a tree gives, or the last line of its error."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", RUN, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else (done.stderr.strip().splitlines() or ["?"])[-1]


def lines(folder: Path) -> int:
    """Lines of code, without blank ones and comments."""
    texts = [file.read_text("utf-8", "replace").splitlines() for file in folder.rglob("*.py")]
    return sum(1 for text in texts for line in text if line.strip() and not line.lstrip().startswith("#"))


def compare(name: str, folder: Path) -> bool:
    """Slice each program of a package; whether all answer as before."""
    good = True
    modules = folder / "modules"
    for number, program in enumerate(PROGRAMS[name][1], 1):
        (modules / "main.py").write_text(program)
        out = folder / f"sliced{number}"
        command = [str(Path(sys.executable).parent / "gotee"), "slice", str(modules), "main:entry", "--emit", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        full = run(modules)
        if done.returncode:
            good, verdict = False, f"refused: {done.stderr.strip().splitlines()[0].replace(str(modules), '')}"
        elif (part := run(out)) != full:
            good, verdict = False, f"DIFFERENT: {full[:200]} | {part[:200]}"
        else:
            verdict = f"identical, {100 * (1 - lines(out) / lines(modules)):.0f} % outside ({full[:40]})"
        print(f"{name} {number}: {verdict}", flush=True)
    return good


def main(names: list[str]) -> int:
    """Compare all, or those that are named."""
    good = True
    for name in names or sorted(PROGRAMS):
        with tempfile.TemporaryDirectory() as folder:
            fetch([name, *PROGRAMS[name][0]], Path(folder))
            good = compare(name, Path(folder)) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
