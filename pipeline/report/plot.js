/* A curve on a canvas: scores on a logarithmic scale, so that 0.5 and 40 can both be read, the threshold at 1. */

const FLOOR = 1 / 8; // scores below are drawn here, as in the coarse maps
const GAP_STEPS = 3; // frames further apart than this many usual steps are not joined: footage is missing
const TIME_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];

class Scale {
  /* From times and scores to pixels, within a frame of margins. */
  constructor(width, height, margin, begin, end, top) {
    Object.assign(this, { width, height, margin, begin, end, top });
    this.left = margin.left;
    this.right = width - margin.right;
    this.bottom = height - margin.bottom;
  }

  x(time) {
    const share = this.end > this.begin ? (time - this.begin) / (this.end - this.begin) : 0.5;
    return this.left + share * (this.right - this.left);
  }

  y(score) {
    const share = Math.log2(Math.max(score, FLOOR) / FLOOR) / Math.log2(this.top / FLOOR);
    return this.bottom - Math.min(share, 1) * (this.bottom - this.margin.top);
  }
}

/* The canvas's context, sized for the pixels of the screen and cleared, in the units of the style sheet. */
function prepared(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "muted", "line", "card", "normal-line", "alarm-line", "alarm-text", "motion"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/* Unbroken runs of points {x, low, high, motion}. Where frames are denser than pixels, a point holds the least and the
   highest score of its column, and what of the highest is motion: a peak of one frame never vanishes. */
function runs(recording, scale) {
  const first = Math.max(0, recording.from(scale.begin) - 1);
  const last = Math.min(recording.count - 1, recording.from(scale.end));
  const dense = last - first > 2 * (scale.right - scale.left);
  const found = [];
  let [run, point, before] = [null, null, -Infinity];
  for (let place = first; place <= last; place += 1) {
    const [time, score] = [recording.times[place], recording.scores[place]];
    if (Number.isNaN(score)) {
      run = null;
      continue;
    }
    if (!run || time - before > GAP_STEPS * recording.step + 0.001) found.push((run = []));
    before = time;
    const x = dense ? Math.floor(scale.x(time)) + 0.5 : scale.x(time);
    const motion = score * recording.shareAt(place);
    if (dense && run.length && point.x === x) {
      point.low = Math.min(point.low, score);
      if (score > point.high) Object.assign(point, { high: score, motion });
    } else {
      run.push((point = { x, low: score, high: score, motion }));
    }
  }
  return found;
}

/* Line and area of a curve: blue up to the threshold and orange above it, as in the pictures. */
function drawCurve(context, recording, scale, colour, lineWidth) {
  const [line, area] = [new Path2D(), new Path2D()];
  for (const run of runs(recording, scale)) {
    const from = run[0];
    area.moveTo(from.x, scale.bottom);
    line.moveTo(from.x, scale.y(from.high));
    for (const point of run) {
      area.lineTo(point.x, scale.y(point.high));
      line.lineTo(point.x, scale.y(point.high));
      if (point.low < point.high) line.lineTo(point.x, scale.y(point.low));
    }
    area.lineTo(run[run.length - 1].x, scale.bottom);
    if (run.length === 1) line.arc(from.x, scale.y(from.high), lineWidth, 0, 2 * Math.PI); // a frame without neighbours
  }
  const threshold = scale.y(1);
  const parts = [[0, threshold, colour["alarm-line"]], [threshold, scale.height, colour["normal-line"]]];
  for (const [top, bottom, tint] of parts) {
    context.save();
    context.beginPath();
    context.rect(scale.left - 2, top, scale.right - scale.left + 4, bottom - top);
    context.clip();
    Object.assign(context, { fillStyle: tint, strokeStyle: tint, lineWidth, lineJoin: "round", globalAlpha: 0.16 });
    context.fill(area);
    context.globalAlpha = 1;
    context.stroke(line);
    context.restore();
  }
}

/* What of a curve is motion, as an area below it: it reaches up to the line where all is motion, and stays at the
   bottom where all is appearance. */
function drawMotion(context, recording, scale, colour) {
  if (!recording.shares) return;
  const [line, area] = [new Path2D(), new Path2D()];
  for (const run of runs(recording, scale)) {
    area.moveTo(run[0].x, scale.bottom);
    run.forEach((point, number) => {
      area.lineTo(point.x, scale.y(point.motion));
      line[number ? "lineTo" : "moveTo"](point.x, scale.y(point.motion));
    });
    area.lineTo(run[run.length - 1].x, scale.bottom);
  }
  context.save();
  Object.assign(context, { fillStyle: colour.motion, strokeStyle: colour.motion, lineWidth: 1, lineJoin: "round" });
  context.globalAlpha = 0.3;
  context.fill(area);
  context.globalAlpha = 0.8;
  context.stroke(line);
  context.restore();
}

function drawScores(context, scale, colour) {
  Object.assign(context, { lineWidth: 1, textAlign: "right", textBaseline: "middle" });
  const doublings = Math.log2(scale.top / FLOOR);
  const skip = Math.ceil(20 / ((scale.bottom - scale.margin.top) / doublings)); // labels need 20 px
  for (let doubling = -2; 2 ** doubling <= scale.top; doubling += 1) {
    if (doubling % skip) continue;
    const y = Math.round(scale.y(2 ** doubling)) + 0.5;
    context.strokeStyle = doubling ? colour.line : colour["alarm-line"];
    context.setLineDash(doubling ? [] : [5, 4]);
    strokeLine(context, scale.left, y, scale.right, y);
    context.fillStyle = doubling ? colour.muted : colour["alarm-text"];
    context.fillText(String(2 ** doubling), scale.left - 8, y);
  }
  context.setLineDash([]);
}

function drawTimes(context, scale, colour, label) {
  Object.assign(context, { lineWidth: 1, textAlign: "center", textBaseline: "top", strokeStyle: colour.line });
  const room = (90 * (scale.end - scale.begin)) / (scale.right - scale.left); // labels need 90 px
  const step = TIME_STEPS.find((each) => each >= room) || TIME_STEPS[TIME_STEPS.length - 1];
  for (let tick = Math.ceil(scale.begin / step); tick * step <= scale.end; tick += 1) {
    const x = Math.round(scale.x(tick * step)) + 0.5;
    strokeLine(context, x, scale.bottom, x, scale.bottom + 4);
    const text = label(tick * step, step < 1);
    const half = context.measureText(text).width / 2;
    context.fillStyle = colour.muted;
    context.fillText(text, Math.min(Math.max(x, half), scale.width - half), scale.bottom + 8);
  }
}

/* Bands above the threshold where events lie, with their numbers on tabs above, as long as there is room for them. */
function drawEvents(context, events, scale, colour, chosen) {
  Object.assign(context, { textAlign: "center", textBaseline: "middle" });
  let free = -Infinity;
  for (const event of events) {
    const left = Math.max(scale.x(event.begin_s), scale.left);
    const right = Math.min(Math.max(scale.x(event.end_s), left + 2), scale.right);
    if (right <= scale.left || left >= scale.right) continue;
    const text = String(event.number);
    const width = context.measureText(text).width + 12;
    context.globalAlpha = event === chosen ? 0.2 : 0.1;
    context.fillStyle = colour["alarm-line"];
    context.fillRect(left, scale.margin.top, right - left, scale.y(1) - scale.margin.top);
    context.globalAlpha = 1;
    context.fillRect(left, scale.margin.top - 3, right - left, 3);
    const tab = Math.min(Math.max((left + right - width) / 2, scale.left), scale.right - width);
    if (tab < free) continue;
    free = tab + width + 2;
    context.fillStyle = event === chosen ? colour["alarm-text"] : colour["alarm-line"];
    context.beginPath();
    context.roundRect(tab, scale.margin.top - 22, width, 17, 4);
    event === chosen ? context.fill() : Object.assign(context, { strokeStyle: context.fillStyle }).stroke();
    context.fillStyle = event === chosen ? colour.card : colour["alarm-text"];
    context.fillText(text, tab + width / 2, scale.margin.top - 13);
  }
}

function strokeLine(context, x, y, toX, toY) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.stroke();
}
