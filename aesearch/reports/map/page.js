// What happens on the page: hovering, the legend, looking for a key.
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
addEventListener("scroll", () => hover(null), { passive: true });
new ResizeObserver(() => later(...panels)).observe(document.getElementById("panels"));
panels.forEach((panel) => panel.draw());
