"""The gate for agents, over the Model Context Protocol: tools that are nothing but calls of the HTTP interface.

Every tool acts with the key of whoever called, so it can do what that key's role can do over HTTP, less the review:
there is no tool that claims, approves or rejects, and `gateway.mcp.client` knows no address that would.
"""
