"""Sessions in the formats of other programs: cookies.txt, storage state, HAR, curl commands, JSON."""
