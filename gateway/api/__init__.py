"""The HTTP interface: one module per resource, all of them `def` handlers over the same frozen `Backend`.

`gateway.api.mount.mount(app, backend)` puts everything on an application; `gateway.app` builds the backend.
"""
