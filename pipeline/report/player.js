/* The picture of a moment: from the clip of an event, else from heatmap.mp4 beside the page, else the nearest
   thumbnail. */

const HEATMAP = "./heatmap.mp4";
// Into the frame rather than onto its edge: times in files are whole milliseconds, and rounded once more by browsers.
const INTO_FRAME_S = 0.005;
const [SOON_MS, BESIDE_S] = [100, 0.001];
const BUSY_MS = 250; // seeks that follow each other faster, as along a drag, wait for the one before

class Player {
  /* `tell(recording, place)` is called when the video moved on by itself. */
  constructor(figure, events, { label, tell }) {
    Object.assign(this, { events, label, tell, source: null, wanted: null, moment: null, soon: 0, beside: false });
    this.video = figure.querySelector("video");
    this.image = figure.querySelector("img");
    this.words = figure.querySelector(".words");
    this.from = figure.querySelector(".from");
    this.button = figure.querySelector("#play");
    this.broken = new Set(); // sources that could not be played
    this.links = new Map(); // object URLs of clips, by the event's number
    this.listen();
  }

  /* Show a frame, best from the clip of a preferred event. */
  show(recording, place, preferred = null, play = false) {
    const time = recording.times[place];
    Object.assign(this, { moment: { recording, place, preferred, play } });
    const source = this.sourcesOf(recording, time, preferred).find((each) => !this.broken.has(each.link));
    if (!source) {
      this.showNearest(recording, time);
      return;
    }
    this.from.textContent = source.said;
    this.image.hidden = this.words.hidden = true;
    this.video.hidden = this.button.disabled = false;
    this.video.setAttribute("aria-label", source.said);
    if (!this.source || this.source.link !== source.link) {
      this.video.src = source.event ? this.linkOf(source.event) : source.link;
    }
    this.source = source;
    this.seek(time - source.begin);
    if (play) this.play();
    else this.video.pause();
  }

  /* Videos that hold a moment, best first; `begin` is the time in the recording at which each begins. */
  sourcesOf(recording, time, preferred) {
    const holds = ({ clip }) => clip && clip.begin_s - 0.001 <= time && time <= clip.end_s + 0.001;
    const rank = (event) => (event === preferred ? -2 : 0) + (event.clip.carried ? -1 : 0);
    const clips = recording.events.filter(holds).sort((one, other) => rank(one) - rank(other));
    const sources = clips.map((event) => {
      const { link, begin_s: begin } = event.clip;
      return { link, recording, event, begin, said: `From the clip of event ${event.number}` };
    });
    if (recording.videoBegin !== null) {
      const begin = recording.begin - recording.videoBegin;
      sources.push({ link: HEATMAP, recording, begin, said: "From heatmap.mp4" });
    }
    return sources;
  }

  /* Address of a clip: an object URL of what the page carries, made when it is first asked for. */
  linkOf(event) {
    if (!event.clip.carried) return event.clip.link;
    if (!this.links.has(event.number)) {
      const bytes = bytesOf(document.getElementById(`clip-${event.number}`).textContent);
      this.links.set(event.number, URL.createObjectURL(new Blob([bytes], { type: "video/mp4" })));
    }
    return this.links.get(event.number);
  }

  play() {
    this.video.play().catch(() => {}); // a browser may refuse what nobody clicked for, and the button stays
  }

  playOrPause() {
    if (this.video.paused) this.play();
    else this.video.pause();
  }

  seek(time) {
    this.wanted = Math.max(0, time) + INTO_FRAME_S;
    const waits = this.video.seeking && performance.now() - this.soughtAt < BUSY_MS;
    if (!waits) this.seekNow();
  }

  seekNow() {
    this.video.currentTime = this.wanted; // before a new video is loaded, this is where it will begin
    this.wanted = null;
    this.soughtAt = performance.now();
  }

  /* Once in a hundred times Chromium has the picture that was sought and goes on showing the one before, until it
     seeks again: it does so, a little beside, when nothing else happened for a moment. */
  seekBesideSoon() {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => {
      this.beside = this.video.paused && !this.video.seeking && this.wanted === null;
      if (this.beside) this.video.currentTime += BESIDE_S;
    }, SOON_MS);
  }

  showNearest(recording, time) {
    this.video.pause();
    this.video.hidden = this.button.disabled = true;
    const distance = (event) => Math.max(event.begin_s - time, time - event.end_s, 0);
    const shown = recording.events.filter((event) => document.querySelector(`#event-${event.number} img`));
    const [event] = shown.sort((one, other) => distance(one) - distance(other));
    this.image.hidden = !event;
    this.words.hidden = false;
    this.from.textContent = "";
    if (event) {
      this.image.src = document.querySelector(`#event-${event.number} img`).src;
      this.image.alt = `Event ${event.number} at its peak`;
    }
    this.words.textContent = this.aboutNearest(event, time);
  }

  aboutNearest(event, time) {
    const without = "This page carries no picture of this moment";
    if (!event) return `${without}.`;
    if (event.begin_s <= time && time <= event.end_s) {
      return `Event ${event.number} at its peak, at ${this.label(event.peak_s)}.`;
    }
    const away = `${Math.abs(event.peak_s - time).toFixed(1)} s ${event.peak_s > time ? "later" : "earlier"}`;
    return `${without}. Shown: the nearest event, ${event.number}, ${away}.`;
  }

  listen() {
    this.video.addEventListener("seeked", () => {
      if (this.wanted !== null) this.seekNow();
      else if (this.video.paused) this.follow();
      if (!this.beside) this.seekBesideSoon();
      this.beside = false;
    });
    this.video.addEventListener("play", () => this.followWhilePlaying());
    for (const kind of ["play", "pause", "ended"]) {
      this.video.addEventListener(kind, () => {
        this.button.textContent = this.video.paused ? "Play" : "Pause";
        this.follow();
      });
    }
    // The browser's controls hide the foot of a picture, where its time and score stand: only for who goes there.
    for (const kind of ["pointerenter", "focus"]) this.video.addEventListener(kind, () => (this.video.controls = true));
    for (const kind of ["pointerleave", "blur"]) this.video.addEventListener(kind, () => (this.video.controls = false));
    this.video.addEventListener("error", () => {
      if (!this.source) return;
      // Mailed alone, the page has lost what lay beside it: show the next best.
      this.broken.add(this.source.link);
      this.source = null;
      const { recording, place, preferred, play } = this.moment;
      this.show(recording, place, preferred, play);
    });
  }

  followWhilePlaying() {
    const step = () => {
      if (this.video.paused || this.video.ended) return;
      this.follow();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /* Tell where the video is by now. heatmap.mp4 may have gone on to another recording. */
  follow() {
    if (!this.source || this.video.seeking || this.wanted !== null) return;
    const { recording, event, begin } = this.source;
    const time = this.video.currentTime + begin;
    // The last picture is shown for a while: the frame that follows in the recording is not in the clip.
    if (event) this.tell(recording, Math.min(time, event.clip.end_s), null);
    else this.tell(recording, time, this.video.currentTime);
  }
}
