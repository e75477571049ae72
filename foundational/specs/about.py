"""A dataset's ``about.yaml``: what people, not programs, have to say of it."""

from pathlib import Path
from typing import Annotated, Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import AfterValidator, BeforeValidator, Field

from foundational.specs.base import Spec
from foundational.specs.parsing import parse, read_yaml


def _checked_orcid(orcid: str) -> str:
    """Refuse an ORCID iD whose last digit is wrong (ISO 7064 mod 11-2)."""
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    expected = "0123456789X"[(12 - total % 11) % 11]
    if orcid[-1] != expected:
        raise ValueError(f"expected an ORCID iD that ends with {expected}, got {orcid}")
    return orcid


def _known_licence(licence: Any) -> Any:
    """Refuse what is no identifier of SPDX, or is spelt in another way."""
    if not isinstance(licence, str):
        return licence
    try:
        known = str(canonicalize_license_expression(licence))
    except InvalidLicenseExpression:
        raise ValueError(
            f"expected an SPDX licence identifier such as CC-BY-4.0 (https://spdx.org/licenses), got {licence!r}"
        ) from None
    if known != licence:
        raise ValueError(f"expected the SPDX spelling {known}, got {licence!r}")
    return licence


Text = Annotated[str, Field(min_length=1)]
ORCID_PATTERN = r"^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$"
Orcid = Annotated[str, Field(pattern=ORCID_PATTERN), AfterValidator(_checked_orcid)]


class Creator(Spec):
    """One person to whom a citation names the dataset."""

    name: Text = Field(description="Family name, given names.")
    orcid: Orcid | None = Field(default=None, description="ORCID iD, 0000-0000-0000-0000; null where unknown.")
    affiliation: Text | None = Field(default=None, description="Where the person worked; null where unknown.")


class Citation(Spec):
    """A work that whoever uses the dataset owes a citation to."""

    text: Text = Field(description="The reference, as printed.")
    doi: Annotated[str, Field(pattern=r"^10\.\d{4,9}/\S+$")] | None = Field(
        default=None, description="DOI without https://doi.org/; null where there is none."
    )
    why: Text = Field(description="What of it is used here.")


class About(Spec):
    """The content of ``datasets/<name>/about.yaml``."""

    title: Text = Field(description="One line.")
    element: Annotated[str, Field(pattern=r"^([A-Z][a-z]?)+$")] = Field(
        description="Chemical symbol; of several elements the symbols in the order of their numbers, as in AlCu."
    )
    licence: Annotated[str, Field(pattern=r"^[A-Za-z0-9.+-]+$"), BeforeValidator(_known_licence)] = Field(
        description="SPDX identifier, CC-BY-4.0."
    )
    creators: tuple[Creator, ...] = Field(min_length=1, description="In the order of a citation.")
    description: Text = Field(description="What it is, how it was made and what it is for.")
    caveats: tuple[Text, ...] = Field(default=(), description="What it is not good for.")
    keywords: tuple[Text, ...] = Field(default=(), description="For catalogues.")
    citations: tuple[Citation, ...] = Field(default=(), description="Works to cite in addition to the dataset.")


def read_about(folder: Path) -> About:
    """The ``about.yaml`` in a dataset's folder.

    Raises
    ------
    NotFoundError
        The folder has none.
    InputError
        A key is unknown or missing, or a value is not acceptable; every violation is named.
    """
    path = folder / "about.yaml"
    return parse(About, read_yaml(path), str(path))
