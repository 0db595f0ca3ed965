"""Where the mail services that `EMAIL_SERVICE` names take mail: names and addresses as Nodemailer knows them."""

import re

TLS_PORT = 465
# One a line: host and port, and the names of the service. Port 465 speaks TLS from the first byte (RFC 8314).
_SERVICES = """
smtp.1und1.de:465 1und1
smtp.126.com:465 126
smtp.163.com:465 163
smtp.aliyun.com:465 aliyun aliyun.com
smtp.qiye.aliyun.com:465 aliyunqiye
smtp.aol.com:587 aol aol.com
smtps.aruba.it:465 aruba arubapec aruba.it pec.aruba.it
smtpauths.bluewin.ch:465 bluewin bluewin.ch
smtp.bol.com.br:587 bol bol.com.br
disroot.org:587 disroot disroot.org
smtp.dynect.net:25 dynectemail dynect
smtp.elasticemail.com:465 elasticemail
smtp.ethereal.email:587 ethereal ethereal.email
smtp.fastmail.com:465 fastmail fastmail.fm
smtp.feishu.cn:465 feishumail feishu
smtp.forwardemail.net:465 forwardemail fe forwardemail.net
mail.gandi.net:587 gandimail gandi
smtp.gmail.com:465 gmail googlemail gmail.com googlemail.com
smtp-relay.gmail.com:465 gmailworkspace googleworkspacemail
mail.gmx.com:587 gmx gmx.com gmx.net gmx.de
smtpout.secureserver.net:25 godaddy
smtp.asia.secureserver.net:25 godaddyasia
smtp.europe.secureserver.net:25 godaddyeurope
smtp-mail.outlook.com:587 hotmail outlook outlook.com hotmail.com
smtp.mail.me.com:587 icloud me mac me.com mac.com
mail.infomaniak.com:587 infomaniak ik.me ikmail.com etik.com
smtp.kolabnow.com:465 kolabnow kolab kolabnow.com
mailcluster.loopia.se:465 loopia
smtp.loops.so:587 loops
smtp.mail.ru:465 mail.ru
sandbox-smtp.mailcatch.app:2525 mailcatch.app
smtp.mailersend.net:587 mailersend
smtp.mailgun.org:465 mailgun
in.mailjet.com:587 mailjet
mailosaur.io:25 mailosaur
live.smtp.mailtrap.io:587 mailtrap
smtp.mandrillapp.com:587 mandrill
smtp.naver.com:587 naver
send.one.com:465 one
smtp.office365.com:587 outlook365
smtp.postmarkapp.com:2525 postmark postmarkapp
smtp.protonmail.ch:587 proton protonmail proton.me protonmail.com protonmail.ch pm.me
smtp.mxhichina.com:465 qiye.aliyun
smtp.qq.com:465 qq qq.com
smtp.exmail.qq.com:465 qqex qqenterprise exmail.qq.com
smtp.resend.com:465 resend
smtp.runbox.com:465 runbox runbox.com
smtp.sendcloud.net:2525 sendcloud
smtp.sendgrid.net:587 sendgrid
smtp-relay.brevo.com:587 sendinblue brevo
smtp-pulse.com:465 sendpulse
smtp.seznam.cz:465 seznam seznamemail seznam.cz email.cz post.cz spoluzaci.cz
mail.smtp2go.com:2525 smtp2go
smtp.sparkpostmail.com:587 sparkpost sparkpostmail sparkpost.com
smtp.tipimail.com:587 tipimail
smtp.tutanota.com:465 tutanota tutanota.com tuta.com tutanota.de tuta.io
smtp.mail.yahoo.com:465 yahoo yahoo.com
smtp.yandex.ru:465 yandex yandex.ru
smtp.zimbra.com:587 zimbra zimbracollaboration
smtp.zoho.com:465 zoho
"""
_LINES = (line.split() for line in _SERVICES.splitlines() if line)
_BY_NAME = {name: address for address, *names in _LINES for name in names}
_SES = re.compile(r"ses(?:-([a-z]{2}(?:-[a-z]{2,4})?-[a-z]+-[0-9]))?")
_SES_DEFAULT = "us-east-1"


def service_address(name: str) -> tuple[str, int] | None:
    """Host and port of a service; capitals and blanks of its name are no matter. None for one that is not known."""
    plain = re.sub(r"[^a-z0-9.-]", "", name.lower())
    if found := _SES.fullmatch(plain):
        return f"email-smtp.{found[1] or _SES_DEFAULT}.amazonaws.com", TLS_PORT
    host, _, port = _BY_NAME.get(plain, "").partition(":")
    return (host, int(port)) if host else None
