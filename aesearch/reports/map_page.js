"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const groups = bytes(data.groups), count = data.count, styles = data.styles;
  const grouped = styles.length > 0;
  const shown = new Uint8Array(256).fill(1);
  const REACH = 12, NAMED = 16, GREY = "#9aa3ad", PLAIN = "#0072b2";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const tip = document.getElementById("tip"), said = document.getElementById("said");
  const legend = document.getElementById("legend");
  let found = null; // rows whose key has what is looked for, as flags

  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const colour = (hex) => {
    const mix = dark.matches ? 0.22 : 0; // lighter on a dark ground
    return rgb(hex).map((v) => Math.round(v + (255 - v) * mix));
  };
  const css = (hex) => `rgb(${colour(hex).join(" ")})`;
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
    part.setAttribute("fill", css(style.colour));
    made.append(part);
    return made;
  };

  class Panel {
    constructor(spec, number) {
      const all = new Float32Array(bytes(spec.places).buffer);
      const rows = order.filter((row) => Number.isFinite(all[2 * row] + all[2 * row + 1]));
      this.rows = rows;
      this.x = Float32Array.from(rows, (row) => all[2 * row]);
      this.y = Float32Array.from(rows, (row) => all[2 * row + 1]);
      this.group = Uint8Array.from(rows, (row) => groups[row]);
      this.where = new Int32Array(count).fill(-1);
      rows.forEach((row, i) => { this.where[row] = i; });
      this.named = number === 0 && grouped && styles.length <= NAMED;
      const section = element("section", document.getElementById("panels"));
      element("h2", section, spec.title);
      this.stage = element("div", section, "", "stage");
      this.canvas = element("canvas", this.stage);
      this.over = element("canvas", this.stage);
      this.canvas.tabIndex = 0;
      this.canvas.setAttribute("role", "img");
      const merit = spec.accuracy === null ? "" : `5-NN accuracy ${spec.accuracy.toFixed(3)}`;
      this.canvas.setAttribute("aria-label", `${spec.title}: ${rows.length} items. ${merit}`);
      element("p", section, merit, "told");
      this.context = this.canvas.getContext("2d");
      this.marks = this.over.getContext("2d");
      this.bounds();
      this.grid();
      if (this.named) this.medians();
      this.listen();
    }

    bounds() {
      let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
      for (let i = 0; i < this.x.length; i++) {
        x0 = Math.min(x0, this.x[i]); x1 = Math.max(x1, this.x[i]);
        y0 = Math.min(y0, this.y[i]); y1 = Math.max(y1, this.y[i]);
      }
      if (!(x1 >= x0)) [x0, x1, y0, y1] = [0, 1, 0, 1];
      if (x1 - x0 < 1e-12) { x0 -= 0.5; x1 += 0.5; }
      if (y1 - y0 < 1e-12) { y0 -= 0.5; y1 += 0.5; }
      Object.assign(this, { x0, y0, width: x1 - x0, height: y1 - y0 });
      this.home();
    }

    home() { this.zoom = 1; this.cx = 0.5; this.cy = 0.5; }

    // Cells of a few items each, so that hovering looks at some and not at all.
    grid() {
      const n = this.x.length, side = Math.max(1, Math.min(1024, Math.ceil(Math.sqrt(n / 2))));
      const cell = new Uint32Array(n), start = new Uint32Array(side * side + 1);
      for (let i = 0; i < n; i++) {
        const a = Math.min(side - 1, Math.floor(((this.x[i] - this.x0) / this.width) * side));
        const b = Math.min(side - 1, Math.floor(((this.y[i] - this.y0) / this.height) * side));
        cell[i] = b * side + a;
        start[cell[i] + 1]++;
      }
      for (let i = 0; i < side * side; i++) start[i + 1] += start[i];
      const next = start.slice(), items = new Uint32Array(n);
      for (let i = 0; i < n; i++) items[next[cell[i]]++] = i;
      Object.assign(this, { side, start, items });
    }

    medians() {
      this.names = styles.map((style, g) => {
        const own = [];
        for (let i = 0; i < this.x.length; i++) if (this.group[i] === g) own.push(i);
        if (style.colour === GREY || !own.length) return null;
        const middle = (v) => own.map((i) => v[i]).sort((p, q) => p - q)[own.length >> 1];
        const [mx, my] = [middle(this.x), middle(this.y)];
        const far = (i) => Math.hypot((this.x[i] - mx) / this.width, (this.y[i] - my) / this.height);
        return own.reduce((best, i) => (far(i) < far(best) ? i : best), own[0]);
      });
    }

    resize() {
      this.ratio = window.devicePixelRatio || 1;
      const box = this.stage.getBoundingClientRect();
      const w = Math.max(1, Math.round(box.width * this.ratio));
      const h = Math.max(1, Math.round(box.height * this.ratio));
      for (const canvas of [this.canvas, this.over]) {
        if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
      }
      if (!this.image || this.image.width !== w || this.image.height !== h) {
        this.image = this.context.createImageData(w, h);
        this.pixels = new Uint32Array(this.image.data.buffer);
      }
    }

    // From what is laid out to device pixels: x * ax + bx, y * ay + by.
    scale() {
      const w = this.canvas.width, h = this.canvas.height, room = 0.94 * this.zoom;
      const ax = (w * room) / this.width, ay = (-h * room) / this.height;
      return {
        ax, bx: w / 2 - (this.x0 + this.cx * this.width) * ax,
        ay, by: h / 2 - (this.y0 + this.cy * this.height) * ay,
      };
    }

    radius() {
      const area = this.canvas.width * this.canvas.height;
      const r = 0.22 * Math.sqrt(area / Math.max(1, this.x.length)) * Math.min(3, this.zoom ** 0.35);
      return Math.max(1, Math.min(5 * this.ratio, r));
    }

    draw() {
      this.resize();
      const { pixels } = this, w = this.canvas.width, h = this.canvas.height;
      const ground = rgb(dark.matches ? "#15181c" : "#ffffff");
      pixels.fill((255 << 24) | (ground[2] << 16) | (ground[1] << 8) | ground[0]);
      const { ax, bx, ay, by } = this.scale(), r = this.radius();
      const list = grouped ? styles : [{ colour: PLAIN, shape: 0 }];
      const key = r.toFixed(2);
      if (this.stamped !== key) {
        this.stamped = key;
        this.stamps = OUTLINES.map((_, shape) => stamp(shape, r));
      }
      const tints = list.map((style) => colour(style.colour));
      const grey = dark.matches ? [52, 57, 64] : [226, 229, 233];
      for (let pass = found ? 0 : 1; pass < 2; pass++) {
        for (let i = 0; i < this.x.length; i++) {
          const g = this.group[i];
          if (!shown[g] || (found && found[this.rows[i]] !== pass)) continue;
          const px = Math.floor(this.x[i] * ax + bx), py = Math.floor(this.y[i] * ay + by);
          const dot = this.stamps[list[g].shape], half = dot.half;
          if (px < -half || py < -half || px >= w + half || py >= h + half) continue;
          const tint = pass ? tints[g] : grey, rb = (tint[2] << 16) | tint[0], green = tint[1];
          const inside = px >= half && py >= half && px < w - half && py < h - half;
          const { dx, dy, amount } = dot, centre = py * w + px;
          for (let p = 0; p < amount.length; p++) {
            if (!inside) {
              const x = px + dx[p], y = py + dy[p];
              if (x < 0 || y < 0 || x >= w || y >= h) continue;
            }
            // Red and blue at once: each has 16 bits to itself.
            const at = centre + dy[p] * w + dx[p], under = pixels[at], a = amount[p], b = 256 - a;
            const mixed = (Math.imul(under & 0xff00ff, b) + Math.imul(rb, a)) >>> 8;
            const middle = Math.imul((under >>> 8) & 255, b) + Math.imul(green, a);
            pixels[at] = 0xff000000 | (mixed & 0xff00ff) | (middle & 0xff00);
          }
        }
      }
      this.context.putImageData(this.image, 0, 0);
      if (this.named) this.label();
      this.mark();
    }

    label() {
      const { ax, bx, ay, by } = this.scale(), context = this.context, taken = [];
      context.font = `600 ${12 * this.ratio}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineJoin = "round";
      context.lineWidth = 3.5 * this.ratio;
      context.strokeStyle = dark.matches ? "rgb(21 24 28 / .85)" : "rgb(255 255 255 / .85)";
      context.fillStyle = dark.matches ? "#e6e8eb" : "#1f2328";
      this.names.forEach((i, g) => {
        if (i === null || !shown[g]) return;
        const name = styles[g].name.length > 32 ? `…${styles[g].name.slice(-31)}` : styles[g].name;
        const half = context.measureText(name).width / 2, high = 8 * this.ratio;
        let x = this.x[i] * ax + bx;
        const y = this.y[i] * ay + by;
        if (x < 0 || y < 0 || x > this.canvas.width || y > this.canvas.height) return;
        x = Math.max(half + 4, Math.min(this.canvas.width - half - 4, x));
        if (taken.some(([u, v, s]) => Math.abs(x - u) < half + s && Math.abs(y - v) < 2 * high)) return;
        taken.push([x, y, half]);
        context.strokeText(name, x, y);
        context.fillText(name, x, y);
      });
    }

    mark() {
      const context = this.marks, i = hovered === null ? -1 : this.where[hovered];
      context.clearRect(0, 0, this.over.width, this.over.height);
      if (i < 0 || !shown[this.group[i]]) return;
      const { ax, bx, ay, by } = this.scale();
      context.beginPath();
      context.arc(this.x[i] * ax + bx, this.y[i] * ay + by, this.radius() + 4 * this.ratio, 0, 7);
      context.lineWidth = 5 * this.ratio;
      context.strokeStyle = dark.matches ? "#15181c" : "#ffffff";
      context.stroke();
      context.lineWidth = 2.5 * this.ratio;
      context.strokeStyle = dark.matches ? "#e6e8eb" : "#1f2328";
      context.stroke();
    }

    // The nearest visible item to a place of the pointer, or null.
    nearest(event) {
      const box = this.canvas.getBoundingClientRect(), { ax, bx, ay, by } = this.scale();
      const px = (event.clientX - box.left) * this.ratio, py = (event.clientY - box.top) * this.ratio;
      const reach = Math.max(REACH * this.ratio, this.radius() + 2), side = this.side;
      const cells = (at, low, size) => Math.floor(((at - low) / size) * side);
      const [left, right] = [px - reach, px + reach].map((v) => cells((v - bx) / ax, this.x0, this.width));
      const [low, high] = [py + reach, py - reach].map((v) => cells((v - by) / ay, this.y0, this.height));
      let best = null, least = reach * reach;
      for (let b = Math.max(0, low); b <= Math.min(side - 1, high); b++) {
        for (let a = Math.max(0, left); a <= Math.min(side - 1, right); a++) {
          for (let s = this.start[b * side + a]; s < this.start[b * side + a + 1]; s++) {
            const i = this.items[s];
            if (!shown[this.group[i]] || (found && !found[this.rows[i]])) continue;
            const far = (this.x[i] * ax + bx - px) ** 2 + (this.y[i] * ay + by - py) ** 2;
            if (far < least) { least = far; best = this.rows[i]; }
          }
        }
      }
      return best;
    }

    zoomed(factor, fx, fy) {
      const before = this.zoom;
      this.zoom = Math.max(0.5, Math.min(4000, before * factor));
      const step = (1 / before - 1 / this.zoom) / 0.94;
      this.cx += (fx - 0.5) * step;
      this.cy -= (fy - 0.5) * step;
      later(this);
    }

    moved(dx, dy) { // in shares of the panel
      this.cx -= dx / (0.94 * this.zoom);
      this.cy += dy / (0.94 * this.zoom);
      later(this);
    }

    listen() {
      const canvas = this.canvas, held = new Map();
      const share = (e) => {
        const box = canvas.getBoundingClientRect();
        return [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height];
      };
      canvas.addEventListener("wheel", (e) => {
        e.preventDefault();
        const lines = e.deltaMode === 1 ? 30 : 1;
        this.zoomed(Math.exp(-Math.max(-240, Math.min(240, e.deltaY * lines)) * 0.002), ...share(e));
      }, { passive: false });
      canvas.addEventListener("pointerdown", (e) => {
        held.set(e.pointerId, share(e));
        try { canvas.setPointerCapture(e.pointerId); } catch { /* gone already */ }
        this.stage.classList.add("moving");
      });
      canvas.addEventListener("pointermove", (e) => {
        const before = held.get(e.pointerId), now = share(e);
        if (!before) {
          const row = this.nearest(e);
          return hover(row, e);
        }
        held.set(e.pointerId, now);
        if (held.size === 1) this.moved(now[0] - before[0], now[1] - before[1]);
        else { // two fingers
          const [id] = [...held.keys()].filter((key) => key !== e.pointerId);
          const other = held.get(id), far = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
          if (far(before) > 0.01) this.zoomed(far(now) / far(before), ...other);
        }
        return hover(null);
      });
      const release = (e) => {
        held.delete(e.pointerId);
        if (!held.size) this.stage.classList.remove("moving");
      };
      canvas.addEventListener("pointerup", release);
      canvas.addEventListener("pointercancel", release);
      canvas.addEventListener("pointerleave", () => hover(null));
      canvas.addEventListener("dblclick", () => { this.home(); later(this); });
      canvas.addEventListener("keydown", (e) => {
        const step = 0.1, keys = {
          ArrowLeft: () => this.moved(step, 0), ArrowRight: () => this.moved(-step, 0),
          ArrowUp: () => this.moved(0, step), ArrowDown: () => this.moved(0, -step),
          "+": () => this.zoomed(1.3, 0.5, 0.5), "=": () => this.zoomed(1.3, 0.5, 0.5),
          "-": () => this.zoomed(1 / 1.3, 0.5, 0.5), 0: () => { this.home(); later(this); },
          Escape: () => only(null),
        };
        if (!keys[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
        e.preventDefault();
        keys[e.key]();
      });
    }
  }

  let hovered = null;
  const waiting = new Set();
  const later = (...wanted) => {
    if (!waiting.size) requestAnimationFrame(() => {
      const now = [...waiting];
      waiting.clear();
      now.forEach((panel) => panel.draw());
    });
    wanted.forEach((panel) => waiting.add(panel));
  };

  const hover = (row, event) => {
    if (row !== hovered) {
      hovered = row;
      panels.forEach((panel) => panel.mark());
      tip.replaceChildren();
      if (row !== null) {
        if (data.pictures[row]) {
          const image = element("img", tip);
          image.alt = "";
          image.src = `data:image/jpeg;base64,${data.pictures[row]}`;
        }
        if (data.words[row]) element("div", tip, data.words[row]);
        element("div", tip, data.keys[row], "key");
        if (grouped) {
          const line = element("div", tip, "", "group");
          const style = { ...styles[groups[row]] };
          const drawn = icon(style);
          drawn.setAttribute("width", "12");
          line.append(drawn, style.name);
        }
      }
    }
    tip.hidden = row === null;
    if (row === null) return;
    const { width, height } = tip.getBoundingClientRect(), gap = 16;
    const left = event.clientX + gap + width > innerWidth ? event.clientX - gap - width : event.clientX + gap;
    const top = Math.min(event.clientY + gap, innerHeight - height - 8);
    tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  };

  // Shows one group alone, or all of them (null); with `added` it is added or taken away.
  const only = (number, added) => {
    const visible = styles.map((_, g) => shown[g]).reduce((sum, one) => sum + one, 0);
    if (number === null) shown.fill(1);
    else if (added) shown[number] ^= 1;
    else if (visible === 1 && shown[number]) shown.fill(1);
    else shown.fill(0), shown[number] = 1;
    if (styles.every((_, g) => !shown[g])) shown.fill(1);
    [...legend.children].forEach((button, g) => button.setAttribute("aria-pressed", !!shown[g]));
    hover(null);
    later(...panels);
  };
  const listed = () => {
    legend.replaceChildren();
    styles.forEach((style, number) => {
      const button = element("button", legend);
      button.type = "button";
      button.title = style.name;
      button.setAttribute("aria-pressed", !!shown[number]);
      button.append(icon(style));
      element("span", button, style.name);
      element("small", button, style.count.toLocaleString("en"));
      button.addEventListener("click", (e) => only(number, e.ctrlKey || e.metaKey || e.shiftKey));
    });
  };
  const find = document.getElementById("find");
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    found = null;
    said.textContent = "";
    if (wanted) {
      let number = 0;
      found = new Uint8Array(count);
      for (let row = 0; row < count; row++) {
        const has = data.keys[row].toLowerCase().includes(wanted)
          || (data.words[row] || "").toLowerCase().includes(wanted);
        if (has) { found[row] = 1; number++; }
      }
      said.textContent = `${number.toLocaleString("en")} found`;
    }
    hover(null);
    later(...panels);
  });
  const panels = data.panels.map((spec, number) => new Panel(spec, number));
  listed();
  dark.addEventListener("change", () => { listed(); later(...panels); });
  new ResizeObserver(() => later(...panels)).observe(document.getElementById("panels"));
  panels.forEach((panel) => panel.draw());
})();
