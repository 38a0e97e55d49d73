"""A time-stamp authority after RFC 3161 for tests: a real HTTP server with its own root, and ways to misbehave."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def _certificate(
    name: str, key: Any, *, issuer: tuple[str, Any] | None = None, purposes: list[Any] | None = None
) -> x509.Certificate:
    issuer_name, issuer_key = issuer or (name, key)
    authority = issuer is None
    used = {"key_cert_sign", "crl_sign"} if authority else {"digital_signature", "content_commitment"}
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.KeyUsage(**{usage: usage in used for usage in USAGES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is not None:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    pairs = [(NameOID.COUNTRY_NAME, "ZZ"), (NameOID.ORGANIZATION_NAME, "Example Time"), (NameOID.COMMON_NAME, common)]
    return x509.Name([x509.NameAttribute(*pair) for pair in pairs])


@dataclass
class Authority:
    """Stamps what it is asked to; `misbehave` names a fault."""

    misbehave: str = ""
    asked: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        root_key, self._key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _certificate("Time Root", root_key)
        self._leaf = _certificate(
            "Time Stamper", self._key, issuer=("Time Root", root_key), purposes=[ExtendedKeyUsageOID.TIME_STAMPING]
        )
        self.root_pem = root.public_bytes(Encoding.PEM)

    def stamp(self, request: bytes) -> bytes:
        """Return the answer to a request, both DER."""
        asked = tsp.TimeStampReq.load(request)
        imprint = asked["message_imprint"]
        if self.misbehave == "other imprint":
            imprint = tsp.MessageImprint(
                {
                    "hash_algorithm": imprint["hash_algorithm"],
                    "hashed_message": bytes(len(imprint["hashed_message"].native)),
                }
            )
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4.1",
                "message_imprint": imprint,
                "serial_number": x509.random_serial_number() >> 96,
                "gen_time": datetime.now(UTC).replace(microsecond=0),
                "accuracy": {"seconds": 1},
                **({"nonce": asked["nonce"]} if asked["nonce"].native is not None else {}),
            }
        )
        return tsp.TimeStampResp(
            {"status": {"status": "granted"}, "time_stamp_token": self._signed(info.dump())}
        ).dump()

    def _signed(self, content: bytes) -> cms.ContentInfo:
        certificate = asn1_x509.Certificate.load(self._leaf.public_bytes(Encoding.DER))
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "signing_time", "values": [cms.Time({"utc_time": datetime.now(UTC).replace(microsecond=0)})]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                {
                    "type": "signing_certificate_v2",
                    "values": [{"certs": [{"cert_hash": hashlib.sha256(certificate.dump()).digest()}]}],
                },
            ]
        )
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.IssuerAndSerialNumber(
                    {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
                ),
                "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "signed_attrs": attributes,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
                "signature": self._key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
            }
        )
        data = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [{"algorithm": "sha256"}],
                "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
                "certificates": [certificate],
                "signer_infos": [signer],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": data})


@contextmanager
def running(authority: Authority) -> Iterator[Authority]:
    """Serve the authority on a port of its own."""
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            authority.asked += 1
            request = self.rfile.read(int(self.headers["Content-Length"]))
            if authority.misbehave == "hang":
                released.wait(60)
                return
            status = 500 if authority.misbehave == "fail" else 200
            body = b"no reply" if authority.misbehave == "garbage" else authority.stamp(request)
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield authority
    finally:
        released.set()
        server.shutdown()
        thread.join()
        server.server_close()
