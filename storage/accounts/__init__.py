"""Users and what lets them in: sessions, second factors, keys, invitations, bans."""
