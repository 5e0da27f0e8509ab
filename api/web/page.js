// The page: a question in, cards out. Whatever comes from the library goes in as text, never as markup.
import { waveform } from "/wave.js";

const at = (id) => document.getElementById(id);
const FIRST = 24, MOST = 192, MAX_FACTS = 8;
const SAID = [["q", "words"], ["but", "edit"], ["not", "without"]]; // in the address, and where it is typed
const FILM = /\.(mp4|m4v|mov|mkv|webm)$/i;
const KINDS = { image: "picture", audio: "sound", text: "text" };
const state = { files: [], like: [], k: FIRST, asking: null, token: null, why: null };

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children); // strings become text nodes
  return element;
}

function icon(...paths) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const d of paths) {
    const path = document.createElementNS(svg.namespaceURI, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

function say(text, wrong = false) {
  at("status").textContent = text;
  at("status").classList.toggle("wrong", wrong);
}

const wanted = () => [...at("wanted").querySelectorAll(":checked")].map((box) => box.value);
const many = (count, name) => `${count.toLocaleString("en")} ${name}${count === 1 ? "" : "s"}`;

async function fetched(url, options) {
  const response = await fetch(url, options).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer: is hearsee serve still running?");
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail || `The server answered ${response.status}.`);
  return body;
}

// --- the question -------------------------------------------------------------------------------------------------

function question() {
  const form = new FormData();
  for (const [name, id] of [["text", "words"], ["edit", "edit"], ["without", "without"]]) {
    const said = at(id).value.trim();
    if (said) form.append(name, said);
  }
  for (const item of state.like) form.append("like", item.id);
  for (const { kind, file } of state.files) form.append(kind, file, file.name || kind);
  if (wanted().length) form.append("wanted", wanted().join(","));
  form.append("k", state.k);
  if (parts() > 1) form.append("keep", "true"); // so that why a hit is here can be asked without sending it all again
  return form;
}

function remember() {
  const url = new URLSearchParams();
  for (const [name, id] of SAID) {
    const said = at(id).value.trim();
    if (said) url.set(name, said);
  }
  if (wanted().length) url.set("want", wanted().join(","));
  for (const item of state.like) url.append("like", item.id);
  const target = url.size ? `/?${url}` : "/";
  if (target !== location.pathname + location.search) history.pushState(null, "", target);
}

async function recall() {
  const url = new URLSearchParams(location.search);
  for (const [name, id] of SAID) at(id).value = url.get(name) ?? "";
  const kinds = (url.get("want") ?? "").split(",");
  for (const box of at("wanted").querySelectorAll("input")) box.checked = kinds.includes(box.value);
  state.k = FIRST;
  const ids = url.getAll("like").filter((id) => /^\d{1,18}$/.test(id));
  try {
    state.like = await Promise.all(ids.map((id) => fetched(`/v1/items/${id}`)));
  } catch (error) {
    state.like = [];
    say(error.message, true);
    return;
  }
  showParts();
  await ask();
}

const parts = () => SAID.filter(([, id]) => at(id).value.trim()).length + state.files.length + state.like.length;
const asked = () => Boolean(at("words").value.trim() || state.files.length || state.like.length);

function search() {
  state.k = FIRST;
  remember();
  return ask();
}

async function ask() {
  state.asking?.abort();
  const asking = (state.asking = new AbortController());
  const hits = at("hits");
  hits.classList.add("busy");
  hits.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => say("Searching …"), 400);
  try {
    await (asked() ? answer(asking) : browse(asking));
  } catch (error) {
    if (error.name === "AbortError") return;
    hits.replaceChildren();
    at("more").hidden = true;
    say(error.message, true);
  } finally {
    clearTimeout(slow);
    if (state.asking === asking) {
      hits.classList.remove("busy");
      hits.removeAttribute("aria-busy");
    }
  }
}

async function answer(asking) {
  const began = performance.now();
  const { hits, nothing_close: nothingClose, token } = await fetched("/v1/search", { method: "POST", body: question(), signal: asking.signal });
  const took = Math.max(1, Math.round(performance.now() - began));
  Object.assign(state, { token, why: null });
  at("hits").replaceChildren(...hits.map(card));
  at("more").hidden = hits.length < state.k || state.k >= MOST;
  document.title = `${at("words").value.trim() || "Search"} – Hearsee`;
  if (hits.length && nothingClose) say(`Nothing close to that. The nearest all the same, in ${took} ms`);
  else if (hits.length) say(`${many(hits.length, "hit")} in ${took} ms, nearest first`);
  else say("Nothing here is of that kind. Ask for other kinds, or index more with hearsee index FOLDER.");
}

