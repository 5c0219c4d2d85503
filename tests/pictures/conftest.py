"""Which pictures are loaded, without loading them."""

import pytest


@pytest.fixture
def sources(monkeypatch):
    """Replaces loading by the name of what would be loaded."""
    from helpers.pictures import conventions, datasets

    nothing = datasets.Pets("", "pictures", dict.fromkeys(conventions.SPLITS, 1234), None)
    loaded = []
    monkeypatch.setattr(datasets, "_photographs", lambda: loaded.append("photographs") or nothing)
    monkeypatch.setattr(datasets, "_drawn", lambda: loaded.append("drawn") or nothing)
    monkeypatch.setattr(datasets, "_folder", lambda folder: loaded.append(folder) or nothing)
    return loaded
