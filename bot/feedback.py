"""The actions about one of the pictures shown: more like it, not like it, what is in it, thumbs."""

from __future__ import annotations

from abc import abstractmethod

from bot.acting import Scene, SearchAction, search_and_show
from bot.hearing import Heard
from bot.records import SessionRecord
from bot.speaking import HELP, MORE, RESTART, UNDO, Button
from retrieval.searcher import Hit


class FeedbackAction(SearchAction):
    """Common to the actions about one of the pictures shown."""

    async def answer(self, scene: Scene) -> None:
        """Find out which picture is meant and answer about it, or ask."""
        record, heard = scene.record, scene.heard
        if heard.image is None and not record.hits:
            scene.speaker.say("utter_nothing_yet", [HELP])
            return
        image_id = heard.image or self._meant(heard, record)
        if image_id is None:
            known = {"rating": heard.rating} if heard.rating else {}
            scene.speaker.ask_which(self._intent, len(record.hits), known)
            return
        hit = await scene.find(image_id)
        if hit is None:
            scene.speaker.say("utter_gone", [MORE, RESTART] if record.searching else [HELP])
            return
        await self.answer_about(hit, scene)

    @abstractmethod
    async def answer_about(self, hit: Hit, scene: Scene) -> None:
        """Answer about one picture."""

    @property
    def _intent(self) -> str:
        return self.action_name.removeprefix("action_")

    def _meant(self, heard: Heard, record: SessionRecord) -> str | None:
        """Return the picture that a position names; without one, the only picture there is."""
        if heard.position is not None:
            return heard.choose(record.last_hits)
        return record.last_hits[0] if len(record.hits) == 1 else None


class ActionSimilarToImage(FeedbackAction):
    """Draws the running search towards a picture, or begins one with it."""

    action_name = "action_similar_to_image"

    async def answer_about(self, hit: Hit, scene: Scene) -> None:
        """Show pictures like it that were not shown yet."""
        query = scene.record.query.like(hit.image_id)
        await search_and_show(scene, query, "utter_similar", "utter_no_more", go_on=True)

    def _meant(self, heard: Heard, record: SessionRecord) -> str | None:
        return record.last_hits[0] if heard.position is None else super()._meant(heard, record)


class ActionUnlikeImage(FeedbackAction):
    """Draws the running search away from a picture."""

    action_name = "action_unlike_image"

    async def answer_about(self, hit: Hit, scene: Scene) -> None:
        """Show others that were not shown yet."""
        if not scene.record.searching:
            scene.speaker.say("utter_nothing_yet", [HELP])
            return
        query = scene.record.query.dislike(hit.image_id)
        await search_and_show(scene, query, "utter_unlike", "utter_no_more", go_on=True)


class ActionDescribeImage(FeedbackAction):
    """Reads out the captions of a picture."""

    action_name = "action_describe_image"

    async def answer_about(self, hit: Hit, scene: Scene) -> None:
        """Utter the captions."""
        buttons = [Button("similar_to_this", "similar_to_image", {"image": hit.image_id})]
        captions = " / ".join(
            " ".join(caption.split()) for caption in hit.captions if caption.strip()
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
    """Keeps a thumb, and lets the running search follow it."""

    action_name = "action_rate_image"

    async def answer_about(self, hit: Hit, scene: Scene) -> None:
        """Thank for the rating; the pictures on the screen stay."""
        record, heard, image_id = scene.record, scene.heard, hit.image_id
        if heard.rating is None:
            about = {"image": image_id}
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
            liked = heard.rating == "up"
            record.query = record.query.like(image_id) if liked else record.query.dislike(image_id)
        record.rate(image_id, heard.rating)
        buttons = [MORE, UNDO] if record.searching else []
        scene.speaker.say(f"utter_rated_{heard.rating}", buttons)