/** Nothing asked yet: show a little of what is here, so that there is something to ask for. */
async function browse(asking) {
  const options = { signal: asking.signal };
  const kinds = wanted().length ? wanted() : Object.keys(KINDS);
  const pages = await Promise.all(kinds.map((kind) => fetched(`/v1/items?modality=${kind}&limit=8`, options)));
  const items = [];
  for (let row = 0; row < 8 && items.length < 12; row++) items.push(...pages.flatMap((page) => page.items[row] ?? []));
  Object.assign(state, { token: null, why: null });
  at("hits").replaceChildren(...items.slice(0, 12).map((item) => card({ item })));
  at("more").hidden = true;
  document.title = "Hearsee";
  if (items.length) say(at("edit").value.trim() || at("without").value.trim() ? "Say what to look for, too." : "A little of what is here");
  else say("Nothing is here yet. Fill the library with: hearsee index FOLDER");
}

// --- the parts beside the words -----------------------------------------------------------------------------------

function showParts() {
  const chips = [
    ...state.files.map((part) => chip(part.kind, part.url, part.file.name || `a ${KINDS[part.kind]}`, () => {
      URL.revokeObjectURL(part.url);
      state.files = state.files.filter((other) => other !== part);
    })),
    ...state.like.map((item) => chip(item.modality, item.media, `like ${title(item) || `this ${KINDS[item.modality]}`}`, () => {
      state.like = state.like.filter((other) => other !== item);
    })),
  ];
  at("parts").replaceChildren(...chips);
  at("parts").hidden = !chips.length;
}

function chip(kind, source, label, drop) {
  const preview = kind === "image" ? make("img") : make("span", "glyph", icon(...(kind === "audio" ? ["M5 10v4", "M9 7v10", "M13 4v16", "M17 8v8", "M21 11v2"] : ["M5 7h14", "M5 12h14", "M5 17h8"])));
  if (kind === "image") Object.assign(preview, { src: source, alt: "" });
  const away = make("button", "round", icon("M6 6l12 12", "M18 6L6 18"));
  Object.assign(away, { type: "button", title: "Remove" });
  away.setAttribute("aria-label", `Remove ${label}`);
  away.addEventListener("click", () => { drop(); showParts(); search(); });
  return make("li", "part", preview, make("span", "label", label), away);
}

function kindOf(file) {
  if (/\.(flac|ogg|oga|opus|wav|mp3|aiff?)$/i.test(file.name) || file.type.startsWith("audio/")) return "audio";
  return file.type.startsWith("image/") ? "image" : null;
}

function addFiles(files) {
  const known = [...files].map((file) => ({ file, kind: kindOf(file) })).filter((part) => part.kind);
  if (!known.length) return say("That is neither a picture nor a sound.", true);
  state.files.push(...known.map((part) => ({ ...part, url: URL.createObjectURL(part.file) })));
  showParts();
  search();
}

function moreLike(item) {
  for (const part of state.files) URL.revokeObjectURL(part.url);
  Object.assign(state, { files: [], like: [item] });
  at("words").value = at("edit").value = ""; // what was to be different was about another thing
  showParts();
  search();
  scrollTo({ top: 0, behavior: "smooth" });
}

// --- the cards ----------------------------------------------------------------------------------------------------

const title = (item) => item.caption || (item.modality === "text" ? item.text : "") || "";

function card({ item, score, span, chance }) {
  const about = make("div", "about");
  if (item.modality !== "text" && item.caption) about.append(make("p", "caption", item.caption));
  if (!item.caption && !Object.keys(item.metadata).length) about.append(make("p", "where", fileName(item.uri)));
  about.append(facts(item.metadata), foot(item, score, span, chance));
  const made = make("li", `card ${item.modality}`, shown(item, span), about);
  Object.assign(made.dataset, { id: item.id, uri: item.uri });
  return made;
}

function shown(item, span) {
  if (FILM.test(item.uri)) return film(item, span);
  if (item.modality === "image") return picture(item);
  if (item.modality === "audio") return waveform(item, span, make, icon);
  const quote = make("blockquote", "", item.text ?? "");
  quote.title = item.text ?? "";
  return make("figure", "shown quote", quote);
}

function film(item, span) {
  const frame = make("figure", "shown");
  const video = make("video");
  video.addEventListener("error", () => {
    frame.classList.add("unshown");
    frame.replaceChildren("This film cannot be played here.");
  });
  // A film begins where it was found.
  Object.assign(video, { controls: true, preload: "metadata", muted: false, src: `${item.media}#t=${span ? span.start : 0}` });
  video.setAttribute("aria-label", title(item) || fileName(item.uri));
  frame.append(video);
  return frame;
}

