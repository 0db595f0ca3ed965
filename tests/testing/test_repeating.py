"""Lines for curl in a report: they can be sent again once the variable with the token is set."""

import subprocess
from xml.etree import ElementTree

from echo.testing.repeating import how_to_repeat, repeatable


class TestRepeatable:
    LINE = "curl -X GET -H 'Authorization: [Filtered]' http://echo/api/user"

    def test_a_line_takes_the_token_from_a_variable(self) -> None:
        assert repeatable(f"Identity: bob (reproduce with --auth-wfc-user bob)\n{self.LINE}") == (
            'Identity: bob\ncurl -X GET -H "Authorization: Bearer $TOKEN" http://echo/api/user'
        )

    def test_in_a_page_it_stays_a_text(self) -> None:
        assert repeatable("-H &#x27;Authorization: [Filtered]&#x27;") == (
            "-H &quot;Authorization: Bearer $TOKEN&quot;"
        )

    def test_in_xml_it_may_stand_in_an_attribute(self) -> None:
        case = ElementTree.fromstring(repeatable(f'<case message="{self.LINE}"/>', in_xml=True))
        assert case.get("message") == repeatable(self.LINE)


def test_the_variables_are_made_by_logging_in() -> None:
    first, ada, bob = how_to_repeat("http://echo")
    assert "$TOKEN" in first
    assert ada.startswith("  ADA_TOKEN=$(curl -s -A 'Mozilla/5.0 ")
    assert "contract-bob@example.com" in bob
    assert " http://echo/api/auth/login | sed " in bob
    # The line, with an answer in the place of the server's.
    answer = """printf '%s' '{"token":"a.b-c","user":{"id":"1"}}'"""
    script = f"curl() {{ {answer}; }}\n{ada.strip()}\nprintf '%s' $ADA_TOKEN"
    shell = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shell.stdout == "a.b-c"
