// The map: what a dot is, where it lies in the other panels, groups alone.
for (const section of document.querySelectorAll("section.plane")) {
  const said = JSON.parse(section.querySelector("script").textContent);
  const line = section.querySelector("#item"), empty = line.textContent;
  const panels = [...section.querySelectorAll(".map svg")].map((svg) => {
    const ring = document.createElementNS(svg.namespaceURI, "circle");
    ring.setAttribute("class", "here");
    ring.setAttribute("r", "8");
    ring.setAttribute("visibility", "hidden");
    svg.append(ring);
    const dots = [...svg.querySelectorAll("[data-g] use")];
    return { svg, ring, points: dots.map((dot) => [dot.x.baseVal.value, dot.y.baseVal.value]) };
  });
  const show = (number) => {
    for (const { ring, points } of panels) {
      ring.setAttribute("visibility", number < 0 ? "hidden" : "visible");
      if (number < 0) continue;
      ring.setAttribute("cx", points[number][0]);
      ring.setAttribute("cy", points[number][1]);
    }
    line.textContent = number < 0 ? empty : said[number];
  };
  for (const { svg, points } of panels) {
    const look = (event) => {
      const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      let best = -1, least = 400;
      points.forEach(([u, v], number) => {
        const away = (u - x) ** 2 + (v - y) ** 2;
        if (away < least) { least = away; best = number; }
      });
      show(best);
    };
    svg.addEventListener("pointermove", look);
    svg.addEventListener("pointerdown", look);
    svg.addEventListener("pointerleave", () => show(-1));
  }
  const buttons = [...section.querySelectorAll(".groups button")];
  for (const button of buttons) button.addEventListener("click", () => {
    const alone = button.getAttribute("aria-pressed") !== "true";
    for (const one of buttons) one.setAttribute("aria-pressed", alone && one === button);
    for (const dots of section.querySelectorAll("[data-g]"))
      dots.classList.toggle("off", alone && dots.dataset.g !== button.dataset.of);
  });
}
