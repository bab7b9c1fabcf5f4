"""The vault: what is secret is encrypted before it reaches the disk.

Sealed bytes are one version byte, 8 bytes that name the key, a random nonce of 12 bytes, and AES-256-GCM's ciphertext
with its tag. Version, key name and the place where the bytes are kept are authenticated, too: what is moved to another
row does not open. Version 1 knew no place; what it sealed is still opened, and sealed anew when it is next written.
The newest key seals, all keys open: to rotate, add a key, seal everything again (`Vault.reseal`), drop the old keys.

2**32 sealings with one key are safe with random nonces; a crawl seals once for a page that changed a cookie.
Source: NIST SP 800-38D, section 8.3.

Keys come from ``CRAWL_KEY``, or from a file that is made at the first sealing. `cryptography` is imported when
something is sealed or opened, and not before: it costs 30 ms and 8 MB.
"""

from __future__ import annotations

import base64
import binascii
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from crawler.errors import KeyFileError, VaultError
from crawler.sessions.private_files import config_folder, only_one_process, read_private, write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VARIABLE: Final = "CRAWL_KEY"
_VERSION: Final = b"\x02"
_WITHOUT_PLACE: Final = b"\x01"  # the earlier version
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = 1 + _ID_BYTES
_BODY_AT: Final = _HEAD_BYTES + _NONCE_BYTES
_TAG_BYTES: Final = 16
_HINT: Final = "32 random bytes in base64, such as `openssl rand -base64 32` prints"


class _Cipher:
    """AES-256-GCM with one key. Safe from any thread."""

    __slots__ = ("_key", "_made")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._made: AESGCM | None = None

    def ready(self) -> AESGCM:
        """The cipher itself, made when it is needed; made twice, it is the same."""
        if self._made is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._made = AESGCM(self._key)
        return self._made


