"""The map: like lies beside like, and a question among what it is nearest to."""

import numpy as np

from bot.desk.space import Plane
from embedding.model.vectors import unit


def test_a_question_lies_among_its_nearest_pictures_whatever_lies_between_texts_and_pictures():
    pictures = np.eye(3, dtype=np.float32)
    texts = np.array([0.5, 0.5, 0.5], np.float32)
    places = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
    plane = Plane(np.arange(3), places, unit(pictures - pictures.mean(axis=0)), texts)
    found, nearest = plane.near(unit(texts + np.array([[0, 0.2, 0]], np.float32)))
    assert nearest[0][0] == 1
    assert np.allclose(found[0], [1, 0], atol=0.05)


def test_the_map_of_a_gallery(client, admin, tmp_path):
    client.delete("/admin/questions", headers=admin)
    client.post("/api/messages", data={"sender": "mapper", "text": "a red circle"})
    drawn = client.get("/admin/map", headers=admin).json()
    assert drawn["total"] == len(drawn["pictures"]) == 90
    places = np.array([[one["x"], one["y"]] for one in drawn["pictures"]])
    assert places.min() >= 0
    assert places.max() <= 1
    shapes = np.array([one["caption"].split()[-1] for one in drawn["pictures"]])
    nearest = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(nearest, np.inf)
    alike = shapes == shapes[nearest.argmin(axis=1)]
    assert alike.mean() > 0.6, "neighbours in the space are neighbours on the map"
    again = client.get("/admin/map", headers=admin).json()
    assert again["pictures"] == drawn["pictures"]
    (question,) = again["questions"]
    assert question["text"] == "a red circle"
    captions = {one["id"]: one["caption"] for one in drawn["pictures"]}
    assert "red" in captions[question["near"][0]]
