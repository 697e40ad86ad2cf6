/* The large curve: what is seen of it, and how a mouse, a finger or keys move over it. */

const MARGIN = { left: 40, right: 12, top: 30, bottom: 28 };
const DRAG_PX = 5; // a hand is not still while it clicks
const HOVER_GAP_PX = 8; // of the words beside the line, as in the style sheet
const LEAST_FRAMES = 4; // of the closest zoom

class CurveView {
  /* `tell(recording, place)` is called when somebody asks for a moment. */
  constructor(plot, { top, clocked, tell }) {
    Object.assign(this, { top, tell, cursorTime: null, recording: null, chosen: null });
    this.canvas = plot.querySelector("canvas");
    this.area = plot.querySelector(".area");
    this.hover = plot.querySelector(".hover");
    this.cursor = plot.querySelector(".cursor");
    this.selected = plot.querySelector(".selected");
    this.label = (time, tenthsToo = true) => (clocked ? clock(time, tenthsToo) : String(Math.round(time)));
    // The area is the plot without its margins: its left edge is the first time, its right edge the last.
    for (const side of ["left", "right", "bottom"]) this.area.style[side] = `${MARGIN[side]}px`;
    this.listen();
  }

  open(recording) {
    if (this.recording === recording) return;
    this.recording = recording;
    this.area.setAttribute("aria-label", `Moment in ${recording.file}`);
    this.area.setAttribute("aria-valuemin", recording.begin.toFixed(3));
    this.area.setAttribute("aria-valuemax", recording.end.toFixed(3));
    this.hover.hidden = true;
    this.look(recording.begin, recording.end);
  }

  /* See a stretch of time: never beyond the recording, never closer than a few frames. */
  look(begin, end) {
    const { begin: first, end: last, step } = this.recording;
    const whole = Math.max(last - first, 0.001);
    const length = Math.min(Math.max(end - begin, LEAST_FRAMES * step), whole);
    this.begin = Math.min(Math.max((begin + end - length) / 2, first), first + whole - length);
    this.end = this.begin + length;
    this.draw();
  }

  get zoomed() {
    return this.end - this.begin < this.recording.end - this.recording.begin;
  }

  zoom(factor, around) {
    const length = (this.end - this.begin) * factor;
    const share = (around - this.begin) / (this.end - this.begin);
    this.look(around - length * share, around + length * (1 - share));
  }

  zoomAtCursor(factor) {
    const seen = this.cursorTime !== null && this.begin <= this.cursorTime && this.cursorTime <= this.end;
    this.zoom(factor, seen ? this.cursorTime : (this.begin + this.end) / 2);
  }

  all() {
    this.look(this.recording.begin, this.recording.end);
  }

  /* Mark a moment, and move what is seen along where it lies outside. */
  mark(place, chosen, said) {
    const time = this.recording.times[place];
    this.cursorTime = time;
    const stays = chosen === this.chosen && this.begin <= time && time <= this.end;
    this.chosen = chosen;
    this.area.setAttribute("aria-valuenow", time.toFixed(3));
    this.area.setAttribute("aria-valuetext", said);
    const length = this.end - this.begin;
    if (stays) this.place(this.cursor, time);
    else if (time < this.begin || time > this.end) this.look(time - length / 2, time + length / 2);
    else this.draw();
  }

  draw() {
    const { context, width, height } = prepared(this.canvas);
    if (!width || !this.recording) return;
    const colour = colours();
    this.scale = new Scale(width, height, MARGIN, this.begin, this.end, this.top);
    context.font = `12px ${getComputedStyle(this.canvas).fontFamily}`;
    drawScores(context, this.scale, colour);
    drawTimes(context, this.scale, colour, this.label);
    drawEvents(context, this.recording.events, this.scale, colour, this.chosen);
    drawMotion(context, this.recording, this.scale, colour);
    drawCurve(context, this.recording, this.scale, colour, 1.5);
    this.place(this.cursor, this.cursorTime);
  }

  place(line, time) {
    line.hidden = time === null || time < this.begin || time > this.end;
    if (!line.hidden) line.style.left = `${this.scale.x(time) - MARGIN.left}px`;
  }

  /* The frame that is meant at a place across the area: where frames are denser than pixels, the highest of that
     pixel, which is the one that is seen there. */
  frameAt(x) {
    const width = this.area.clientWidth;
    const timeAt = (across) => this.begin + (Math.min(Math.max(across, 0), width) / width) * (this.end - this.begin);
    const highest = this.recording.highestBetween(timeAt(x - 0.5), timeAt(x + 0.5));
    return highest < 0 ? this.recording.nearest(timeAt(x)) : highest;
  }

