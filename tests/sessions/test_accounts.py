"""Accounts: where credentials are looked for, in which order, and that they are never shown."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crawler.errors import NoCredentials, NotEquipped, SettingsError
from crawler.sessions.accounts import Account
from crawler.sessions.accounts_file import session_names, variable_name
from crawler.sessions.credential_places import ask_at_terminal

NOWHERE = {"XDG_CONFIG_HOME": "/nonexistent"}


def accounts_file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "accounts.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


# --- sources ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("session", "variable"),
    [
        ("buyer", "CRAWL_BUYER_PASSWORD"),
        ("buyer-2", "CRAWL_BUYER_2_PASSWORD"),
        ("anna@shop.example", "CRAWL_ANNA_SHOP_EXAMPLE_PASSWORD"),
    ],
)
def test_variables_carry_the_name_of_the_session(session: str, variable: str) -> None:
    assert variable_name(session, "password") == variable
    assert Account(session, environ={**NOWHERE, variable: "hunter22"}).password == "hunter22"


def test_the_default_session_takes_variables_without_a_name() -> None:
    account = Account("default", environ={**NOWHERE, "CRAWL_USERNAME": "anna", "CRAWL_PASSWORD": "hunter22"})

    assert (account.username, account.password) == ("anna", "hunter22")


def test_a_variable_goes_before_the_file_and_the_file_before_a_question(tmp_path: Path) -> None:
    file = accounts_file(tmp_path, '[buyer]\nusername = "from file"\npassword = "from file"\n')
    asked: list[str] = []

    def ask(prompt: str, secret: bool) -> str:
        asked.append(f"{prompt}{secret}")
        return "from person"

    account = Account(
        "buyer", site="shop.example", environ={"CRAWL_BUYER_USERNAME": "from variable"}, file=file, ask=ask
    )

    assert account.username == "from variable"
    assert account.password == "from file"
    assert asked == []
    other = Account("other", site="shop.example", environ={}, file=file, ask=ask)
    assert other.password == "from person"
    assert other.password == "from person"
    assert asked == ["password for session other at shop.example: True"]  # asked once


def test_a_table_of_the_site_goes_before_the_one_of_any_site(tmp_path: Path) -> None:
    file = accounts_file(
        tmp_path, '[buyer]\nusername = "any"\n[sites."shop.example".buyer]\nusername = "here"\npassword = "x1x2x3"\n'
    )

    assert Account("buyer", site="shop.example", environ={}, file=file).username == "here"
    assert Account("buyer", site="other.example", environ={}, file=file).username == "any"
    with pytest.raises(NoCredentials):
        _ = Account("buyer", site="other.example", environ={}, file=file).password


def test_a_home_that_is_not_a_folder_has_no_file_of_accounts() -> None:
    account = Account("buyer", environ={"XDG_CONFIG_HOME": "/dev/null", "CRAWL_BUYER_USERNAME": "alice"})

    assert account.username == "alice"
    assert account.get("region") is None


def test_the_file_is_found_in_the_configuration_folder(tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    accounts_file(tmp_path / "crawl", '[buyer]\nusername = "anna"\ntenant = 42\n')
    account = Account("buyer", environ={"XDG_CONFIG_HOME": str(tmp_path)})

    assert account.username == "anna"
    assert account.get("tenant") == "42"
    assert account.get("region") is None
    assert account.get("region", "eu") == "eu"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602], ids=oct)
def test_X10_a_file_that_others_can_read_is_refused_with_the_command_that_repairs_it(tmp_path: Path, mode: int) -> None:
    file = accounts_file(tmp_path, '[buyer]\npassword = "hunter22"\n', mode)

    with pytest.raises(NoCredentials, match="chmod 600"):
        _ = Account("buyer", environ={}, file=file).password


def test_a_file_of_many_accounts_is_understood_once_and_again_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []
    loads = tomllib.loads
    monkeypatch.setattr("crawler.sessions.accounts_file.tomllib.loads", lambda text: parsed.append(1) or loads(text))
    names = [f"reader-{number}" for number in range(50)]
    file = accounts_file(tmp_path, "".join(f'[{name}]\nusername = "{name}"\npassword = "first"\n' for name in names))

    found = [Account(name, environ=NOWHERE, file=file) for name in names]
    assert [(each.username, each.password) for each in found] == [(name, "first") for name in names]
    assert len(parsed) == 1

    accounts_file(tmp_path, file.read_text().replace("first", "other"))
    assert {Account(name, environ=NOWHERE, file=file).password for name in names} == {"other"}
    assert len(parsed) == 2


def test_a_file_too_large_to_be_one_of_accounts_is_refused_and_not_cut(tmp_path: Path) -> None:
    file = accounts_file(tmp_path, "")
    with file.open("r+b") as opened:
        opened.truncate(17_000_000)

    with pytest.raises(NoCredentials, match="larger than 16,777,216 bytes"):
        _ = Account("buyer", environ=NOWHERE, file=file).username


def test_a_malformed_file_is_named_without_its_content(tmp_path: Path) -> None:
    file = accounts_file(tmp_path, '[buyer]\npassword = "hunter22\n')

    with pytest.raises(NoCredentials, match="not TOML") as caught:
        _ = Account("buyer", environ={}, file=file).password
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("heading", ['[sites."shop.example".buyer]', "[buyer]"], ids=["of the site", "of all sites"])
def test_the_place_of_a_password_is_the_heading_above_it(heading: str, tmp_path: Path) -> None:
    file = accounts_file(tmp_path, f'[auditor]\nuser = "b"\n{heading}\npassword = "x"\n')
    account = Account("buyer", site="shop.example", environ={}, file=file)

    assert str(account.password) == "x"
    assert account.place("password") == f"{heading} in {file}"


def test_no_credentials_names_every_place_that_was_looked_in(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    with pytest.raises(NoCredentials) as caught:
        _ = Account("buyer", site="shop.example", environ={}, file=file).username

    text = str(caught.value)
    assert "CRAWL_BUYER_USERNAME" in text
    assert f"[buyer] in {file} (no such file)" in text
    assert "keyring" in text
    assert "no terminal to ask at" in text


def test_an_empty_answer_or_end_of_input_gives_no_credentials() -> None:
    def gone(prompt: str, secret: bool) -> str:
        raise EOFError

    for ask in (lambda prompt, secret: "", gone):
        with pytest.raises(NoCredentials, match="asked at the terminal"):
            _ = Account("buyer", environ=NOWHERE, ask=ask).password


def test_further_fields_are_never_asked_for() -> None:
    def ask(prompt: str, secret: bool) -> str:
        raise AssertionError(prompt)

    assert Account("buyer", environ=NOWHERE, ask=ask).get("tenant") is None


def test_the_question_hides_a_secret_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "typed unseen")
    monkeypatch.setattr("builtins.input", lambda prompt: " anna ")

    assert ask_at_terminal("password: ", True) == "typed unseen"
    assert ask_at_terminal("username: ", False) == "anna"


def test_the_keyring_is_asked_for_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring", reason="extra 'keyring' is not installed")
    stored = {
        ("crawl:shop.example", "anna"): "from keyring",
        ("crawl:shop.example", "anna:otp_secret"): "JBSWY3DPEHPK3PXP",
    }
    monkeypatch.setattr(keyring, "get_credential", lambda service, user: SimpleNamespace(username="anna"))
    monkeypatch.setattr(keyring, "get_password", lambda service, user: stored.get((service, user)))
    account = Account("buyer", site="shop.example", environ=NOWHERE)

    assert (account.username, account.password) == ("anna", "from keyring")
    assert account.get("otp_secret") == "JBSWY3DPEHPK3PXP"


def test_a_locked_keyring_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring", reason="extra 'keyring' is not installed")

    def locked(service: str, user: object) -> None:
        raise keyring.errors.KeyringLocked("no bus")

    monkeypatch.setattr(keyring, "get_credential", locked)

    with pytest.raises(NoCredentials, match="not usable"):
        _ = Account("buyer", site="shop.example", environ=NOWHERE).username


# --- one-time codes ---------------------------------------------------------------------------------------------------

RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890", RFC 6238 appendix B


def otp_account(secret: str, now: float, pauses: list[float] | None = None) -> Account:
    environ = {**NOWHERE, "CRAWL_BUYER_OTP_SECRET": secret}
    return Account("buyer", environ=environ, clock=lambda: now, pause=(pauses if pauses is not None else []).append)


@pytest.mark.parametrize(
    ("now", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (20_000_000_000, "353130")],
)
def test_codes_are_those_of_the_rfc(now: float, code: str) -> None:
    assert otp_account(RFC_SECRET, now).otp() == code


def test_an_otpauth_address_says_digits_and_hash() -> None:
    address = f"otpauth://totp/Shop:anna?secret={RFC_SECRET}&digits=8&issuer=Shop"

    assert otp_account(address, 59).otp() == "94287082"


def test_a_secret_may_be_written_in_groups() -> None:
    assert otp_account("gezd gnbv gy3t qojq gezd-gnbv-gy3t-qojq", 59).otp() == "287082"


def test_a_code_is_handed_out_once_and_the_second_login_waits_for_the_next(fake_pauses: list[float]) -> None:
    account = otp_account(RFC_SECRET, 45.0, fake_pauses)

    first, second = account.otp(), account.otp()

    assert first == "287082"
    assert second != first
    assert fake_pauses == [15.0]
    assert account.otp(fresh=False) == first


def test_a_code_is_handed_out_once_to_all_sessions_with_one_secret(fake_pauses: list[float]) -> None:
    environ = {f"CRAWL_{name}_OTP_SECRET": "ONSWG4TFOQQGS4ZAORUGS4Z3" for name in ("ONE", "TWO", "ELSEWHERE")}
    one, two = (Account(each, site="a", environ=environ, pause=fake_pauses.append) for each in ("one", "two"))
    elsewhere = Account("elsewhere", site="b", environ=environ, pause=fake_pauses.append)

    first, second = one.otp(), two.otp()

    assert first != second
    assert len(fake_pauses) == 1
    assert elsewhere.otp()
    assert len(fake_pauses) == 1


@pytest.mark.parametrize(
    "secret",
    ["JBSWY3DPEHPK3PXP", "jbsw y3dp ehpk 3pxp", "otpauth://totp/Shop:anna?secret=JBSWY3DPEHPK3PXP&issuer=Shop"],
)
def test_a_secret_of_80_bits_as_many_sites_give_it_is_good(secret: str) -> None:
    assert otp_account(secret, 59).otp() == "996554"


@pytest.fixture
def fake_pauses() -> list[float]:
    return []


@pytest.mark.parametrize(
    "secret", ["not base32!", "otpauth://hotp/x?secret=JBSWY3DPEHPK3PXP&counter=1", "otpauth://totp/?"]
)
def test_a_malformed_secret_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(NoCredentials, match="otp_secret is neither base32") as caught:
        otp_account(secret, 59).otp()
    assert secret not in str(caught.value)


def test_without_pyotp_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyotp", None)

    with pytest.raises(NotEquipped, match=r"crawl-sessions\[auth\]"):
        otp_account(RFC_SECRET, 59).otp()


# --- what must not get out --------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Holder:
    account: Any
    password: Any


def test_X9_X10_no_repr_shows_the_password() -> None:
    account = Account("buyer", environ={**NOWHERE, "CRAWL_BUYER_USERNAME": "anna", "CRAWL_BUYER_PASSWORD": "hunter22"})
    password = account.password
    held = Holder(account, password)

    shown = [
        f"{account} {account!r} {account!s} {password!r} {held} {[password]} { ({'p': password}) }",
        str(dataclasses.asdict(held)),
        str(copy.deepcopy(held)),
        str([getattr(account, name) for name in Account.__slots__ if name != "_environ"]),
        "%r %s" % (account, {"password": password}),  # noqa: UP031 - the old way masks too
    ]
    assert not [text for text in shown if "hunter22" in text]


def test_the_password_is_unmasked_for_code_that_sends_it() -> None:
    import json
    from urllib.parse import urlencode

    import requests

    password = Account("buyer", environ={**NOWHERE, "CRAWL_BUYER_PASSWORD": "hunter22"}).password

    assert urlencode({"p": password}) == "p=hunter22"
    assert json.dumps({"p": password}) == '{"p": "hunter22"}'
    assert f"Bearer {password}" == "Bearer hunter22"
    assert requests.Request("POST", "http://a.example/", data={"p": password}).prepare().body == "p=hunter22"


def test_X3_accounts_and_secrets_are_not_pickled() -> None:
    account = Account("buyer", environ={**NOWHERE, "CRAWL_BUYER_PASSWORD": "hunter22"})

    for each in (account, account.password, [account.password]):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(each)


def test_nothing_is_looked_up_before_it_is_needed(tmp_path: Path) -> None:
    environ: dict[str, str] = dict(NOWHERE)
    account = Account("buyer", environ=environ, file=tmp_path)  # a folder: reading it would raise
    environ["CRAWL_BUYER_USERNAME"] = "anna"

    assert account.key == "anna"


def test_neither_keyring_nor_pyotp_is_loaded_with_the_module() -> None:
    code = "import sys, crawler.sessions.accounts; print({'keyring', 'pyotp', 'getpass'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


# --- names of sessions ------------------------------------------------------------------------------------------------


def test_names_come_from_the_setting_then_the_spider_then_the_file(tmp_path: Path) -> None:
    file = accounts_file(
        tmp_path,
        'sessions = ["x", "y"]\n[sites."shop.example".buyer]\nusername = "a"\n[sites."shop.example".auditor]\n',
    )

    assert session_names(["s"], setting="a, b", file=file) == ["a", "b"]
    assert session_names(["s"], file=file, site="shop.example") == ["s"]
    assert session_names(file=file, site="shop.example") == ["buyer", "auditor"]
    assert session_names(file=file, site="other.example") == ["x", "y"]
    assert session_names(environ=NOWHERE) == ["default"]


@pytest.mark.parametrize(
    "names",
    [["a", "a"], ["a-b", "a_b"], [""], ["x" * 65], ["a\nb"]],
    ids=["twice", "same-variable", "empty", "long", "control"],
)
def test_names_that_cannot_be_told_apart_are_refused(names: list[str]) -> None:
    with pytest.raises(SettingsError):
        session_names(names)
