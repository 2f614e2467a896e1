"""The model card, the datasheet of the cohorts, and the maps of two reporting checklists, from what a run wrote."""
