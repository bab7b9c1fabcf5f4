"""Reading a page: its bytes, its tree, its links, forms and files. Knows requests, and nothing of sessions."""
