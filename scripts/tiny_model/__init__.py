"""The tiny chat model that is embedded for tests and demonstrations: how it is made."""
