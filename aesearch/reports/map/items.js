// What is drawn, and with what: colors, shapes, small parts of the page.
const data = JSON.parse(document.getElementById("data").textContent);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const groups = bytes(data.groups), count = data.count, styles = data.styles;
const grouped = styles.length > 0;
const shown = new Uint8Array(256).fill(1);
const GREY = "#9aa3ad", PLAIN = "#0072b2";
// In pixels: how near to an item a mouse and a finger must be, and how far a tap may slip.
const REACH = 12, FINGER = 24, SHAKE = 6;
// Names: how many at most, size, room to the border, and how much of the group's color is in them.
const NAMED = 24, LETTERS = 12, INSET = 6, TINT = 0.2;
const SAMPLED = 200; // items of a group that are looked at for the place of its name
// With no more pictures in view than these they are shown, of these sides, on this share of all.
const THUMBNAILS = 150, SMALLEST = 28, LARGEST = 96, FILLED = 0.6;
const dark = matchMedia("(prefers-color-scheme: dark)");
const tip = document.getElementById("tip"), said = document.getElementById("said");
const legend = document.getElementById("legend");
let found = null; // rows whose key has what is looked for, as flags

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const color = (hex) => {
  const mix = dark.matches ? 0.22 : 0; // lighter on a dark ground
  return rgb(hex).map((v) => Math.round(v + (255 - v) * mix));
};
const css = (hex) => `rgb(${color(hex).join(" ")})`;
const OUTLINES = [
  null,
  [[0, -1.15], [1.1, 0.8], [-1.1, 0.8]],
  [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  [[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]],
];
const trace = (context, shape, x, y, r) => {
  context.beginPath();
  if (!OUTLINES[shape]) context.arc(x, y, r, 0, 2 * Math.PI);
  else OUTLINES[shape].forEach(([a, b], i) =>
    context[i ? "lineTo" : "moveTo"](x + a * r, y + b * r));
  context.closePath();
};
// How much of each pixel a dot of this shape covers, in parts of 256.
const stamp = (shape, r) => {
  const half = Math.ceil(r * 1.25), size = 2 * half + 1;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  trace(context, shape, half + 0.5, half + 0.5, r);
  context.fill();
  const pixels = context.getImageData(0, 0, size, size).data;
  const dx = [], dy = [], amount = [];
  for (let i = 0; i < size * size; i++) {
    if (pixels[4 * i + 3] < 8) continue;
    dx.push((i % size) - half);
    dy.push(Math.floor(i / size) - half);
    amount.push(Math.round(pixels[4 * i + 3] * 0.85));
  }
  return { half, dx: Int32Array.from(dx), dy: Int32Array.from(dy), amount: Int32Array.from(amount) };
};
// In a shuffled order, the same each time, no group lies on top of all others.
const order = new Uint32Array(count).map((_, i) => i);
for (let i = count - 1, seed = 1; i > 0; i--) {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  const j = Math.floor((seed / 4294967296) * (i + 1));
  const kept = order[i];
  order[i] = order[j];
  order[j] = kept;
}
const element = (name, parent, text, kind) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (kind) made.className = kind;
  parent.append(made);
  return made;
};
const icon = (style) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", "-1.3 -1.3 2.6 2.6");
  const outline = OUTLINES[style.shape];
  const part = document.createElementNS(made.namespaceURI, outline ? "polygon" : "circle");
  if (outline) part.setAttribute("points", outline.map((p) => p.join(",")).join(" "));
  else part.setAttribute("r", "1");
  part.setAttribute("fill", css(style.color));
  made.append(part);
  return made;
};
const pictured = Object.keys(data.pictures).length > 0;
const NONE = {}; // in place of a picture that is not there
const pictures = new Map();
// The thumbnail of an item; it may be loading still, and then the panels are drawn again.
const pictureOf = (row) => {
  if (!data.pictures[row]) return NONE;
  if (!pictures.has(row)) {
    const image = new Image();
    image.onload = () => later(...panels);
    image.src = `data:image/jpeg;base64,${data.pictures[row]}`;
    pictures.set(row, image);
  }
  return pictures.get(row);
};
