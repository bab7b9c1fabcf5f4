"""Each mend is taken out again, and the tests that hold it have to fail.

The table "What went wrong once, line by line" of docs/explanation/situations.md names tests. That they pass says
little: a test that passes without the mend holds nothing. Here each row has entries: the text of the mend, a text that
brings the fault back, and the tests that fail then. ``python -m tests.taken_out`` tries them in a copy of the checkout.
"""
