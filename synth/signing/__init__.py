"""Who holds the private key of the claim signer, and how it is asked: a port and its implementations.

| where the key is | class | for |
|---|---|---|
| a file, encrypted with a passphrase | `filekey.FileKey` | development, small installations |
| another process, behind a Unix socket | `socketkey.SocketKey`, `server.SignerServer` | production on one machine |
| a PKCS #11 token | `synth.adapters.pkcs11key.TokenKey` | production with an HSM |
| a key management service | `callbackkey.CallbackKey` | production in a cloud |

`claims.require_claim` is what the signer process holds every request against.
"""
