"""Check digits and hashes of numbers that identify people or accounts (pure; each names its specification)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

# Verhoeff's tables (J. Verhoeff, Error Detecting Decimal Codes, 1969).
_DIHEDRAL = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
# What people count aloud: up and down by ones, twos, fives and tens.
_COUNTED = tuple(
    "".join(map(str, numbers))
    for step in (1, 2, 5, 10)
    for first in range(min(step, 2))
    for numbers in (range(first, 121, step), range(120 - first, -1, -step))
)
_CODICE_ODD = dict(
    zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
         10, 22, 25, 24, 23), strict=True)
)  # fmt: skip


def luhn(digits: str) -> bool:
    """Check a number by ISO/IEC 7812-1, annex B (payment cards and several identity numbers)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def mod97(code: str) -> bool:
    """Check an account number by ISO 13616 / ISO 7064 MOD 97-10: the first four characters move to the end."""
    moved = code[4:] + code[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def verhoeff(digits: str) -> bool:
    """Check a number by Verhoeff's scheme (Aadhaar)."""
    check = 0
    for position, digit in enumerate(reversed(digits)):
        check = int(_DIHEDRAL[check][int(_PERMUTED[position % 8][int(digit)])])
    return check == 0


def mod11_10(digits: str) -> bool:
    """Check a number by ISO 7064 MOD 11,10 (German tax id)."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def weighted(digits: str, weights: Sequence[int], modulus: int) -> int:
    """Return the sum of digits times weights, modulo `modulus`."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % modulus


def german_tax_id(digits: str) -> bool:
    """Check a Steuer-ID: one digit of the first ten occurs two or three times, and MOD 11,10 holds (§ 139b AO)."""
    counts = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    return digits[0] != "0" and counts[-1] in (2, 3) and counts[-2] == 1 and mod11_10(digits)


def french_nir(code: str) -> bool:
    """Check a social security number of 15 characters; Corsica's 2A and 2B count as 19 and 18 (INSEE)."""
    number = code.upper().replace("2A", "19", 1).replace("2B", "18", 1) if code[5:7].upper() in ("2A", "2B") else code
    return number.isdecimal() and int(number[13:]) == 97 - int(number[:13]) % 97


def spanish_dni(code: str) -> bool:
    """Check a DNI or NIE of 9 characters (Real Decreto 1553/2005): the letter is the number modulo 23."""
    number = code[:8].replace("X", "0", 1).replace("Y", "1", 1).replace("Z", "2", 1)
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == code[8]


def codice_fiscale(code: str) -> bool:
    """Check the last letter of an Italian tax code (D.M. 23/12/1976)."""
    total = sum(
        _CODICE_ODD[character] if place % 2 == 0 else int(character, 36) - (10 if character.isalpha() else 0)
        for place, character in enumerate(code[:15])
    )
    return chr(65 + total % 26) == code[15]


def brazilian_cpf(digits: str) -> bool:
    """Check both digits of a CPF."""
    first = weighted(digits[:9], range(10, 1, -1), 11)
    second = weighted(digits[:10], range(11, 1, -1), 11)
    return (
        len(set(digits)) > 1
        and int(digits[9]) == (0 if first < 2 else 11 - first)
        and int(digits[10]) == (0 if second < 2 else 11 - second)
    )


def dutch_bsn(digits: str) -> bool:
    """Check a BSN by the eleven test."""
    return len(set(digits)) > 1 and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), 11) == 0


def polish_pesel(digits: str) -> bool:
    """Check a PESEL: month and day are possible and the last digit is right."""
    return (
        1 <= int(digits[2:4]) % 20 <= 12
        and 1 <= int(digits[4:6]) <= 31
        and weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10) == 0
    )


def belgian_number(digits: str) -> bool:
    """Check a Rijksregisternummer of 11 digits, born before or after 2000."""
    body, check = int(digits[:9]), int(digits[9:])
    return check in (97 - body % 97, 97 - (2_000_000_000 + body) % 97)


def chinese_id(code: str) -> bool:
    """Check a resident identity number of 18 characters (GB 11643, ISO 7064 MOD 11-2)."""
    total = weighted(code[:17], tuple(2**power % 11 for power in range(17, 0, -1)), 11)
    return 1 <= int(code[10:12]) <= 12 and 1 <= int(code[12:14]) <= 31 and "10X98765432"[total] == code[17].upper()


def korean_rrn(digits: str) -> bool:
    """Check a resident registration number issued before October 2020, with a possible date."""
    total = weighted(digits[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), 11)
    return 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) <= 31 and (11 - total) % 10 == int(digits[12])


def ean13(digits: str) -> bool:
    """Check a number of 13 digits by GS1's scheme (Swiss AHV numbers; ISBN-13)."""
    return weighted(digits, (1, 3) * 6 + (1,), 10) == 0


def australian_tfn(digits: str) -> bool:
    """Check a tax file number of 9 digits."""
    return weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10), 11) == 0


def nhs_number(digits: str) -> bool:
    """Check an NHS number of 10 digits (NHS Data Dictionary)."""
    return len(set(digits)) > 2 and (11 - weighted(digits[:9], range(10, 1, -1), 11)) % 11 == int(digits[9])


def routing_number(digits: str) -> bool:
    """Check an ABA routing number of 9 digits."""
    return digits != "0" * 9 and weighted(digits, (3, 7, 1) * 3, 10) == 0


def base58check(code: str) -> bool:
    """Check a Bitcoin-like address: the last four bytes are of a double SHA-256."""
    number = 0
    for character in code:
        at = _BASE58.find(character)
        if at < 0:
            return False
        number = number * 58 + at
    try:
        raw = number.to_bytes(25, "big")
    except OverflowError:
        return False
    return hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def bech32(code: str) -> bool:
    """Check a segwit address (BIP 173 and BIP 350); `code` is lower case."""
    prefix, separator, data = code.rpartition("1")
    if not separator or not prefix or any(character not in _BECH32 for character in data):
        return False
    values = [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]
    check = 1
    for value in values + [_BECH32.index(character) for character in data]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check in (1, 0x2BC830A3)


def is_counting(digits: str) -> bool:
    """Say whether the digits only count ("12345678910", by twos, fives or tens, down again) or repeat two digits."""
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(digits)}
    if len(set(digits)) < 3 or steps <= {1} or steps <= {9}:
        return True
    return any(digits in sequence for sequence in _COUNTED)
