"""The one exception that is the user's to mend."""


class UserError(Exception):
    """A mistake in what was asked for: one sentence that names the thing and the way out. The command line prints it and exits with 2."""
