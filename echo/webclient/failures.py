"""Why a web client cannot be installed."""


class InstallError(Exception):
    """What was given cannot be installed; the text is one sentence for the operator."""


class Unreachable(InstallError):
    """A registry does not answer, or not with what was asked for: another time it may."""


class Unfit(InstallError):
    """What a registry or an archive holds is damaged, forged, too large, or no web client."""
