"""Estimators of the accuracy at a site from its photos alone; one file for each idea."""
