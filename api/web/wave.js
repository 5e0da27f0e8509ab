// A sound as a card shows it: a button, its shape, and how far it has played.
const BARS = 56, MAX_BYTES = 4 * 2 ** 20;
let playing = null; // one at a time

/** How long it is, and the loudest sample of each of BARS stretches, 0 to 1; null for what is too large to look at. */
async function peaks(item) {
  if (item.bytes > MAX_BYTES) return null;
  const raw = await (await fetch(item.media)).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 1, 22050).decodeAudioData(raw);
  const samples = sound.getChannelData(0), step = samples.length / BARS;
  const loud = Array.from({ length: BARS }, (_, bar) => {
    let most = 0;
    for (let i = Math.floor(bar * step); i < (bar + 1) * step && i < samples.length; i++) most = Math.max(most, Math.abs(samples[i]));
    return most;
  });
  const top = Math.max(...loud, 1e-6);
  return { bars: loud.map((value) => value / top), length: sound.duration };
}

function draw(canvas, bars, done, span) {
  const style = getComputedStyle(document.documentElement);
  const scale = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width) return;
  Object.assign(canvas, { width: width * scale, height: height * scale });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const step = width / BARS;
  for (let bar = 0; bar < BARS; bar++) {
    const tall = Math.max(2, bars[bar] * height);
    const here = (bar + 0.5) / BARS;
    pen.fillStyle = style.getPropertyValue(here <= done ? "--accent" : "--wave");
    pen.globalAlpha = span && (here < span[0] || here > span[1]) && here > done ? 0.45 : 1;
    pen.beginPath();
    pen.roundRect(bar * step + step * 0.2, (height - tall) / 2, step * 0.6, tall, 2);
    pen.fill();
  }
}

export function waveform(item, span, make, icon) {
  const frame = make("figure", "shown sound"), canvas = make("canvas"), audio = make("audio");
  Object.assign(audio, { src: item.media, preload: "none" });
  const start = icon("M8 5.5v13l11-6.5z"), pause = icon("M7 5.5h3.5v13H7z", "M13.5 5.5H17v13h-3.5z");
  start.classList.add("starting");
  pause.classList.add("pausing");
  const button = make("button", "play", start, pause);
  button.type = "button";
  button.setAttribute("aria-label", `Play ${item.caption || "this sound"}`);

  let bars = new Array(BARS).fill(0.04), length = 0;
  const part = () => (span?.unit === "seconds" && length ? [span.start / length, span.end / length] : null);
  const paint = () => draw(canvas, bars, length ? audio.currentTime / length : 0, part());
  const follow = () => { paint(); if (!audio.paused) requestAnimationFrame(follow); };

  button.addEventListener("click", () => (audio.paused ? audio.play().catch(() => failed()) : audio.pause()));
  canvas.addEventListener("click", (event) => {
    if (!length) return;
    audio.currentTime = (event.offsetX / canvas.clientWidth) * length;
    paint();
  });
  audio.addEventListener("loadedmetadata", () => { length = audio.duration; });
  audio.addEventListener("play", () => {
    if (playing && playing !== audio) playing.pause();
    playing = audio;
    frame.classList.add("playing");
    follow();
  });
  for (const name of ["pause", "ended"]) audio.addEventListener(name, () => { frame.classList.remove("playing"); paint(); });
  function failed() {
    frame.className = "shown unshown";
    frame.replaceChildren("This sound cannot be played here.");
  }

  // Drawn when it comes into view, and again when its width or the colours change.
  const seen = new IntersectionObserver(async ([entry]) => {
    if (!entry.isIntersecting) return;
    seen.disconnect();
    ({ bars, length } = (await peaks(item).catch(() => null)) ?? { bars, length });
    paint();
  });
  seen.observe(frame);
  new ResizeObserver(paint).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  frame.append(button, canvas, audio);
  return frame;
}
