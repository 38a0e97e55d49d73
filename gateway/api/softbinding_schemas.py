"""Bodies of the C2PA Soft Binding Resolution API, spelled as its specification spells them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from gateway.api.schemas import Model


class BindingIn(Model):
    """A query by the value of a soft binding."""

    alg: str = Field(max_length=255, examples=["org.assay-gateway.keyed.2"])
    value: str = Field(max_length=4_096, description="Base64.", examples=["EjRWeJq83vA="])


class ReferenceIn(Model):
    """A query by a file elsewhere."""

    referenceUrl: str = Field(max_length=2_048, examples=["https://example.org/episode.mp3"])  # noqa: N815  # the specification's name
    assetLength: int = Field(ge=1, description="Bytes.")  # noqa: N815  # the specification's name
    assetType: str | None = Field(None, max_length=255)  # noqa: N815  # the specification's name
    region: dict[str, object] | None = None


class MatchOut(Model):
    """One manifest that a query may mean; a match is a candidate, not an attribution."""

    manifestId: str = Field(examples=["urn:c2pa:2e0d7a52:assay"])  # noqa: N815  # the specification's name
    similarityScore: int = Field(ge=0, le=100)  # noqa: N815  # the specification's name


class MatchesOut(Model):
    """The manifests that a query may mean, the surest first; none is an empty list."""

    matches: list[MatchOut]


class AlgorithmOut(Model):
    """One soft binding algorithm."""

    alg: str


class AlgorithmsOut(Model):
    """What is resolved."""

    watermarks: list[AlgorithmOut]
    fingerprints: list[AlgorithmOut] = Field(default=[], description="The sound is heard in a query by content.")


class CapabilitiesOut(Model):
    """Optional parts that are here."""

    c2paSpecificationVersion: str  # noqa: N815  # the specification's name
    supportedCapabilities: list[str]  # noqa: N815  # the specification's name


class ServiceStatusOut(Model):
    """Whether queries are answered."""

    status: str = Field(examples=["ok", "degraded", "down"])
    timestamp: datetime


class DiscoveryOut(Model):
    """Where the interface is."""

    apiEndpoint: str  # noqa: N815  # the specification's name
    c2paSpecificationVersion: str  # noqa: N815  # the specification's name
    capabilitiesEndpoint: str  # noqa: N815  # the specification's name
    statusEndpoint: str  # noqa: N815  # the specification's name
