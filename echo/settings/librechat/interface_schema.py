"""The parts of the section `interface` of `librechat.yaml`."""

from echo.settings.librechat.fields import Flag, Link, Listed, Mapped, Number, OneOrOther, Part, Section, Text

# LibreChat's rate is any that is positive.
LEAST_RATE = 1e-9


class PrivacyPolicy(Section):
    """A link."""

    externalUrl = Link()
    openNewTab = Flag()


class TermsOfService(PrivacyPolicy):
    """A link, and a text to be agreed to."""

    modalAcceptance = Flag()
    modalTitle = Text()
    modalContent = OneOrOther(Text(), Listed(Text()), expected="must be text or a list of texts")


class MayUse(Section):
    """Who may use something, make something of it, and share it."""

    use = Flag()
    create = Flag()
    share = Flag()
    public = Flag()


class MayUseServers(MayUse):
    """The same of MCP servers."""

    configureObo = Flag()
    # How LibreChat's client shows them.
    placeholder = Text()
    trustCheckbox = Mapped()


class MayShare(Section):
    """Who may share a conversation."""

    snapshotFiles = Flag()
    create = Flag()
    share = Flag()
    public = Flag()


class MayPick(Section):
    """Whom one may look for to share with."""

    users = Flag()
    groups = Flag()
    roles = Flag()


class Currency(Section):
    """In which currency a client shows what was used, and how much of it a US dollar is."""

    code = Text(required=True)
    rate = Number(minimum=LEAST_RATE, required=True)


class Marketplace(Section):
    """Who sees the marketplace."""

    use = Flag()


def switch(section: type[Section]) -> OneOrOther:
    """A feature: on or off, or what of it."""
    return OneOrOther(Flag(), Part(section), expected="must be true, false or hold keys with values")
