"""The scorer: takes frames from the bus, scores them with each camera's model, writes scores, acknowledges.

A frame is settled after its score is computed, in one step of the server that writes the score, acknowledges the frame
and deletes it. Until then it is pending, and whoever lives claims it when who had it is dead.
"""
