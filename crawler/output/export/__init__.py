"""Exports: one pipeline from a store to files and databases.

`what` says which tables, fields and rows, `standing` whether that is all of a crawl; a store gives them in portions of
whole columns; a `Format` writes them to a stream or a path; `places` ensures that the target changes completely or not
at all. `pipeline.export` is the one call.
"""

from crawler.output.export.formats import Look
from crawler.output.export.pipeline import Exported, Target, check, export
from crawler.output.export.what import ExportChoice

__all__ = ["ExportChoice", "Exported", "Look", "Target", "check", "export"]
