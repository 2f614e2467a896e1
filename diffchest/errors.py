"""The errors a user can mend; their message says where, what was expected, what was found and what to do."""


class DataError(ValueError):
    """Input data (a table, an image, a file of scores) cannot be used as it is."""
