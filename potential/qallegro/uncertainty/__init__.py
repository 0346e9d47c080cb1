"""What a model does not know: where atoms lie among those that it was trained on, and which structures to label next."""
