"""One model with a field of each kind that an admin form shows in its own way."""

from typing import ClassVar

from django.db import models


class Book(models.Model):
    """A book of the library."""

    GENRES: ClassVar = [("novel", "Novel"), ("verse", "Verse & song"), ("atlas", "Atlas")]

    title = models.CharField(max_length=200)
    pages = models.PositiveIntegerField()
    price = models.DecimalField(max_digits=8, decimal_places=2)
    published = models.DateField()
    in_print = models.BooleanField(default=True)
    genre = models.CharField(max_length=10, choices=GENRES)
    summary = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.title
