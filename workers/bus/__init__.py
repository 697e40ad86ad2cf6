"""The bus: frames, scores, alerts and states over Redis or Valkey. Only this room knows the client library.

Every index that is published on a frames stream ends in exactly one entry of the scores stream: the entry of the frame
is the token, and whoever deletes it writes the score or the reason of the drop, in one step of the server. So nothing
is lost when a process dies, and nothing is counted twice, however often a frame is delivered.
"""
