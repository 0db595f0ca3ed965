"""The administrators' lists of users: a page costs what a page costs, however many users there are."""

from bson import ObjectId

from storage.core.database import Database
from storage.operator.directory import UserDirectory
from tests.support.chats import START, profiled


def test_a_page_reads_no_other_accounts(database: Database) -> None:
    # Every third is of an older version of LibreChat, and has no role.
    users = [
        {"_id": ObjectId(), "email": f"{n}@example.com", "name": f"{n:02}", "createdAt": START}
        | ({"role": "USER"} if n % 3 else {})
        for n in range(60)
    ]
    database.collection("users").insert_many(users)
    directory = UserDirectory(database)
    with profiled(database, "users") as notes:
        page, total = directory.list_page(0, 5)
        named, of_role = directory.of_role("USER", 0, 5)
    assert [each["_id"] for each in page] == [each["_id"] for each in reversed(users[-5:])]
    assert [each["name"] for each in named] == ["00", "01", "02", "03", "04"]
    assert (total, of_role) == (60, 60)
    pages = [each for each in notes if each["op"] == "query"]
    assert len(pages) == 2
    assert all(each["docsExamined"] <= 7 and not each.get("hasSortStage") for each in pages)
