/* The page put together: the curve, the player, the recordings to choose from, the list of events. */

(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const { events } = data;
  const recordings = data.recordings.map((packed, number) => new Recording(packed, number, events));
  const seen = recordings.filter((recording) => recording.count);

  const highest = Math.max(1, ...seen.filter((each) => each.highest >= 0).map((each) => each.scores[each.highest]));
  const top = 2 ** Math.ceil(Math.log2(Math.max(highest * 1.1, 4)));
  let now = null; // the moment that is shown: {recording, place}
  let chosen = null; // the event it belongs to

  const view = new CurveView(byId("plot"), { top, clocked: data.clocked, tell: (...moment) => show(...moment) });
  const label = (time) => (data.clocked ? clock(time) : `picture ${Math.round(time)}`);
  const player = new Player(byId("player"), events, { label, tell: followed });

  function show(recording, place, preferred = null, play = false) {
    const event = preferred || recording.eventAt(recording.times[place]);
    mark(recording, place, event);
    player.show(recording, place, event, play);
  }

  /* Say everywhere which moment is shown, and of which event where its clip goes on before and after it. */
  function mark(recording, place, preferred) {
    now = { recording, place };
    open(recording);
    const [time, score] = [recording.times[place], recording.scores[place]];
    const event = recording.eventAt(time, preferred);
    const judged = score > 1 ? "above the threshold" : "normal";
    const parts = partsText(recording.shareAt(place));
    const verdict = Number.isNaN(score) ? "no score" : `${scoreText(score)} ${judged}${parts && `, ${parts}`}`;
    byId("time").textContent = label(time);
    byId("score").textContent = verdict;
    byId("score").classList.toggle("above", score > 1);
    view.mark(place, event, [label(time), verdict, event && `event ${event.number}`].filter(Boolean).join(", "));
    const about = event || preferred || null;
    if (about === chosen) return;
    if (chosen) byId(`event-${chosen.number}`).classList.remove("chosen");
    if (about) byId(`event-${about.number}`).classList.add("chosen");
    chosen = about;
  }

  function open(recording) {
    if (view.recording === recording) return;
    view.cursorTime = null;
    view.open(recording);
    byId("which").textContent = recordings.length > 1 ? recording.file : "";
    for (const button of byId("chooser").children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.recording) === recording.number));
    }
  }

  /* The video moved by itself. In heatmap.mp4, whose time is then given, recordings follow each other. */
  function followed(recording, time, videoTime) {
    let [shown, at] = [recording, time];
    if (videoTime !== null) {
      shown = seen.filter((each) => each.videoBegin !== null && each.videoBegin <= videoTime).pop() || recording;
      at = shown.begin + videoTime - shown.videoBegin;
    }
    const place = shown.shownAt(at);
    if (shown !== now.recording || place !== now.place) mark(shown, place, player.moment.preferred);
  }

  function chooseRecordings() {
    const chooser = byId("chooser");
    chooser.hidden = recordings.length < 2;
    if (chooser.hidden) return;
    for (const recording of recordings) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.recording = recording.number;
      button.disabled = !recording.count;
      const name = document.createElement("span");
      name.textContent = recording.file;
      const peak = document.createElement("b");
      const score = recording.highest < 0 ? NaN : recording.scores[recording.highest];
      peak.textContent = recording.count ? scoreText(score) : "no frames";
      peak.classList.toggle("above", score > 1);
      button.append(document.createElement("canvas"), name, peak);
      button.addEventListener("click", () => show(recording, Math.max(recording.highest, 0)));
      chooser.append(button);
    }
  }

  function drawSmall() {
    const colour = colours();
    for (const button of byId("chooser").children) {
      const recording = recordings[button.dataset.recording];
      const { context, width, height } = prepared(button.querySelector("canvas"));
      const margin = { left: 0, right: 0, top: 2, bottom: 1 };
      const scale = new Scale(width, height, margin, recording.begin, recording.end, top);
      context.strokeStyle = colour.line;
      strokeLine(context, 0, Math.round(scale.y(1)) + 0.5, width, Math.round(scale.y(1)) + 0.5);
      if (recording.count && width) drawCurve(context, recording, scale, colour, 1);
    }
  }

  function redraw() {
    view.draw();
    drawSmall();
  }

  function wireEvents() {
    for (const event of events) {
      const card = byId(`event-${event.number}`);
      const recording = recordings[event.recording];
      const showOnClick = (link, time, play) => link && link.addEventListener("click", (click) => {
        click.preventDefault();
        show(recording, recording.nearest(time), event, play);
        byId("player").scrollIntoView({ block: "nearest" });
      });
      if (!recording.count) continue;
      const clip = event.clip;
      showOnClick(card.querySelector(".shot"), clip ? clip.begin_s : event.peak_s, Boolean(clip));
      showOnClick(card.querySelector(".peak"), event.peak_s, false);
      const file = card.querySelector(".file");
      // Mailed alone, the page still gives out the clips it carries.
      if (file && clip.carried) {
        file.addEventListener("click", () => {
          Object.assign(file, { href: player.linkOf(event), download: file.dataset.name });
        });
      }
    }
  }

  function orderEvents() {
    const order = byId("order");
    if (!order) return;
    order.hidden = false;
    order.addEventListener("click", ({ target }) => {
      if (!target.dataset.by) return;
      const worth = (event) => (target.dataset.by === "score" ? -event.score : event.number);
      const sorted = [...events].sort((one, other) => worth(one) - worth(other));
      byId("events").append(...sorted.map((event) => byId(`event-${event.number}`)));
      for (const button of order.children) button.setAttribute("aria-pressed", String(button === target));
    });
  }

  function wireTools() {
    const step = (by) => () => {
      const place = Math.min(Math.max(now.place + by, 0), now.recording.count - 1);
      show(now.recording, place, player.moment.preferred);
    };
    byId("play").addEventListener("click", () => player.playOrPause());
    byId("back").addEventListener("click", step(-1));
    byId("on").addEventListener("click", step(1));
    byId("in").addEventListener("click", () => view.zoomAtCursor(0.5));
    byId("out").addEventListener("click", () => view.zoomAtCursor(2));
    byId("all").addEventListener("click", () => view.all());
  }

  /* Begin where it matters most: at the highest event, else at the highest score. */
  function begin() {
    const [event] = [...events].sort((one, other) => other.score - one.score);
    const peak = (recording) => (recording.highest < 0 ? -1 : recording.scores[recording.highest]);
    const best = seen.reduce((one, other) => (one && peak(one) >= peak(other) ? one : other), null);
    const recording = event && recordings[event.recording].count ? recordings[event.recording] : best;
    if (!recording) return;
    byId("stage").hidden = false;
    // Without any picture there is nothing to play.
    const pictures = seen.some((each) => each.videoBegin !== null) || document.querySelector(".shot");
    byId("stage").classList.toggle("bare", !pictures);
    const place = event && recording.number === event.recording ? recording.nearest(event.peak_s) : recording.highest;
    show(recording, Math.max(place, 0), event);
  }

  chooseRecordings();
  orderEvents();
  wireEvents();
  wireTools();
  begin();
  drawSmall();
  new ResizeObserver(redraw).observe(byId("plot"));
  for (const query of ["(prefers-color-scheme: dark)", "print", `(resolution: ${window.devicePixelRatio}dppx)`]) {
    matchMedia(query).addEventListener("change", redraw);
  }
})();
