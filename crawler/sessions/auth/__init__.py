"""Ways to authenticate requests: bearer, digest and OAuth2, each fenced to the session's origins."""
