"""The site file: what there is to watch, how, and where it all goes."""
