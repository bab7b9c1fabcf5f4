"""A real Django project with its admin, for tests: 500 rows in a model, users, sessions in the database.

``python -m tests.django_site --folder FOLDER`` makes its database where it is missing and serves it.
"""