  listen() {
    const across = (event) => event.clientX - this.area.getBoundingClientRect().left;
    const ask = (event) => this.recording.count && this.tell(this.recording, this.frameAt(across(event)));
    let from = null; // where a mouse was pressed
    this.area.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.area.setPointerCapture(event.pointerId);
      if (event.pointerType === "touch") ask(event);
      else from = across(event);
    });
    this.area.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") this.showHover(across(event));
      else if (this.area.hasPointerCapture(event.pointerId)) ask(event);
      if (from !== null) this.showSelected(from, across(event));
    });
    this.area.addEventListener("pointerup", (event) => {
      const to = across(event);
      if (from !== null && Math.abs(to - from) < DRAG_PX) ask(event);
      else if (from !== null) this.lookBetween(Math.min(from, to), Math.max(from, to));
      from = null;
      this.selected.hidden = true;
    });
    this.area.addEventListener("pointercancel", () => {
      from = null;
      this.selected.hidden = true;
    });
    this.area.addEventListener("pointerleave", () => (this.hover.hidden = true));
    this.area.addEventListener("dblclick", () => this.all());
    this.area.addEventListener("keydown", (event) => this.key(event));
    this.area.addEventListener("wheel", (event) => this.wheel(event, across(event)), { passive: false });
  }

  lookBetween(left, right) {
    const width = this.area.clientWidth;
    const timeAt = (x) => this.begin + (Math.min(Math.max(x, 0), width) / width) * (this.end - this.begin);
    this.look(timeAt(left), timeAt(right));
  }

  /* Only with Ctrl or across: a page that is scrolled must not stop at its curve. */
  wheel(event, x) {
    const along = event.deltaX || (event.shiftKey ? event.deltaY : 0);
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const share = Math.min(Math.max(x / this.area.clientWidth, 0), 1);
      this.zoom(2 ** (event.deltaY / 200), this.begin + share * (this.end - this.begin));
    } else if (along && this.zoomed) {
      event.preventDefault();
      const moved = (along / this.area.clientWidth) * (this.end - this.begin);
      this.look(this.begin + moved, this.end + moved);
    }
  }

  key(event) {
    if (!this.recording.count || event.ctrlKey || event.metaKey || event.altKey) return;
    const { recording } = this;
    const now = this.cursorTime === null ? 0 : recording.nearest(this.cursorTime);
    const moves = {
      ArrowLeft: () => now - 1,
      ArrowDown: () => now - 1,
      ArrowRight: () => now + 1,
      ArrowUp: () => now + 1,
      Home: () => 0,
      End: () => recording.count - 1,
      PageUp: () => this.besideEvent(now, -1),
      PageDown: () => this.besideEvent(now, 1),
    };
    const looks = { "+": () => this.zoomAtCursor(0.5), "-": () => this.zoomAtCursor(2), Escape: () => this.all() };
    if (moves[event.key]) {
      this.tell(recording, Math.min(Math.max(moves[event.key](), 0), recording.count - 1));
    } else if (looks[event.key]) looks[event.key]();
    else return;
    event.preventDefault();
  }

  /* The frame of the next peak of an event, in one direction; the same frame where there is none. */
  besideEvent(place, direction) {
    const time = this.recording.times[place];
    const peaks = this.recording.events.map((event) => this.recording.nearest(event.peak_s));
    const beyond = peaks.filter((peak) => (this.recording.times[peak] - time) * direction > 0);
    return beyond.length ? Math[direction > 0 ? "min" : "max"](...beyond) : place;
  }

  showHover(x) {
    if (!this.recording.count) return;
    const place = this.frameAt(x);
    const time = this.recording.times[place];
    const event = this.recording.eventAt(time);
    const score = scoreText(this.recording.scores[place]);
    const words = [this.label(time), score, partsText(this.recording.shareAt(place)), event && `event ${event.number}`];
    const [said, width] = [this.hover.firstElementChild, this.area.clientWidth];
    said.textContent = words.filter(Boolean).join(" · ");
    said.style.maxWidth = `${Math.max(x, width - x) - HOVER_GAP_PX}px`; // on a small screen it breaks into lines
    this.hover.classList.toggle("leftwards", x > width / 2);
    this.place(this.hover, time);
  }

  showSelected(from, to) {
    const width = this.area.clientWidth;
    const [left, right] = [Math.max(Math.min(from, to), 0), Math.min(Math.max(from, to), width)];
    this.selected.hidden = Math.abs(to - from) < DRAG_PX;
    Object.assign(this.selected.style, { left: `${left}px`, width: `${Math.max(right - left, 0)}px` });
  }
}
