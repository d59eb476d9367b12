// One layout: its items, the view on them, what is drawn, and what the pointer does.
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
    this.named = number === 0 && grouped;
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
    if (this.named) this.middles();
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

  // A name stands at the item around which a quarter of its group lies closest: medians would lie
  // between the two parts of a group that has two, where others are.
  middles() {
    const members = styles.map(() => []);
    for (let i = 0; i < this.x.length; i++) members[this.group[i]].push(i);
    this.names = members.map((own, g) => {
      if (styles[g].color === GREY || !own.length) return null;
      const size = Math.min(own.length, SAMPLED), quarter = Math.min(size - 1, Math.ceil(size / 4));
      const sample = Array.from({ length: size }, (_, n) => own[Math.floor((n * own.length) / size)]);
      const far = new Float32Array(size);
      let at = sample[0], least = Infinity;
      for (const i of sample) {
        sample.forEach((j, n) => {
          far[n] = ((this.x[i] - this.x[j]) / this.width) ** 2
            + ((this.y[i] - this.y[j]) / this.height) ** 2;
        });
        const reach = far.sort()[quarter];
        if (reach < least) { least = reach; at = i; }
      }
      const full = styles[g].name, name = full.length > 32 ? `…${full.slice(-31)}` : full;
      return { at, name };
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
    const list = grouped ? styles : [{ color: PLAIN, shape: 0 }];
    const key = r.toFixed(2);
    if (this.stamped !== key) {
      this.stamped = key;
      this.stamps = OUTLINES.map((_, shape) => stamp(shape, r));
    }
    const tints = list.map((style) => color(style.color));
    const grey = dark.matches ? [52, 57, 64] : [226, 229, 233];
    const seen = []; // items in view, up to one more than get a thumbnail
    for (let pass = found ? 0 : 1; pass < 2; pass++) {
      for (let i = 0; i < this.x.length; i++) {
        const g = this.group[i];
        if (!shown[g] || (found && found[this.rows[i]] !== pass)) continue;
        const px = Math.floor(this.x[i] * ax + bx), py = Math.floor(this.y[i] * ay + by);
        const dot = this.stamps[list[g].shape], half = dot.half;
        if (px < -half || py < -half || px >= w + half || py >= h + half) continue;
        if (pass && seen.length <= THUMBNAILS) seen.push(i);
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
    this.around = 0; // of an item, that the pointer takes for it
    if (pictured && seen.length <= THUMBNAILS) this.thumbnails(seen);
    if (this.named) this.label();
    this.mark();
  }

  // Small pictures framed in the color of their group; where one is in the way of the next, that
  // stays a dot until there is more room.
  thumbnails(seen) {
    const { ax, bx, ay, by } = this.scale(), context = this.context, taken = [];
    const area = this.canvas.width * this.canvas.height, least = SMALLEST * this.ratio;
    const side = Math.max(least, Math.min(LARGEST * this.ratio,
      Math.sqrt((FILLED * area) / Math.max(1, seen.length))));
    this.around = side / 2;
    context.lineWidth = 2 * this.ratio;
    for (const i of seen) {
      const row = this.rows[i], x = this.x[i] * ax + bx, y = this.y[i] * ay + by;
      if (taken.some(([u, v]) => Math.abs(x - u) < side && Math.abs(y - v) < side)) continue;
      const image = pictureOf(row);
      if (!image.naturalWidth) continue;
      taken.push([x, y]);
      const scale = (side - 6 * this.ratio) / Math.max(image.naturalWidth, image.naturalHeight);
      const wide = image.naturalWidth * scale, tall = image.naturalHeight * scale;
      context.drawImage(image, x - wide / 2, y - tall / 2, wide, tall);
      context.strokeStyle = css(grouped ? styles[this.group[i]].color : PLAIN);
      context.strokeRect(x - wide / 2, y - tall / 2, wide, tall);
    }
  }

  // Names of the largest groups in view; one that has no room where its group is goes a little
  // above or below, or is left out until there is more room.
  label() {
    const { ax, bx, ay, by } = this.scale(), context = this.context, taken = [];
    const w = this.canvas.width, h = this.canvas.height, r = this.ratio;
    const tall = (LETTERS + 4) * r, inset = INSET * r;
    context.font = `600 ${LETTERS * r}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 3.5 * r;
    context.strokeStyle = dark.matches ? "rgb(21 24 28 / .85)" : "rgb(255 255 255 / .85)";
    const ink = rgb(dark.matches ? "#e6e8eb" : "#1f2328");
    const clamp = (v, half, size) => Math.max(half + inset, Math.min(size - half - inset, v));
    this.names.forEach((one, g) => {
      if (one === null || !shown[g] || taken.length >= NAMED) return;
      const left = this.x[one.at] * ax + bx, top = this.y[one.at] * ay + by;
      if (left < 0 || top < 0 || left > w || top > h) return;
      if (one.ratio !== r) {
        one.ratio = r;
        one.half = context.measureText(one.name).width / 2;
      }
      const half = one.half, x = clamp(left, half, w);
      if (2 * (half + inset) > w) return;
      for (const step of [0, -1, 1]) {
        const y = clamp(top + step * tall, tall / 2, h);
        const free = ([u, v, s]) => Math.abs(x - u) >= half + s + 3 * r || Math.abs(y - v) >= tall;
        if (!taken.every(free)) continue;
        taken.push([x, y, half]);
        const own = color(styles[g].color).map((v, i) => TINT * v + (1 - TINT) * ink[i]);
        context.fillStyle = `rgb(${own.map(Math.round).join(" ")})`;
        context.strokeText(one.name, x, y);
        context.fillText(one.name, x, y);
        return;
      }
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
  nearest(event, reached = REACH) {
    const box = this.canvas.getBoundingClientRect(), { ax, bx, ay, by } = this.scale();
    const px = (event.clientX - box.left) * this.ratio, py = (event.clientY - box.top) * this.ratio;
    const reach = Math.max(reached * this.ratio, this.radius() + 2, this.around);
    const side = this.side;
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
    let tapped = null; // where a finger came down, until it moves
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
      tapped = e.pointerType === "touch" && held.size === 1 ? [e.clientX, e.clientY] : null;
      try { canvas.setPointerCapture(e.pointerId); } catch { /* gone already */ }
      this.stage.classList.add("moving");
    });
    canvas.addEventListener("pointermove", (e) => {
      const before = held.get(e.pointerId), now = share(e);
      if (!before) {
        const row = this.nearest(e);
        return hover(row, e);
      }
      if (tapped && Math.hypot(e.clientX - tapped[0], e.clientY - tapped[1]) < SHAKE) return null;
      tapped = null;
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
      if (tapped && e.type === "pointerup") hover(this.nearest(e, FINGER), e);
      tapped = null;
      if (!held.size) this.stage.classList.remove("moving");
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", (e) => {
      if (e.pointerType !== "touch") hover(null); // what a finger showed stays when it is lifted
    });
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
