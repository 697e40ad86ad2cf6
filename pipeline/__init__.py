"""The library: frames in; maps, scores, events and clips out. No Redis, no processes, no argv, no signals."""
