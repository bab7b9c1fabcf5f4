"""Names of downloads: what the server means, in whatever way it writes it; as browsers read it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from crawler import Response, Spider
from crawler.pages.downloads import name_of, renamed
from crawler.testing.wire import Answer
from tests.engine.shop import crawl, stored
from tests.hosts import Net

NAME = "výpis č. 5.pdf"
URL = "http://shop.test/get/file?id=5"


def raw(text: str, codec: str = "utf-8") -> str:
    """A header as it is read: each byte a character."""
    return text.encode(codec).decode("latin-1")


NAMES = {
    "extended-first": ("attachment; filename*=UTF-8''v%C3%BDpis%20%C4%8D.%205.pdf; filename=\"vypis.pdf\"", NAME),
    "extended-last": ("attachment; filename=\"vypis.pdf\"; filename*=UTF-8''v%C3%BDpis%20%C4%8D.%205.pdf", NAME),
    "extended-with-language": ("attachment; filename*=utf-8'cs'v%C3%BDpis%20%C4%8D.%205.pdf", NAME),
    "extended-in-latin-1": ("attachment; filename*=iso-8859-1''caf%E9.pdf", "café.pdf"),
    "extended-in-quotation-marks": ("attachment; filename*=\"UTF-8''v%C3%BDpis%20%C4%8D.%205.pdf\"", NAME),
    "extended-with-blanks-around": ("attachment ; filename* = UTF-8''a%20b.pdf", "a b.pdf"),
    "extended-is-broken": ("attachment; filename*=UTF-8''%E9.pdf; filename=plain.pdf", "plain.pdf"),
    "extended-in-no-charset": ("attachment; filename*=rot13''abc.pdf; filename=plain.pdf", "plain.pdf"),
    "extended-without-its-marks": ("attachment; filename*=plain.pdf", "plain.pdf"),
    "utf-8-as-it-is": (raw(f'attachment; filename="{NAME}"'), NAME),
    "utf-8-without-quotation-marks": (raw(f"attachment; filename={NAME}"), NAME),
    "utf-8-already-decoded": (f'attachment; filename="{NAME}"', NAME),
    "latin-1-as-it-is": (raw('attachment; filename="café.pdf"', "latin-1"), "café.pdf"),
    "windows-1252-as-it-is": (raw('attachment; filename="5 €.pdf"', "cp1252"), "5 €.pdf"),
    "escapes-in-the-plain-one": ('attachment; filename="v%C3%BDpis%20%C4%8D.%205.pdf"', NAME),
    "escapes-of-latin-1": ('attachment; filename="caf%E9.pdf"', "café.pdf"),
    "quoted-pairs": (r'attachment; filename="a \"good\" one; really.pdf"', "a _good_ one; really.pdf"),
    "semicolon-in-quotation-marks": ('attachment; filename="a;b.pdf"; size=3', "a;b.pdf"),
    "windows-path": (r'attachment; filename="C:\Documents\report.pdf"', "report.pdf"),
    "unix-path": ('attachment; filename="/etc/../report.pdf"', "report.pdf"),
    "last-quotation-mark-missing": ('attachment; filename="report.pdf', "report.pdf"),
    "blanks-without-quotation-marks": ("attachment; filename=my report.pdf; x=1", "my report.pdf"),
    "no-type": ('filename="report.pdf"', "report.pdf"),
    "upper-case": ('ATTACHMENT; FILENAME="report.pdf"', "report.pdf"),
    "inline": ('inline; filename="report.pdf"', "report.pdf"),
    "twice": ('attachment; filename="a.pdf"; filename="b.pdf"', "a.pdf"),
    "name-is-another-parameter": ('form-data; name="field"; filename="a.pdf"', "a.pdf"),
    "another-that-ends-like-it": ('attachment; xfilename="no.pdf"; filename="a.pdf"', "a.pdf"),
    "in-pieces": ("attachment; filename*0*=UTF-8''v%C3%BDpis%20; filename*1*=%C4%8D; filename*2=\". 5.pdf\"", NAME),
    "in-pieces-out-of-order": ('attachment; filename*1="port.pdf"; filename*0="re"', "report.pdf"),
    "in-plain-pieces": ('attachment; filename*0="re"; filename*1="port.pdf"', "report.pdf"),
    "as-in-mail": ('attachment; filename="=?UTF-8?B?dsO9cGlzIMSNLiA1LnBkZg==?="', NAME),
    "as-in-mail-quoted-printable": ('attachment; filename="=?ISO-8859-1?Q?caf=E9.pdf?="', "café.pdf"),
    "as-in-mail-and-broken": ('attachment; filename="=?x?Z?a?=.pdf"', "=_x_Z_a_=.pdf"),
    "empty": ('attachment; filename=""', "file"),
    "none": ("attachment", "file"),
    "only-semicolons": (";;;;", "file"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_what_the_server_means(name: str) -> None:
    header, wanted = NAMES[name]

    assert name_of(URL, header) == wanted


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://shop.test/v%C3%BDpis.pdf", "výpis.pdf"),
        ("http://shop.test/caf%E9.pdf", "café.pdf"),
        ("http://shop.test/100%25.pdf?x=/no.pdf", "100%.pdf"),
        ("http://shop.test/", "file"),
    ],
)
def test_the_address_names_what_no_header_names(url: str, wanted: str) -> None:
    assert name_of(url, None) == wanted


@pytest.mark.parametrize("piece", [";", "a=;", 'a="', "filename*0=", "\\", 'a="\\', " ", "a", "%41", "=?"])
def test_a_long_header_is_read_quickly(piece: str) -> None:
    header = "attachment; filename=" + piece * (250_000 // len(piece))
    started = time.thread_time()

    name_of(URL, header)

    assert time.thread_time() - started < 2


class Files(Spider):
    """Saves each page, by the answer and by the session."""

    name = "files"
    custom_settings = {"robots": False}

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/a", f"{arguments['site']}/b"]

    def parse(self, response: Response) -> Any:
        yield {"id": 1, "name": response.save(self.arguments["site"].rpartition("/")[2].replace(":", "-")).name}


def test_files_of_a_crawl_have_the_names_that_the_server_means(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    extended, plain = NAMES["extended-first"][0], NAMES["utf-8-already-decoded"][0]  # sent as UTF-8
    own = quick_net.host(
        {
            "/a": Answer(body=b"%PDF", headers=[("Content-Disposition", extended)]),
            "/b": Answer(body=b"%PDF", headers=[("Content-Disposition", plain)]),
        }
    )

    crawl(Files, own.url, tmp_path)

    assert sorted(row["name"] for row in stored(tmp_path, "name")) == ["výpis č. 5-2.pdf", NAME]


def test_a_download_has_the_name_that_the_server_proposes(net: Net, tmp_path: Path) -> None:
    own = net.host({"/get": Answer(body=b"%PDF", headers=[("Content-Disposition", NAMES["extended-first"][0])])})
    session = net.session(own.url)

    first, second = (session.download(f"{own.url}/get", tmp_path / "out") for _ in range(2))
    third = session.download(f"{own.url}/get", tmp_path / "out", "mine.pdf")

    assert [each.name for each in (first, second, third)] == [NAME, "výpis č. 5-2.pdf", "mine.pdf"]
    assert {each.name: each.read_bytes() for each in (tmp_path / "out").iterdir()} == dict.fromkeys(
        (NAME, "výpis č. 5-2.pdf", "mine.pdf"), b"%PDF"
    )


def test_a_new_name_is_never_that_of_a_file_that_exists(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_text("old")
    (tmp_path / "get").write_text("new")

    path = renamed(tmp_path / "get", "../report.pdf")

    assert (path, path.read_text()) == (tmp_path / "report-2.pdf", "new")
    assert (tmp_path / "report.pdf").read_text() == "old"
    assert not (tmp_path / "get").exists()
