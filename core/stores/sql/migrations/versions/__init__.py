"""The migrations, each from the one before it; what has been released is never changed."""
