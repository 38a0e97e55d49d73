"""The program that parses uploads for `gateway.verification.sandbox`; it holds public trust anchors and no secret."""

from __future__ import annotations

import json
import socket
import sys

from gateway.verification.openerprocess import serve
from synth.credentials import CredentialsReader

CONFIGURED = ("trust_anchors", "time_stamp_anchors")  # PEM


def main() -> None:
    """Serve the socket whose number is the first argument, with the configuration from standard input."""
    configuration = json.load(sys.stdin)
    link = socket.socket(fileno=int(sys.argv[1]))

    def build_reader() -> CredentialsReader:
        from synth.adapters.contentcredentials import ContentCredentialsReader

        return ContentCredentialsReader(
            trust_anchors_pem=configuration["trust_anchors"].encode(),
            time_stamp_anchors_pem=configuration["time_stamp_anchors"].encode(),
        )

    with link:
        serve(link, build_reader)


if __name__ == "__main__":
    main()
