"""The vault: nothing leaks, nothing opens without its key, keys can be changed while a crawl runs."""

from __future__ import annotations

import base64
import os
import pickle
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import KeyFileError, VaultError
from crawler.sessions.vault import Vault

PIPE_KEY = Vault.new_key()


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path)}


@given(text=st.text())
def test_what_is_sealed_opens_to_the_same_text(text: str) -> None:
    vault = Vault([PIPE_KEY])

    assert vault.open(vault.seal(text)) == text


@pytest.mark.parametrize(
    "text", ["", "\ud800", "a\x00b\t", "ü" * 100_000], ids=["empty", "half-pair", "controls", "long"]
)
def test_odd_texts_survive(text: str) -> None:
    vault = Vault([PIPE_KEY])

    assert vault.open(vault.seal(text)) == text


def test_sealed_bytes_show_nothing_and_differ_each_time() -> None:
    vault = Vault([PIPE_KEY])
    text = "sid=0123456789abcdef"
    sealed = [vault.seal(text) for _ in range(50)]
    # Six bytes: shorter stretches are in random bytes by chance, once in some thousand runs of this test
    stretches = [text[start : start + 6].encode() for start in range(len(text) - 5)]

    assert len(set(sealed)) == 50
    assert not any(stretch in each for each in sealed for stretch in stretches)


def test_any_changed_byte_is_noticed() -> None:
    vault = Vault([PIPE_KEY])
    sealed = vault.seal("sid=1")
    for place in range(len(sealed)):
        broken = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(VaultError, match="log in again"):
            vault.open(broken)


@pytest.mark.parametrize("length", [0, 1, 9, 20, 36], ids=str)
def test_cut_bytes_are_refused(length: int) -> None:
    vault = Vault([PIPE_KEY])

    with pytest.raises(VaultError, match="log in again"):
        vault.open(vault.seal("sid=1")[:length])


def test_a_lost_key_says_in_one_line_that_one_has_to_log_in_again() -> None:
    sealed = Vault([PIPE_KEY]).seal("sid=1")

    with pytest.raises(VaultError) as caught:
        Vault([Vault.new_key()]).open(sealed)

    assert "log in again" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- where the key comes from -----------------------------------------------------------------------------------------


def test_the_key_file_is_made_at_the_first_sealing_and_not_before(home: dict[str, str], tmp_path: Path) -> None:
    vault = Vault.load(home)
    assert not (tmp_path / "crawl").exists()

    sealed = vault.seal("sid=1")

    assert Vault.load(home).open(sealed) == "sid=1"


def test_X11_the_key_file_and_its_folder_are_closed_to_others(home: dict[str, str], tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        Vault.load(home).seal("x")
    finally:
        os.umask(before)

    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "crawl", *(tmp_path / "crawl").iterdir())
    }
    assert modes == {"crawl": 0o700, "key": 0o600, "key.lock": 0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o660], ids=oct)
def test_a_key_file_that_others_can_reach_is_refused_with_the_command_that_repairs_it(
    home: dict[str, str], tmp_path: Path, mode: int
) -> None:
    Vault.load(home).seal("x")
    (tmp_path / "crawl" / "key").chmod(mode)

    with pytest.raises(KeyFileError, match=f"chmod 600 {tmp_path}/crawl/key"):
        Vault.load(home)


@pytest.mark.parametrize("content", [b"", b"\n", b"not a key\n", b"\xff\xfe", b"c2hvcnQ=\n"], ids=repr)
def test_a_damaged_key_file_is_an_error_and_stays_as_it_is(
    home: dict[str, str], tmp_path: Path, content: bytes
) -> None:
    Vault.load(home).seal("x")
    key = tmp_path / "crawl" / "key"
    key.write_bytes(content)

    with pytest.raises(KeyFileError, match="key"):
        Vault.load(home)
    assert key.read_bytes() == content


def blocked(folder: Path, how: str) -> None:
    """Make *folder* a place where no key can be kept, whoever is asked: even root."""
    if how == "a file in place of the folder":
        folder.write_text("no folder")
    elif how == "a link to nowhere in place of the folder":
        folder.symlink_to(folder.parent / "nowhere" / "at all")
    else:
        (folder / "key.lock").mkdir(parents=True)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("a file in place of the folder", r"(File exists|Not a directory) \({folder}\)"),
        ("a link to nowhere in place of the folder", r"File exists \({folder}\)"),
        ("a folder in place of the lock", r"Is a directory \({folder}/key.lock\)"),
    ],
    ids=lambda value: value if value.startswith("a ") else "",
)
def test_a_key_that_cannot_be_kept_names_its_file_the_cause_and_what_to_do(tmp_path: Path, how: str, why: str) -> None:
    folder = tmp_path / "crawl"
    blocked(folder, how)
    vault = Vault.load({"XDG_CONFIG_HOME": str(tmp_path)})  # a crawl that seals nothing goes on without a key

    with pytest.raises(
        KeyFileError, match=f"^{folder}/key: cannot be written: {why.format(folder=folder)}; "
    ) as caught:
        vault.seal("x")

    assert caught.value.path == f"{folder}/key"
    assert "XDG_CONFIG_HOME" in caught.value.why
    assert "openssl rand -base64 32" in caught.value.why
    assert "Errno" not in str(caught.value)


