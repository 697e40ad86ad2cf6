"use strict";
/* The scores of one recording, unpacked, and how times and scores are written. Times are seconds in the recording. */

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  return bytes;
}

class Recording {
  constructor(packed, number, events) {
    this.number = number;
    this.file = packed.file;
    this.events = events.filter((event) => event.recording === number);
    this.videoBegin = packed.video_s; // of its first frame in heatmap.mp4; null without one
    this.step = packed.step_s;
    this.scores = new Float32Array(bytesOf(packed.scores).buffer);
    this.shares = packed.shares === null ? null : bytesOf(packed.shares); // of each score, in 255ths: what is motion
    const steps = bytesOf(packed.steps).buffer;
    this.times = risen(packed.first_ms, packed.step_bytes === 2 ? new Uint16Array(steps) : new Uint32Array(steps));
    this.count = this.scores.length;
    this.begin = this.count ? this.times[0] : 0;
    this.end = this.count ? this.times[this.count - 1] : 0;
    this.highest = this.highestBetween(this.begin, this.end);
  }

  /* How much of a frame's score is motion, 0 to 1; NaN where nothing is told apart, or there is no score. */
  shareAt(place) {
    return this.shares && !Number.isNaN(this.scores[place]) ? this.shares[place] / 255 : NaN;
  }

  /* Place of the first frame at a time or after it; the number of frames where there is none. */
  from(time) {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  nearest(time) {
    const next = Math.min(this.from(time), this.count - 1);
    return next > 0 && time - this.times[next - 1] < this.times[next] - time ? next - 1 : next;
  }

  /* The frame that is on the screen at a time: the last one up to it. */
  shownAt(time) {
    const next = this.from(time);
    return next < this.count && this.times[next] === time ? next : Math.max(0, next - 1);
  }

  /* Place of the highest score between two times, both included; -1 where no scored frame lies there. */
  highestBetween(begin, end) {
    let best = -1;
    for (let place = this.from(begin); place < this.count && this.times[place] <= end; place += 1) {
      if (Number.isNaN(this.scores[place])) continue;
      if (best < 0 || this.scores[place] > this.scores[best]) best = place;
    }
    return best;
  }

  /* The event that lasts at a time, or none; where several do, the preferred one. */
  eventAt(time, preferred = null) {
    const lasts = (event) => event.begin_s <= time && time <= event.end_s;
    return preferred && this.events.includes(preferred) && lasts(preferred) ? preferred : this.events.find(lasts);
  }
}

function risen(firstMs, stepsMs) {
  const times = new Float64Array(stepsMs.length);
  let now = firstMs; // whole milliseconds: sums of seconds would drift
  for (let place = 0; place < stepsMs.length; place += 1) {
    now += stepsMs[place];
    times[place] = now / 1000;
  }
  return times;
}

/* m:ss.s, from an hour on h:mm:ss.s; rounded before it is split, so that no minute has 60 seconds. */
function clock(time, tenthsToo = true) {
  const tenths = Math.round(time * 10);
  const seconds = Math.floor(tenths / 10) % 60;
  const minutes = Math.floor(tenths / 600);
  const two = (number) => String(number).padStart(2, "0");
  const tail = `${two(seconds)}${tenthsToo ? `.${tenths % 10}` : ""}`;
  return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${tail}`;
}

function scoreText(score) {
  return Number.isFinite(score) ? score.toFixed(2) : "–";
}

/* The larger part of a score in words, or both where they are nearly the same: as `pipeline.parts.mainly`. */
function partsText(share) {
  if (Number.isNaN(share)) return "";
  const motion = Math.round(share * 100);
  const [moves, looks] = [`motion ${motion}%`, `appearance ${100 - motion}%`];
  if (Math.abs(share - 0.5) <= 0.1) return `${moves}, ${looks}`;
  return share > 0.5 ? moves : looks;
}