function picture(item) {
  const frame = make("figure", "shown");
  const image = make("img");
  image.addEventListener("error", () => {
    frame.classList.add("unshown");
    frame.replaceChildren("This picture cannot be shown here.");
  });
  Object.assign(image, { loading: "lazy", decoding: "async", alt: title(item) || fileName(item.uri), src: item.media });
  frame.append(image);
  return frame;
}

function facts(metadata) {
  const list = make("dl", "facts");
  for (const [key, value] of Object.entries(metadata).slice(0, MAX_FACTS)) {
    if (value === null || value === "") continue;
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    list.append(make("div", "", make("dt", "", key), make("dd", "", text.length > 60 ? `${text.slice(0, 59)}…` : text)));
  }
  return list;
}

function foot(item, score, span, chance) {
  const line = make("div", "foot");
  if (score !== undefined) {
    const calibrated = chance !== null && chance !== undefined;
    const number = make("span", "score", calibrated ? `${Math.round(100 * chance)} %` : score.toFixed(2));
    number.title = `${calibrated ? "the chance of being right; " : ""}cosine ${score.toFixed(4)}: 1 is the same direction`;
    line.append(number);
  }
  if (span) line.append(make("span", "", span.unit === "seconds" ? `${span.start.toFixed(1)}–${span.end.toFixed(1)} s` : `characters ${span.start}–${span.end}`));
  const alike = make("button", "alike", "More like this");
  alike.type = "button";
  alike.addEventListener("click", () => moreLike(item));
  if (state.token) line.append(why(item));
  line.append(alike);
  return line;
}

// --- why a hit is here --------------------------------------------------------------------------------------------

function why(item) {
  const button = make("button", "why", "Why?");
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", async () => {
    const about = button.closest(".about"), shown = about.querySelector(".shares");
    if (shown) shown.remove();
    else {
      const told = await reasons().catch((error) => { say(error.message, true); return null; });
      if (!told) return;
      about.append(shares(told.get(item.id)));
    }
    button.setAttribute("aria-expanded", String(!shown));
  });
  return button;
}

/** What each part did for each hit, asked for once: the service looks again without each of the parts. */
function reasons() {
  const body = { token: state.token, k: state.k, explain: true, ...(wanted().length ? { wanted: wanted() } : {}) };
  state.why ??= fetched("/v1/search", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
    .then(({ hits }) => new Map(hits.map((hit) => [hit.item.id, hit.explanation])))
    .catch((error) => { state.why = null; throw error; });
  return state.why;
}

function shares(told) {
  const list = make("dl", "shares");
  for (const { part, share, edit, negative, rank_without: rank } of told?.parts ?? []) {
    const name = `${edit ? "but " : negative ? "but not " : ""}${part.replace(/^(edit|without) /, "").replace(/^text /, "")}`;
    const without = rank ? `, rank ${rank} without it` : "";
    list.append(make("div", "", make("dt", "", name), make("dd", "", `${share < 0 ? "−" : "+"}${Math.abs(share).toFixed(2)}${without}`)));
  }
  if (!list.children.length) list.append(make("div", "", make("dt", "", "Nobody can tell: its score is no cosine.")));
  return list;
}

function fileName(uri) {
  const last = uri.split("/").pop();
  try { return decodeURIComponent(last); } catch { return last; }
}

// --- the wiring ---------------------------------------------------------------------------------------------------

at("ask").addEventListener("submit", (event) => { event.preventDefault(); search(); });
at("wanted").addEventListener("change", search);
at("more").addEventListener("click", () => { state.k = Math.min(MOST, state.k * 2); ask(); });
at("add").addEventListener("click", () => at("files").click());
at("files").addEventListener("change", () => { addFiles(at("files").files); at("files").value = ""; });
addEventListener("popstate", () => { state.files = []; recall(); });
addEventListener("paste", (event) => {
  if (!event.clipboardData.files.length) return;
  event.preventDefault();
  addFiles(event.clipboardData.files);
});
addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA)$/.test(document.activeElement?.tagName) && document.activeElement.type === "text";
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    at("words").select();
  }
  if (event.key === "Escape" && typing) document.activeElement.blur();
});
let depth = 0; // dragenter and dragleave also come from every child
addEventListener("dragenter", (event) => {
  if (![...event.dataTransfer.types].includes("Files")) return;
  depth += 1;
  at("drop").hidden = false;
});
addEventListener("dragleave", () => { depth = Math.max(0, depth - 1); if (!depth) at("drop").hidden = true; });
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  at("drop").hidden = true;
  if (event.dataTransfer.files.length) addFiles(event.dataTransfer.files);
});

fetched("/v1/library").then(({ items }) => {
  at("library").textContent = Object.entries(KINDS).map(([kind, name]) => many(items[kind], name).replace(" ", "\u00a0")).join(" · ");
}).catch((error) => say(error.message, true));
recall();
