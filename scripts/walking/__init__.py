"""A newcomer's walk: what a section of the README says to type, typed in a fresh clone."""
