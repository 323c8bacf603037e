"""Folders of embeddings in layouts of other programs, one file each."""
