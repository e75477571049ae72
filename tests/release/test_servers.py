"""Addresses to which a token is sent are encrypted; an answer of another kind is one sentence, no traceback."""

import pytest

from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.release.servers import checked_server, is_secure, understood


@pytest.mark.parametrize(
    ("address", "secure"),
    [
        ("https://zenodo.org", True),
        ("https://zenodo.org:8443/x", True),
        ("http://localhost:8000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:80/", True),
        ("http://zenodo.org", False),
        ("http://localhost.example.org", False),
        ("ftp://localhost", False),
        ("https://", False),
        ("https://[::1", False),
        ("https://zenodo.org:port", False),
        ("", False),
    ],
)
def test_an_address_is_encrypted_or_of_this_machine(address: str, secure: bool) -> None:
    assert is_secure(address) is secure


@pytest.mark.parametrize("address", ["https://a@b.org", "https://a.org/?q", "https://a.org/#x", "https://a.org\\x",
                                     "https://a.org/\n", "https://a b.org", "http://a.org"])  # fmt: skip
def test_a_server_is_an_address_and_nothing_more(address: str) -> None:
    with pytest.raises(InputError, match=r"expected a server, got 'http"):
        checked_server(address, "a server")
    assert checked_server("https://a.org/api//", "a server") == "https://a.org/api"


@pytest.mark.parametrize("kind", [KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError])
def test_an_answer_of_another_kind_is_one_sentence(kind: type[Exception]) -> None:
    @understood
    def read(error: Exception | None = None, *, answer: int = 7) -> int:
        if error is not None:
            raise error
        return answer

    assert (read(), read(answer=8)) == (7, 8)
    with pytest.raises(ConflictError, match=rf"in another way than its API states \({kind.__name__}: .*a.* b.*\)"):
        read(kind("a\n b" + "x" * 300))
    with pytest.raises(NotFoundError, match="as it is"):
        read(NotFoundError("as it is"))
