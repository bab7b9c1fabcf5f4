"""A long crawl with faults switched on, watched for growth."""
