"""Personal data that should not be spoken to strangers: recognised by form, check digits and context."""

from __future__ import annotations

from policies.decision import Finding
from policies.personal.accounts import bank_accounts, cards, ibans, secrets, wallets
from policies.personal.contact import emails, ip_addresses
from policies.personal.datum import Recogniser, Seen, comparable
from policies.personal.health import health
from policies.personal.identity import dates_of_birth, documents, licence_plates, national_ids
from policies.personal.phones import PhoneNumbers
from policies.personal.places import locations, postcodes, street_addresses
from policies.personal.spoken import read_numbers
from policies.rule_settings import Datum, PersonalDataRule
from policies.text import Manuscript
from policies.views import View, Views

# In the order of their strength: a number with check digits is no telephone number, whatever it looks like.
_RECOGNISERS: dict[Datum, Recogniser] = {
    "secret": secrets,
    "crypto_wallet": wallets,
    "payment_card": cards,
    "iban": ibans,
    "national_id": national_ids,
    "ip_address": ip_addresses,
    "email": emails,
    "passport": documents,
    "bank_account": bank_accounts,
    "date_of_birth": dates_of_birth,
    "licence_plate": licence_plates,
    "location": locations,
    "street_address": street_addresses,
    "postcode": postcodes,
    "medical": health,
}
_EXPLANATIONS: dict[Datum, str] = {
    "secret": "The text holds a key, password or code that opens an account; change it, it is known now.",
    "crypto_wallet": "The text holds the address of a crypto wallet; leave it out.",
    "payment_card": "The text holds a payment card number (its check digit is right); leave it out.",
    "iban": "The text holds a bank account number (its check digits are right); leave it out.",
    "bank_account": "The text holds a number that it calls a bank account's; leave it out.",
    "national_id": "The text holds an identity, tax or social security number; leave it out.",
    "ip_address": "The text holds a public IP address; leave it out unless it belongs to a service.",
    "email": "The text holds an e-mail address; name the person's role instead, or allow the show's own in the policy.",
    "phone": "The text holds a telephone number; leave it out, or allow the show's own in the policy.",
    "passport": "The text holds the number of an identity document or patient; leave it out.",
    "date_of_birth": "The text gives somebody's full date of birth; the year or the age is enough.",
    "licence_plate": "The text holds a licence plate; leave it out.",
    "location": "The text holds coordinates that are precise to a house; name the town instead.",
    "street_address": "The text says where somebody lives; name the town instead.",
    "postcode": "The text holds the postcode of somebody's home; name the town instead.",
    "medical": "The text makes a statement about one person's health; make sure that it is public or agreed to.",
}
_MINIMUM_SHARED_DIGITS = 7  # a national and an international form of one telephone number share at least these


class PersonalData:
    """Finds contact data, addresses, numbers of accounts and documents, secrets, and health statements.

    What the policy allows (the show's own contact data) is compared without spaces, punctuation and case, in words as
    well as in figures.
    """

    id = "personal_data"
    models: tuple[tuple[str, str], ...] = ()

    def __init__(self, *, settings: PersonalDataRule) -> None:
        self._verdict = settings.verdict
        self.categories: tuple[str, ...] = tuple(sorted(settings.kinds))
        self.verdicts = (settings.verdict,)
        self._allowed = frozenset(comparable(datum) for datum in settings.allow)
        self._allowed_digits = tuple(datum for datum in self._allowed if datum.isdecimal())
        recognisers = [(kind, find) for kind, find in _RECOGNISERS.items() if kind in settings.kinds]
        phones = PhoneNumbers(settings.phone_regions)
        by_voice: list[tuple[Datum, Recogniser]] = []
        if "phone" in settings.kinds:
            recognisers.append(("phone", phones.written))
            by_voice.append(("phone", phones.spoken))
        self._recognisers = tuple(recognisers)
        self._by_voice = tuple(by_voice)

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Search the text as written, as normalised (full-width digits, look-alikes), and with spelled-out numbers."""
        findings: list[Finding] = []
        taken = bytearray(len(manuscript.text))  # 1 where a finding stands: fifty thousand addresses cost linear time
        readings = [views.original, *(view for view in views.all[1:3] if view.text != manuscript.text)]
        for view in readings:
            for _, find in self._recognisers:
                for datum in find(view.text):
                    self._take(view, datum, taken, findings)
        spoken = read_numbers(readings[-1])
        if spoken.runs:
            for _, find in self._recognisers + self._by_voice:
                for datum in find(spoken.view.text):
                    if spoken.touches(datum.start, datum.end):
                        self._take(spoken.view, datum, taken, findings)
        return findings

    def _take(self, view: View, datum: Seen, taken: bytearray, findings: list[Finding]) -> None:
        span = view.span(datum.start, datum.end)
        if self._is_allowed(datum) or 1 in taken[span.start : span.end]:
            return
        taken[span.start : span.end] = b"\1" * (span.end - span.start)
        findings.append(Finding(self.id, datum.kind, self._verdict, span, 1.0, _EXPLANATIONS[datum.kind], view.name))

    def _is_allowed(self, datum: Seen) -> bool:
        if datum.value in self._allowed:
            return True
        if datum.kind != "phone":
            return False
        digits = datum.value.lstrip("0")
        return any(
            min(len(digits), len(known)) >= _MINIMUM_SHARED_DIGITS
            and (digits.endswith(known.lstrip("0")) or known.endswith(digits))
            for known in self._allowed_digits
        )
