from bot.channels.rasa_wire import responses
from bot.dialogue.message import Choice, Said
from bot.understanding.rasa_project import RasaProject

MORE, BACK, GRASS = Choice("More", "/more"), Choice("Back", "/undo"), Choice("grass", "/grass")


def test_all_quick_replies_stand_at_the_end_a_questions_own_first() -> None:
    said = [
        Said("utter_found", choices=(MORE, BACK), filled={"text": "Here."}),
        Said("utter_ask_group", choices=(GRASS, BACK), filled={"text": "Do you mean grass?"}),
    ]
    project = RasaProject.load()
    found, asked = responses(said, "http://here", project)
    assert found == {"text": "Here."}
    assert asked["text"] == "Do you mean grass?"
    assert [button["title"] for button in asked["buttons"]] == ["grass", "Back", "More"]
    assert responses(said[:1], "http://here", project)[0]["text"] == "Here."
    assert len(responses(said[:1], "http://here", project)) == 1


def test_what_offers_nothing_stays_as_it_is() -> None:
    said = [Said("utter_greet", filled={"text": "Hello!"})]
    assert responses(said, "http://here", RasaProject.load()) == [{"text": "Hello!"}]
