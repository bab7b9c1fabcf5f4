"""Politeness as a server sees it: two processes, and the kernel's own times of arrival."""
