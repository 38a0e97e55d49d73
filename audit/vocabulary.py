"""The closed vocabulary of the log: everything that can happen, one member per kind (pure)."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """What an entry says; which facts go with a kind is in `audit.facts`."""

    # An episode's way through the gate; the subject is the episode.
    SUBMISSION_RECEIVED = "submission.received"  # a script was accepted for screening
    UPLOAD_RECEIVED = "upload.received"  # sound that was made elsewhere was accepted for screening
    UPLOAD_EXAMINED = "upload.examined"  # whose credentials and marks it came with, before ours were set
    SCREENING_DECIDED = "screening.decided"  # the policy gave its verdict
    SCREENING_SHADOWED = "screening.shadowed"  # a policy in shadow gave its verdict, or failed; it decides nothing
    SUBMISSION_BLOCKED = "submission.blocked"  # terminal: the policy forbids it
    CLIP_PRODUCED = "clip.produced"  # spoken, marked, signed and read back
    SPEECH_HEARD = "speech.heard"  # the finished audio was transcribed, compared with the script and screened
    CLIP_LOGGED = "clip.logged"  # a verified receipt for the clip exists
    REVIEW_REQUESTED = "review.requested"  # a person must decide
    REVIEW_CLAIMED = "review.claimed"  # a person took the case
    REVIEW_RELEASED = "review.released"  # they gave it back undecided
    REVIEW_HANDED_OVER = "review.handed_over"  # they gave it to a person they named
    REVIEW_HELD = "review.held"  # they put it off until a time, with a reason; it waits for something else
    REVIEW_ESCALATED = "review.escalated"  # they asked for a senior reviewer, with a reason
    APPROVAL_PROPOSED = "approval.proposed"  # the first of two signatures that this case needs
    APPROVAL_GRANTED = "approval.granted"  # by a person, or by the policy when nothing was found
    SUBMISSION_REJECTED = "submission.rejected"  # terminal: a person said no, with a reason
    SUBMISSION_REDACTED = "submission.redacted"  # terminal: a person took sentences out; the rest goes on as a revision
    RELEASE_INTENDED = "release.intended"  # written and sealed before the first public byte
    EPISODE_RELEASED = "episode.released"  # public
    EPISODE_WITHDRAWN = "episode.withdrawn"  # a person took a released episode back, with a reason
    EPISODE_CORRECTED = "episode.corrected"  # a person named another released episode that takes its place
    APPEAL_FILED = "appeal.filed"  # the submitter contests a refusal or a withdrawal, with reasons
    APPEAL_DECIDED = "appeal.decided"  # a person who had no part in it upheld or overturned it, or narrowed its grounds
    WITHDRAWAL_LIFTED = "withdrawal.lifted"  # an appeal overturned it; the episode is reviewed and released anew
    GOLDEN_ANSWERED = "golden.answered"  # terminal: it was a test of the reviewer; this is what they decided
    REVIEW_REPEATED = "review.repeated"  # another person decided a sampled case again, blindly; it changes nothing
    REVIEW_SETTLED = "review.settled"  # the two disagreed, and a senior reviewer said who was right
    SUBMISSION_FAILED = "submission.failed"  # terminal: named reason
    STEP_FAILED = "step.failed"  # a step could not be done for a reason that may pass; it is tried again
    RELEASE_FAILED = "release.failed"  # nothing became public; it is tried again, or it was refused for good
    SPEECH_REQUESTED = "speech.requested"  # a caller wants a text spoken at once, for itself; it is never released
    SPEECH_REFUSED = "speech.refused"  # terminal: the policy's verdict was not "allow", so nothing was spoken
    SPEECH_BEGUN = "speech.begun"  # written before the first byte of a stream leaves
    SPEECH_DELIVERED = "speech.delivered"  # a file: before its first byte leaves; a stream: after its last
    SPEECH_BROKEN = "speech.broken"  # it was not delivered, or not to its end: a fault, or a caller that went away
    ERASURE_REQUESTED = "erasure.requested"  # texts of an episode, or the name behind an API key, are to go
    ERASURE_DONE = "erasure.done"  # they are gone from rows, files and the database's free space
    # People who sign in; the subject is the account.
    ACCOUNT_CREATED = "account.created"  # somebody may sign in to the console
    ACCOUNT_RESET = "account.reset"  # their password, codes and sessions are void
    ACCOUNT_DISABLED = "account.disabled"  # they may sign in no longer
    ACCOUNT_ROLE_CHANGED = "account.role_changed"  # the provider that they sign in with gives them another role
    # Scripts whose right decision is known; the subject is the item.
    GOLDEN_ADDED = "golden.added"  # it may be put into the queue
    GOLDEN_RETIRED = "golden.retired"  # it is put into the queue no more
    CONSENT_RECORDED = "consent.recorded"  # somebody consents to the use of a voice; the subject is the consent's id
    CONSENT_REVOKED = "consent.revoked"  # and no longer does: nothing more is spoken or released under it
    PRONUNCIATION_APPROVED = "pronunciation.approved"  # scripts may ask for it; the subject is the entry's digest
    PRONUNCIATION_REVOKED = "pronunciation.revoked"  # and only after a review from now on
    FEED_CREATED = "feed.created"  # a listener may hear shows that are not for everybody; the subject is the feed
    FEED_REVOKED = "feed.revoked"  # and no longer may
    WEBHOOK_CREATED = "webhook.created"  # an address is told of changes from now on; the subject is the endpoint
    WEBHOOK_ROTATED = "webhook.rotated"  # messages there are signed with another secret
    WEBHOOK_DISABLED = "webhook.disabled"  # it is told nothing more: by somebody, or because nobody answers there
    WEBHOOK_ENABLED = "webhook.enabled"  # it is told again, of what happens from now on
    # The installation itself; the subject is the key, the API key, or "policy", "settings", "log" or "verification".
    KEY_CREATED = "key.created"  # a signing or watermark key came into use
    KEY_RETIRED = "key.retired"  # it signs and marks nothing any more; what it signed and marked is still read
    APIKEY_CREATED = "apikey.created"  # somebody may call the API
    APIKEY_REVOKED = "apikey.revoked"  # they may no longer
    POLICY_LIVE = "policy.live"  # this policy decides from now on, and these run in shadow
    POLICY_CHANGED = "policy.changed"  # claims or protected texts of the policy in force were added or removed
    SETTINGS_CHANGED = "settings.changed"  # settings that matter to safety are others than at the last start
    LOG_REBUILT = "log.rebuilt"  # entries that a restored database lacked were taken from the published files
    VERIFICATION_SUMMARISED = "verification.summarised"  # how often files were checked since, and with what result
