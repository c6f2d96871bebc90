"""From a model and a folder of pictures to answers."""
