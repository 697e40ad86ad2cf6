"""stillwatch learns what a fixed camera normally sees and shows when, where and how strongly something else happens."""
