"""Check digits: published examples pass, and a mistake in one character does not."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator

import pytest

from policies.personal import checks

# Numbers that specifications, authorities or encyclopaedias print as examples; they belong to nobody.
EXAMPLES: tuple[tuple[Callable[[str], bool], str], ...] = (
    (checks.luhn, "4111111111111111"),
    (checks.luhn, "378282246310005"),
    (checks.mod97, "GB82WEST12345698765432"),
    (checks.mod97, "DE89370400440532013000"),
    (checks.mod97, "NO9386011117947"),
    (checks.verhoeff, "234123412346"),
    (checks.german_tax_id, "86095742719"),
    (checks.german_tax_id, "65929970489"),
    (checks.french_nir, "255081416802538"),
    (checks.spanish_dni, "12345678Z"),
    (checks.spanish_dni, "X1234567L"),
    (checks.codice_fiscale, "RSSMRA85T10A562S"),
    (checks.brazilian_cpf, "52998224725"),
    (checks.dutch_bsn, "111222333"),
    (checks.polish_pesel, "44051401359"),
    (checks.belgian_number, "85073003328"),
    (checks.chinese_id, "11010519491231002X"),
    (checks.ean13, "7569217076985"),
    (checks.nhs_number, "9434765919"),
    (checks.routing_number, "111000025"),
    (checks.australian_tfn, "123456782"),
    (checks.base58check, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    (checks.base58check, "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
    (checks.bech32, "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
    (checks.bech32, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),  # BIP 350
)


@pytest.mark.parametrize(("check", "code"), EXAMPLES, ids=[f"{check.__name__} {code}" for check, code in EXAMPLES])
def test_a_published_example_passes(check: Callable[[str], bool], code: str) -> None:
    assert check(code)


def one_digit_wrong(code: str) -> Iterator[str]:
    for at, character in enumerate(code):
        if character.isdecimal():
            for digit in string.digits.replace(character, ""):
                yield code[:at] + digit + code[at + 1 :]


@pytest.mark.parametrize(
    ("check", "code"),
    [pair for pair in EXAMPLES if pair[0] in (checks.luhn, checks.mod97, checks.verhoeff, checks.mod11_10,
     checks.spanish_dni, checks.ean13, checks.nhs_number, checks.dutch_bsn, checks.chinese_id, checks.routing_number,
     checks.base58check)],
)  # fmt: skip
def test_one_wrong_digit_is_always_seen(check: Callable[[str], bool], code: str) -> None:
    assert [wrong for wrong in one_digit_wrong(code) if check(wrong)] == []


def test_two_exchanged_digits_are_seen_by_verhoeff() -> None:
    code = "234123412346"
    for at in range(len(code) - 1):
        exchanged = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
        assert exchanged == code or not checks.verhoeff(exchanged)


@pytest.mark.parametrize(
    "digits", ["1234567", "9876543", "12345678910", "10987654321", "2468101214", "5555555", "0101010"]
)
def test_counting_is_recognised(digits: str) -> None:
    assert checks.is_counting(digits)


@pytest.mark.parametrize("digits", ["5550123", "4155552671", "02079460018"])
def test_a_telephone_number_is_no_counting(digits: str) -> None:
    assert not checks.is_counting(digits)


@pytest.mark.parametrize("code", ["1" * 34, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "0OIl", "z" * 60])
def test_what_is_no_base58check_is_refused(code: str) -> None:
    assert not checks.base58check(code)


@pytest.mark.parametrize("code", ["", "bc1", "1", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp", "bc1b"])
def test_what_is_no_bech32_is_refused(code: str) -> None:
    assert not checks.bech32(code)
