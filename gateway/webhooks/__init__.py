"""Webhooks: whoever runs a service beside this one hears of every change of an episode, signed and at least once.

The audit log is the outbox. Every change of an episode commits together with its event, so nobody can forget to tell,
and nothing is told that did not happen. For every endpoint:

1. `fanout` reads the log from where this endpoint is, turns the events that it may hear of into messages, and stores
   them together with its new place: every event becomes one message, once.
2. `courier` sends what is due, tries again with growing pauses, and gives up in the end. A message keeps its id and its
   bytes, so a receiver that remembers ids handles each once.

The format is that of Standard Webhooks (https://www.standardwebhooks.com, specification of 2026-08): `webhook-id`,
`webhook-timestamp`, `webhook-signature`.
"""
