"""How the admin shows the books: a hundred a page."""

from django.contrib import admin

from tests.django_site.library.models import Book


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    list_display = ("title", "genre", "price", "in_print")
    list_per_page = 100
    list_filter = ("genre", "in_print")
    search_fields = ("title",)
    ordering = ("id",)
