"""Writing and repairing spiders: pages as test cases, a first spider from a page, a recording or a curl command."""
