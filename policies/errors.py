"""Every error that leaves `policies`."""


class PolicyError(Exception):
    """Base of all errors raised by this package; the message says what, why and what to do."""


class InvalidPolicyError(PolicyError):
    """The policy pack cannot be used: it is empty, malformed or contradicts itself."""


class ScreeningError(PolicyError):
    """A rule could not run, so nothing is known about the script; the caller must fail closed."""


class ModelUnavailableError(PolicyError):
    """A model that the policy needs is missing or its digest is not the pinned one."""


class KnowledgeBaseError(PolicyError):
    """Fact-checks cannot be read, imported or changed; the knowledge base is as it was before."""
