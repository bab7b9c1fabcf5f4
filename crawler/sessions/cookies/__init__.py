"""The cookies of one session: the rules of RFC 6265bis, and a jar that requests and its users can work with."""
