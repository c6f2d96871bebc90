"""The actions about pictures shown: more like them, not like them, what is in them, thumbs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from bot.dialogue.acting import Scene, SearchAction, search_and_show
from bot.dialogue.replies import HELP, MORE, RESTART, UNDO, Button
from bot.sessions.record import SessionRecord
from bot.understanding.meaning import Heard
from retrieval.search.searcher import Hit


class FeedbackAction(SearchAction):
    """Common to the actions about some of the pictures shown."""

    async def answer(self, scene: Scene) -> None:
        """Find out which pictures are meant and answer about them, or ask."""
        record, heard = scene.record, scene.heard
        if heard.image is None and not record.hits:
            scene.speaker.say("utter_nothing_yet", [HELP])
            return
        image_ids = (heard.image,) if heard.image else self._meant(heard, record)
        if not image_ids:
            known = {"rating": heard.rating} if heard.rating else {}
            scene.speaker.ask_which(self._intent, len(record.hits), known)
            return
        found = [await scene.find(image_id) for image_id in image_ids]
        hits = [hit for hit in found if hit is not None]
        if not hits:
            scene.speaker.say("utter_gone", [MORE, RESTART] if record.searching else [HELP])
            return
        await self.answer_about(hits, scene)

    @abstractmethod
    async def answer_about(self, hits: Sequence[Hit], scene: Scene) -> None:
        """Answer about the pictures, at least one."""

    @property
    def _intent(self) -> str:
        return self.action_name.removeprefix("action_")

    def _meant(self, heard: Heard, record: SessionRecord) -> tuple[str, ...]:
        """Return the pictures that positions name; without one, the only picture there is."""
        if heard.positions:
            return heard.choose(record.last_hits)
        return tuple(record.last_hits) if len(record.hits) == 1 else ()


class ActionSimilarToImage(FeedbackAction):
    """Draws the running search towards a picture, or begins one with it."""

    action_name = "action_similar_to_image"

    async def answer_about(self, hits: Sequence[Hit], scene: Scene) -> None:
        """Show pictures like them that were not shown yet."""
        query = scene.heard.narrow(scene.record.query)
        for hit in hits:
            query = query.like(hit.image_id)
        response = "utter_similar" if len(hits) == 1 else "utter_similar_to_several"
        await search_and_show(scene, query, response, "utter_no_more", go_on=True)

    def _meant(self, heard: Heard, record: SessionRecord) -> tuple[str, ...]:
        return super()._meant(heard, record) if heard.positions else tuple(record.last_hits[:1])


class ActionUnlikeImage(FeedbackAction):
    """Draws the running search away from pictures."""

    action_name = "action_unlike_image"

    async def answer_about(self, hits: Sequence[Hit], scene: Scene) -> None:
        """Show others that were not shown yet."""
        if not scene.record.searching:
            scene.speaker.say("utter_nothing_yet", [HELP])
            return
        query = scene.heard.narrow(scene.record.query)
        for hit in hits:
            query = query.dislike(hit.image_id)
        response = "utter_unlike" if len(hits) == 1 else "utter_unlike_several"
        await search_and_show(scene, query, response, "utter_no_more", go_on=True)


class ActionDescribeImage(FeedbackAction):
    """Reads out the captions of pictures."""

    action_name = "action_describe_image"

    async def answer_about(self, hits: Sequence[Hit], scene: Scene) -> None:
        """Utter the captions, a picture at a time."""
        for hit in hits:
            self._describe(hit, scene)

    def _describe(self, hit: Hit, scene: Scene) -> None:
        buttons = [Button("similar_to_this", "similar_to_image", {"image": hit.image_id})]
        captions = " / ".join(
            " ".join(caption.split()) for caption in hit.picture.captions if caption.strip()
        )
        last_hits = scene.record.last_hits
        if not captions:
            scene.speaker.say("utter_no_caption", buttons)
        elif hit.image_id in last_hits:
            number = last_hits.index(hit.image_id) + 1
            scene.speaker.say("utter_described", buttons, position=number, caption=captions)
        else:
            scene.speaker.say("utter_described_by_id", buttons, caption=captions)


class ActionRateImage(FeedbackAction):
    """Keeps thumbs, and lets the running search follow them."""

    action_name = "action_rate_image"

    async def answer_about(self, hits: Sequence[Hit], scene: Scene) -> None:
        """Thank for the rating; the pictures on the screen stay."""
        record, heard = scene.record, scene.heard
        if heard.rating is None:
            about: dict[str, object] = {"position": list(heard.positions)}
            if len(hits) == 1:
                about = {"image": hits[0].image_id}
            scene.speaker.say(
                "utter_ask_rating",
                [
                    Button("thumbs_up", "rate_image", {**about, "rating": "up"}),
                    Button("thumbs_down", "rate_image", {**about, "rating": "down"}),
                ],
            )
            return
        if record.searching:
            record.remember()
        for hit in hits:
            if record.searching:
                follow = record.query.like if heard.rating == "up" else record.query.dislike
                record.query = follow(hit.image_id)
            record.rate(hit.image_id, heard.rating)
        buttons = [MORE, UNDO] if record.searching else []
        scene.speaker.say(f"utter_rated_{heard.rating}", buttons)