def test_a_key_that_cannot_be_read_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "crawl" / "key").mkdir(parents=True)

    with pytest.raises(KeyFileError, match=f"^{tmp_path}/crawl/key: cannot be read: Is a directory; "):
        Vault.load({"XDG_CONFIG_HOME": str(tmp_path)})

    assert (tmp_path / "crawl" / "key").is_dir()


def test_P7_without_HOME_the_key_is_in_the_home_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pwd

    class Entry:
        pw_dir = str(tmp_path)

    monkeypatch.setattr(pwd, "getpwuid", lambda uid: Entry)
    Vault.load({}).seal("x")

    assert (tmp_path / ".config" / "crawl" / "key").exists()


def test_P7_a_user_without_any_home_is_told_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)

    with pytest.raises(KeyFileError, match="CRAWL_KEY"):
        Vault.load({"HOME": "relative"})


_MAKER = """
import sys
from crawler.sessions.vault import Vault
vault = Vault.load({"XDG_CONFIG_HOME": sys.argv[1]})
sys.stdin.read()
print(vault.seal("from a process").hex())
"""


def test_one_of_several_simultaneous_processes_makes_the_key_and_all_use_it(
    home: dict[str, str], tmp_path: Path
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    for process in processes:  # all have loaded a vault without a key by the time they read the end of their input
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    sealed = [bytes.fromhex(process.communicate(timeout=60)[0]) for process in processes]

    vault = Vault.load(home)
    assert [vault.open(each) for each in sealed] == ["from a process"] * 6
    assert len(vault.key_names) == 1


def test_threads_share_one_vault(home: dict[str, str]) -> None:
    vault = Vault.load(home)
    with ThreadPoolExecutor(8) as threads:
        sealed = list(threads.map(vault.seal, map(str, range(400))))
        assert list(threads.map(vault.open, sealed)) == list(map(str, range(400)))


# --- CRAWL_KEY --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [PIPE_KEY, PIPE_KEY.rstrip("="), PIPE_KEY.replace("-", "+").replace("_", "/"), f"  {PIPE_KEY}\n"],
    ids=["url-safe", "no-padding", "standard", "white-space"],
)
def test_CRAWL_KEY_takes_base64_in_any_spelling(spelling: str) -> None:
    sealed = Vault([PIPE_KEY]).seal("sid=1")

    assert Vault.load({"CRAWL_KEY": spelling}).open(sealed) == "sid=1"


@pytest.mark.parametrize(
    "wrong",
    ["correct horse battery staple", "Zz9", base64.b64encode(b"short").decode(), base64.b64encode(bytes(33)).decode()],
    ids=["passphrase", "letter", "short", "long"],
)
def test_CRAWL_KEY_that_is_not_a_key_is_refused_without_showing_it(wrong: str) -> None:
    with pytest.raises(KeyFileError, match="is not a key: expected 32 random bytes in base64") as caught:
        Vault.load({"CRAWL_KEY": wrong})
    assert wrong not in str(caught.value)


def test_the_first_key_of_CRAWL_KEY_seals_and_all_open() -> None:
    old, new = Vault.new_key(), Vault.new_key()
    sealed_by_old = Vault([old]).seal("sid=1")
    both = Vault.load({"CRAWL_KEY": f"{new},{old}"})

    assert both.open(sealed_by_old) == "sid=1"
    assert Vault([new]).open(both.seal("sid=2")) == "sid=2"


# --- rotation ---------------------------------------------------------------------------------------------------------


def test_rotation_reseals_with_the_new_key_so_that_the_old_one_can_go(home: dict[str, str]) -> None:
    vault = Vault.load(home)
    sealed = vault.seal("sid=1")
    vault.add_key()
    resealed = vault.reseal(sealed)

    assert vault.is_newest(resealed)
    assert not vault.is_newest(sealed)
    assert vault.reseal(resealed) is resealed
    assert vault.drop_old_keys() == 1
    assert Vault.load(home).open(resealed) == "sid=1"
    with pytest.raises(VaultError):
        Vault.load(home).open(sealed)


def test_a_running_process_finds_the_key_that_another_one_added(home: dict[str, str]) -> None:
    running = Vault.load(home)
    running.seal("x")
    other = Vault.load(home)
    other.add_key()

    assert running.open(other.seal("sid=1")) == "sid=1"


def test_keys_of_the_variable_are_not_changed_by_the_program() -> None:
    with pytest.raises(KeyFileError, match="CRAWL_KEY"):
        Vault([PIPE_KEY]).add_key()


# --- what must not get out --------------------------------------------------------------------------------------------


def test_X3_a_vault_is_neither_shown_nor_pickled() -> None:
    vault = Vault([PIPE_KEY])

    assert PIPE_KEY not in repr(vault) + str(vars(vault))
    with pytest.raises(TypeError):
        pickle.dumps(vault)


def test_cryptography_is_not_loaded_before_something_is_sealed() -> None:
    code = (
        "import sys, crawler.sessions.vault as v; v.Vault.load({'XDG_CONFIG_HOME': '/nowhere'});"
        "print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