class Vault:
    """Seals and opens texts. Safe from any thread; each process loads its own.

    Args:
        keys: Keys as `new_key` makes them, newest first; none means that *path* is asked.
        path: File of keys, one per line, newest first; made at the first sealing when there is none.
    """

    def __init__(self, keys: Sequence[str] = (), *, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()  # guards the replacing of _ciphers; reading it needs no lock
        self._ciphers: dict[bytes, _Cipher] = {}  # key name to cipher, newest first; never changed in place
        if keys:
            self._ciphers = _ciphers(keys, VARIABLE if path is None else str(path))

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Vault:
        """The vault of this user: keys from ``CRAWL_KEY`` (commas between several), else from the key file.

        Makes no file: that happens at the first sealing.

        Args:
            environ: Variables; None means ``os.environ``.
        Raises:
            KeyFileError: ``CRAWL_KEY`` or the file holds something other than keys, the file cannot be read or others
                can read it, too, or nothing says where it should be.
        """
        environ = os.environ if environ is None else environ
        given = environ.get(VARIABLE, "")
        if given.strip():
            return cls([key for key in given.replace(",", " ").split() if key])
        try:
            vault = cls(path=config_folder(environ) / "key")
        except OSError as error:
            raise KeyFileError("the key file", f"{error}; or set {VARIABLE} to {_HINT}") from None
        vault._read_file()
        return vault

    @staticmethod
    def new_key() -> str:
        """A new random key: 32 bytes as 44 characters of base64."""
        return base64.urlsafe_b64encode(os.urandom(32)).decode()

    def seal(self, text: str, place: str = "") -> bytes:
        """Encrypt *text* with the newest key; the first sealing of a user makes the key.

        Args:
            place: Where it will be kept, such as table and row: it opens nowhere else.
        Raises:
            KeyFileError: There is no key, and none can be made.
        """
        name, cipher = next(iter((self._ciphers or self._first_key()).items()))
        head, nonce = _VERSION + name, os.urandom(_NONCE_BYTES)
        bound = head + place.encode("utf-8", "surrogatepass")
        return head + nonce + cipher.ready().encrypt(nonce, text.encode("utf-8", "surrogatepass"), bound)

    def open(self, sealed: bytes, place: str = "") -> str:
        """The text that was sealed for *place*.

        Raises:
            VaultError: No key at hand opens it, or it was changed. The stored session is lost: log in again.
            KeyFileError: The file could no longer be read when a key was missing.
        """
        head = sealed[:_HEAD_BYTES]
        if len(sealed) < _BODY_AT + _TAG_BYTES or not self.is_sealed(head):
            raise _closed("what is stored was not sealed by this program, or is cut off: log in again")
        cipher = self._ciphers.get(head[1:])
        if cipher is None:
            self._read_file()  # another process may have made or added a key meanwhile
            cipher = self._ciphers.get(head[1:])
        if cipher is None:
            where = f"the keys in {self._path}" if self._path else VARIABLE
            raise _closed(f"sealed with key {head[1:].hex()}, which is not among {where}: log in again")
        from cryptography.exceptions import InvalidTag

        bound = head if head[:1] == _WITHOUT_PLACE else head + place.encode("utf-8", "surrogatepass")
        try:
            text = cipher.ready().decrypt(sealed[_HEAD_BYTES:_BODY_AT], sealed[_BODY_AT:], bound)
        except InvalidTag:
            raise _closed("what is stored was damaged, changed or moved: log in again") from None
        return text.decode("utf-8", "surrogatepass")

    # --- rotation -------------------------------------------------------------------------------------------------

    def reseal(self, sealed: bytes, place: str = "") -> bytes:
        """*sealed* under the newest key; the same object if it already is. Raises as `open` and `seal` do."""
        return sealed if self.is_newest(sealed) else self.seal(self.open(sealed, place), place)

    def is_newest(self, sealed: bytes) -> bool:
        """Whether the newest key sealed it, for its place."""
        return sealed[:_HEAD_BYTES] == _VERSION + next(iter(self._ciphers), b"")

    def add_key(self) -> None:
        """Put a new key before the others in the key file, on disk before anything is sealed with it.

        Raises:
            KeyFileError: Keys come from ``CRAWL_KEY``, or the file cannot be written.
        """
        self._rewrite(lambda keys: [self.new_key(), *keys])

    def drop_old_keys(self) -> int:
        """Forget all keys but the newest; what they sealed and was not sealed again is lost.

        Returns:
            How many were dropped.
        Raises:
            VaultError: As `add_key`.
        """
        before: list[str] = []

        def newest(keys: list[str]) -> list[str]:
            before.extend(keys)
            return keys[:1]

        self._rewrite(newest)
        return max(0, len(before) - 1)

    @property
    def has_file(self) -> bool:
        """Whether keys come from a file, which can be changed, and not from the variable."""
        return self._path is not None

    @property
    def file(self) -> Path | None:
        """The file from which the keys come; None where they do not, or where there is none yet."""
        return self._path if self._ciphers else None

    @property
    def key_names(self) -> list[str]:
        """Public names of the keys at hand, newest first: 16 hexadecimal digits each."""
        return [name.hex() for name in self._ciphers]

    def is_sealed(self, found: bytes) -> bool:
        """Whether a value begins as one that a vault has sealed, with whatever key."""
        return found[:1] in (_VERSION, _WITHOUT_PLACE)

    def _rewrite(self, change: Callable[[list[str]], list[str]]) -> None:
        if self._path is None:
            raise KeyFileError(VARIABLE, "the keys are in this variable, which only you can change")
        try:
            with only_one_process(self._path):
                known = _lines(self._path)
                keys = change(known)
                if keys != known:
                    write_private(self._path, "".join(f"{key}\n" for key in keys))
        except (OSError, ValueError) as error:
            raise _unusable(self._path, "written", error) from None
        with self._lock:
            self._ciphers = _ciphers(keys, str(self._path))

    # --- the key file ---------------------------------------------------------------------------------------------

    def _first_key(self) -> dict[bytes, _Cipher]:
        """The keys of the file, after making it if there is none: of two processes at once, one makes it."""
        if self._path is None:
            raise KeyFileError(VARIABLE, f"there is no key: set it to {_HINT}")
        self._rewrite(lambda keys: keys or [self.new_key()])
        return self._ciphers

    def _read_file(self) -> None:
        if self._path is None:
            return
        try:
            keys = _lines(self._path)
        except (OSError, ValueError) as error:
            raise _unusable(self._path, "read", error) from None
        with self._lock:
            self._ciphers = _ciphers(keys, str(self._path))

    def __repr__(self) -> str:
        return f"<Vault with {len(self._ciphers)} keys from {self._path or VARIABLE}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault cannot be pickled: each process loads its own")


def _closed(why: str) -> VaultError:
    return VaultError("", why)


def _unusable(path: Path, done: str, error: OSError | ValueError) -> KeyFileError:
    """What a person is told about a key file that could not be *done* ("read", "written")."""
    if isinstance(error, UnicodeDecodeError):  # its text quotes what it found
        why = "holds no key; restore it, or remove it and log in again"
    elif isinstance(error, OSError) and error.errno:
        where = f" ({error.filename})" if str(error.filename or path) != str(path) else ""
        why = (
            f"cannot be {done}: {error.strerror}{where}; put that right, or name another folder in XDG_CONFIG_HOME,"
            f" or set {VARIABLE} to {_HINT}"
        )
    else:
        why = str(error).removeprefix(f"{path} ")
    return KeyFileError(str(path), why)


def _lines(path: Path) -> list[str]:
    try:
        text = read_private(path)
    except (FileNotFoundError, NotADirectoryError):  # the home of a user of services may be /dev/null
        return []
    keys = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not keys:
        raise ValueError(f"{path} holds no key; restore it, or remove it and log in again")
    return keys


def _ciphers(keys: Sequence[str], source: str) -> dict[bytes, _Cipher]:
    found: dict[bytes, _Cipher] = {}
    for number, key in enumerate(keys, 1):
        raw = _decoded(key)
        if raw is None:
            raise KeyFileError(source, f"key {number} of {len(keys)} is not a key: expected {_HINT}")
        # setdefault: a key written twice keeps its first place
        found.setdefault(blake2b(raw, digest_size=_ID_BYTES, person=b"crawl key id").digest(), _Cipher(raw))
    return found


def _decoded(key: str) -> bytes | None:
    text = key.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == 32 else None
