"""From a question that was answered badly to a caption that answers it."""

import time

import pytest

from embedding.data.pairs import load_folder, load_pairs


@pytest.fixture
def ask(client, admin, request):
    client.delete("/admin/questions", headers=admin)

    def ask_(text, sender="asker"):
        answer = client.post("/api/messages", data={"sender": sender, "text": text}).json()
        return [image for reply in answer["replies"] for image in reply.get("images", ())]

    return ask_


def listed(client, admin, only="all", expected=None):
    """Return the questions; they are kept beside the turn, so the last one may be on its way."""
    deadline = time.monotonic() + 20
    while True:
        page = client.get("/admin/questions", params={"only": only}, headers=admin).json()
        if expected is None or len(page["questions"]) == expected:
            return page
        assert time.monotonic() < deadline, page
        time.sleep(0.02)


def test_what_was_not_found_is_told_from_what_was(client, admin, ask):
    found = ask("a red circle")
    ask("a giraffe in a tuxedo", "second")
    client.post(
        "/api/messages",
        data={
            "sender": "asker",
            "text": f'/rate_image{{"image": "{found[0]["id"]}", "rating": "down"}}',
        },
    )
    page = listed(client, admin, expected=2)
    assert page["days"] == 7
    assert {one["wanted"][0] for one in page["questions"]} == {
        "a red circle",
        "a giraffe in a tuxedo",
    }
    (unanswered,) = listed(client, admin, "unanswered")["questions"]
    assert unanswered["wanted"] == ["a giraffe in a tuxedo"]
    ask("lorem ipsum dolor sit amet", "third")
    listed(client, admin, expected=3)
    (not_understood,) = listed(client, admin, "not_understood")["questions"]
    assert not_understood["wanted"] == ["lorem ipsum dolor sit amet"]
    deadline = time.monotonic() + 20
    while not (disliked := listed(client, admin, "disliked")["questions"]):
        assert time.monotonic() < deadline
    assert disliked[0]["down"] == [found[0]["id"]]
    assert [one["id"] for one in disliked[0]["pictures"]] == [one["id"] for one in found]
    assert client.get(disliked[0]["pictures"][0]["thumbnail"]).status_code == 200
    assert client.get("/admin/questions?only=else", headers=admin).status_code == 422


def test_a_correction_is_a_caption_that_training_and_indexing_read(
    client, admin, ask, shapes_dir, tmp_path
):
    ask("a wobbly lollipop")
    ask("a blue star", "another")
    page = listed(client, admin, expected=2)
    question = next(one for one in page["questions"] if "lollipop" in one["wanted"][0])
    right = client.post("/api/search", json={"text": "a red circle", "k": 1}).json()["hits"][0]
    path = f"/admin/corrections/{question['id']}"
    body = {"image": right["id"], "caption": "  a wobbly\nlollipop "}
    made = client.put(path, json=body, headers=admin).json()
    assert made["caption"] == "a wobbly lollipop"
    (corrected,) = listed(client, admin, "corrected")["questions"]
    assert corrected["correction"]["image"] == right["id"]

    for child in shapes_dir.iterdir():
        if child.suffix == ".png":
            (tmp_path / child.name).symlink_to(child)
    for name in ("corrections", "questions", "captions"):
        answer = client.get(f"/admin/{name}.jsonl", headers=admin)
        assert f'filename="{name}-' in answer.headers["content-disposition"]
        (tmp_path / f"{name}.jsonl").write_bytes(answer.content)

    for name, left_out in (("corrections", 0), ("questions", 1)):
        pairs = load_pairs(f"jsonl:{tmp_path / name}.jsonl")
        assert pairs.captions == ["a wobbly lollipop"], name
        assert pairs.image_ids == [made["path"]]
        assert [one.why for one in pairs.skipped] == ["it names no picture"] * left_out
    indexed = load_folder(tmp_path, tmp_path / "corrections.jsonl")
    captions = dict(zip(indexed.image_ids, indexed.captions_by_image(), strict=True))
    assert captions[made["path"]] == ["a wobbly lollipop"]

    whole = load_folder(tmp_path, tmp_path / "captions.jsonl")
    assert whole.skipped == []
    captions = dict(zip(whole.image_ids, whole.captions_by_image(), strict=True))
    assert len(captions) == 90
    assert captions[made["path"]][-1] == "a wobbly lollipop"
    assert len(captions[made["path"]]) > 1
    assert whole.metadata[whole.image_ids.index(made["path"])]["color"] == "red"

    assert client.delete(path, headers=admin).json() == {"removed": question["id"]}
    assert client.delete(path, headers=admin).status_code == 404
    assert client.get("/admin/corrections.jsonl", headers=admin).text == ""


@pytest.mark.parametrize(
    ("question", "body", "status"),
    [
        ("0123456789abcdef", {"image": "0" * 16, "caption": "a dog"}, 404),
        ("0123456789abcdef", {"image": "../../etc", "caption": "a dog"}, 422),
        ("0123456789abcdef", {"image": "0" * 16, "caption": ""}, 422),
        ("0123456789abcdef", {"image": "0" * 16, "caption": "x" * 501}, 422),
        ("0123456789abcdef", {"image": "0" * 16, "caption": "a\x00dog"}, 422),
        ("0123456789abcdef", {"image": "0" * 16, "caption": "\x1b[31m"}, 422),
        ("not-an-id", {"image": "0" * 16, "caption": "a dog"}, 422),
    ],
)
def test_a_correction_names_a_picture_and_says_something(client, admin, question, body, status):
    answer = client.put(f"/admin/corrections/{question}", json=body, headers=admin)
    assert answer.status_code == status


def test_forgetting_leaves_no_question_and_every_correction_in_sight(client, admin, ask):
    ask("a green square")
    (question,) = listed(client, admin, expected=1)["questions"]
    path = f"/admin/corrections/{question['id']}"
    right = client.post("/api/search", json={"text": "a red circle", "k": 1}).json()["hits"][0]
    body = {"image": right["id"], "caption": "a wobbly lollipop"}
    made = client.put(path, json=body, headers=admin).json()
    assert listed(client, admin)["orphans"] == []
    assert client.delete("/admin/questions", headers=admin).status_code == 200
    for only, orphans in (("all", [made]), ("corrected", [made]), ("unanswered", [])):
        page = listed(client, admin, only)
        assert (page["total"], page["corrections"], page["orphans"]) == (0, 1, orphans)
    client.put(path, json=body | {"caption": "a lollipop"}, headers=admin)
    assert listed(client, admin, "corrected")["orphans"][0]["caption"] == "a lollipop"
    client.delete(path, headers=admin)
    assert listed(client, admin, "corrected")["orphans"] == []
