from tests.conftest import Client, UserClient

PATH = "/chat/api/categories"


class TestListCategories:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(PATH).status_code == 401

    def test_are_librechats(self, ada: UserClient) -> None:
        assert ada.get(PATH).json() == [
            {"label": "com_ui_idea", "value": "idea"},
            {"label": "com_ui_travel", "value": "travel"},
            {"label": "com_ui_teach_or_explain", "value": "teach_or_explain"},
            {"label": "com_ui_write", "value": "write"},
            {"label": "com_ui_shop", "value": "shop"},
            {"label": "com_ui_code", "value": "code"},
            {"label": "com_ui_misc", "value": "misc"},
            {"label": "com_ui_roleplay", "value": "roleplay"},
            {"label": "com_ui_finance", "value": "finance"},
        ]
