"""The names under which a request's scope, and then its WSGI environment, carries what was found out about it."""

ARGUMENTS = "echo.arguments"
CALLER = "echo.caller"
CLIENT = "echo.client"
# What a WSGI environment has for files: see `echo.handling.conditions`.
CONDITIONS = "echo.conditions"
# Set where a HEAD is answered as a GET.
IS_HEAD = "echo.is_head"
OPERATION = "echo.operation"
REQUEST_ID = "echo.request_id"
